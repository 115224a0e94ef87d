"""Checks a run's manifest: files all there, and every row and amount of the input accounted for."""

import json
import pathlib
import sys
from decimal import Decimal

FATES = ["accepted", "duplicate", "rejected", "out_of_scope"]

folder = pathlib.Path(sys.argv[1])
manifest = json.loads((folder / "_manifest.json").read_text(encoding="utf-8"))
rows = 0
for account in manifest["inputs"]:
    if account["rows_in"] != sum(account[f] for f in FATES):
        sys.exit(f"{account['file']}: rows are lost: {account}")
    for currency, money in account["money"].items():
        if Decimal(money["amount_in"]) != sum(Decimal(money[f]) for f in FATES):
            sys.exit(f"{account['file']}: {currency} is lost: {money}")
    rows += account["rows_in"]
named = {output["file"] for output in manifest["outputs"]} | {"_manifest.json"}
there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
if named != there:
    sys.exit(f"the manifest names {sorted(named)}, the folder holds {sorted(there)}")
print(f"{rows} input rows accounted for, {len(named) - 1} output files")
