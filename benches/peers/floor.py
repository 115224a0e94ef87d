"""The floor: polars decodes the named canonical columns of the plain canonical Parquet, and nothing else.

    python benches/peers/floor.py PLAIN

The columns are named once, as FLOOR in benches/recalculation.rs. Prints how long it took, and the rows.
"""

import json
import pathlib
import re
import sys
import time

import polars as pl

NAMED = pathlib.Path(__file__).parent.parent / "recalculation.rs"


def columns():
    """The columns of the floor by table."""
    text = re.search(r"^const FLOOR: .*?= &\[(.*?)^\];", NAMED.read_text(encoding="utf-8"), re.M | re.S).group(1)
    found = {
        t: re.findall(r'"(\w+)"', names) for t, names in re.findall(r'\(\s*"(\w+)",\s*&\[(.*?)\],?\s*\)', text, re.S)
    }
    if not found or not all(found.values()):
        sys.exit(f"{NAMED}: cannot read the columns of FLOOR")
    return found


def main():
    plain, wanted = pathlib.Path(sys.argv[1]), columns()
    began = time.perf_counter()
    rows = {}
    for table, names in wanted.items():
        rows[table] = pl.read_parquet(plain / f"{table}.parquet", columns=names).height
    print(json.dumps({"seconds": time.perf_counter() - began, "rows": rows}))


if __name__ == "__main__":
    main()
