#!/usr/bin/env python3
"""Makes a project of many contracts out of one of few, for measuring.

    python3 benches/many_contracts.py PROJECT FOLDER [--times 34]

Every contract of PROJECT gets as many copies as asked for, each with tickets, invoices and all
other records of its own under names of their own: 34 times the six contracts of data/complete are
204 contracts over 36 months. Read from the project's store, so run `gainshare ingest PROJECT`
first; needs Python with polars (notebooks/requirements.txt).
"""

import argparse
import shutil
import sys
import tomllib
from pathlib import Path

import polars as pl

# What names a record or refers to one: a copy gets names of its own in all of them.
NAMES = """contract_id ticket_id parent_id problem_id change_id caused_by_change_id ref_id notice_id
invoice_id corrects_invoice_id initiative_id goal_id adjustment_id moment_id interaction_id
response_id relief_id dispute_id statement_id blocker_id line_id""".split()
# What the store holds in parts per million.
SHARES = {"incidents": ["affected_share"], "attribution": ["weight"]}


def rows(store: Path, table: str) -> pl.DataFrame | None:
    """All rows of a stored table, without what the store has worked out."""
    parts = [store / f"{table}.parquet"] + sorted((store / table).glob("*/*.parquet"))
    found = [pl.read_parquet(p, hive_partitioning=False) for p in parts if p.is_file()]
    if not found:
        return None
    made = {"source_line", "ticket_row", "item_gap_s", "first_child"}
    whole = pl.concat(found, how="diagonal")
    whole = whole.drop(c for c in whole.columns if c in made or c.startswith(("caller_", "x_")))
    # Moments are UTC.
    moments = [c for c, kind in whole.schema.items() if kind == pl.Datetime]
    shares = [c for c in SHARES.get(table, []) if c in whole.columns]
    return whole.with_columns(
        *(pl.col(c).dt.replace_time_zone("UTC") for c in moments),
        *((pl.col(c) / 1_000_000).round(6) for c in shares),
    )


def copy_of(frame: pl.DataFrame, copy: int) -> pl.DataFrame:
    """The rows under the names of one copy."""
    held = [c for c in NAMES if c in frame.columns]
    return frame.with_columns(
        (pl.col(c).cast(pl.String) + f"-{copy:03}").alias(c) for c in held
    )


def quoted(value: object) -> str:
    """A value of the project file as TOML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{k} = {quoted(v)}" for k, v in value.items())
        return "{ " + inner + " }"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=34, help="copies of each contract")
    asked = parser.parse_args()
    settings = tomllib.loads((asked.project / "gainshare.toml").read_text(encoding="utf-8"))
    stored = asked.project / settings.get("output", {}).get("store", "store")
    if not stored.is_dir():
        sys.exit(f"{stored}: no store; run `gainshare ingest {asked.project}` first")
    if asked.folder.exists():
        sys.exit(f"{asked.folder}: there is something already; name a folder that is not there")
    (asked.folder / "input").mkdir(parents=True)
    shutil.copytree(asked.project / "terms", asked.folder / "terms")

    text = ["schema = 1", 'name = "many"', f"as_of = {quoted(settings['as_of'])}", ""]
    text += ["[people]", 'names = "as_given"', ""]
    tables = {p.stem for p in stored.glob("*.parquet")}
    tables |= {p.name for p in stored.iterdir() if p.is_dir()}
    for table in sorted(tables):
        frame = rows(stored, table)
        if frame is None or frame.height == 0:
            continue
        own = any(c in frame.columns for c in ("contract_id", "ticket_id", "goal_id"))
        copies = range(asked.times) if own else []
        whole = pl.concat([copy_of(frame, i) for i in copies]) if own else frame
        whole.write_parquet(asked.folder / "input" / f"{table}.parquet")
        # Rows that say of what tool they are keep saying so.
        text += ["[[source]]", f'name = "{table}"', f'table = "{table}"']
        text += [f'files = ["input/{table}.parquet"]', ""]
    for copy in range(asked.times):
        for contract in settings["contract"]:
            text.append("[[contract]]")
            renamed = dict(contract, id=f"{contract['id']}-{copy:03}")
            text += [f"{key} = {quoted(value)}" for key, value in renamed.items()]
            text.append("")
    (asked.folder / "gainshare.toml").write_text("\n".join(text), encoding="utf-8")
    print(f"{asked.folder}: {asked.times * len(settings['contract'])} contracts")


if __name__ == "__main__":
    main()
