"""Writes the plain canonical Parquet of a store: one file per table, the canonical columns alone.

    python benches/peers/plain.py STORE PLAIN

What docs/inputs.md names and nothing that our store prepares beside it. Rows keep the order in which they lie in
the store (contract, month of opening, service, opening); row groups are those that DuckDB writes by itself.
"""

import pathlib
import re
import sys

import polars as pl

# Tables of the large passes, in folders by contract and month.
LARGE = ("incidents", "incident_events", "notices", "sla_clocks", "billing")
# Small ones that KPIs of the large tables need.
SMALL = ("calendars", "exposure", "relief_events")
INPUTS = pathlib.Path(__file__).parent.parent.parent / "docs" / "inputs.md"
ROW_GROUP = 122_880


def canonical(table):
    """The columns of a canonical table."""
    page = INPUTS.read_text(encoding="utf-8")
    section = re.search(rf"^## {table}\n(.*?)(?=^## |\Z)", page, re.M | re.S).group(1)
    return re.findall(r"^\| \*{0,2}`(\w+)`", section, re.M)


def main():
    store, plain = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    plain.mkdir(parents=True, exist_ok=True)
    for table in LARGE:
        files = sorted((store / table).glob("*/*.parquet"))
        rows = pl.scan_parquet(files)
        held = set(rows.collect_schema().names())
        rows = rows.select(column for column in canonical(table) if column in held)
        rows.sink_parquet(plain / f"{table}.parquet", row_group_size=ROW_GROUP, maintain_order=True)
    for table in SMALL:
        rows = pl.read_parquet(store / f"{table}.parquet")
        rows.select(c for c in canonical(table) if c in rows.columns).write_parquet(plain / f"{table}.parquet")


if __name__ == "__main__":
    main()
