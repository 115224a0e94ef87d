"""Recalculates settlement.xlsx in LibreOffice and compares every amount, to the cent, with the table.

    python .ci/workbook.py OUT [LEAST_FORMULAS]
"""

import csv
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from decimal import Decimal

import polars as pl

out = pathlib.Path(sys.argv[1]).resolve()
book = out / "settlement.xlsx"
scratch = pathlib.Path(tempfile.mkdtemp())
profile = scratch / "profile" / "user"
profile.mkdir(parents=True)
# Recalculate on load, always: cached values must not be what is compared.
(profile / "registrymodifications.xcu").write_text("""<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>
</oor:items>""")
# Every cached value made wrong, so that only a recalculation can be right.
wrong = scratch / "settlement.xlsx"
formulas = 0
with zipfile.ZipFile(book) as source, zipfile.ZipFile(wrong, "w", zipfile.ZIP_DEFLATED) as target:
    if source.testzip() is not None:
        sys.exit("the workbook is damaged")
    for name in source.namelist():
        text = source.read(name).decode()
        if name.startswith("xl/worksheets/"):
            parts = text.split("</f><v>")
            formulas += len(parts) - 1
            text = parts[0] + "".join("</f><v>77777" + p[p.index("</v>"):] for p in parts[1:])
        target.writestr(name, text)
subprocess.run(
    ["soffice", f"-env:UserInstallation={(scratch / 'profile').as_uri()}", "--headless", "--convert-to",
     'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1', "--outdir",
     scratch, wrong], check=True, capture_output=True, timeout=180)
sheets = {p.stem.removeprefix("settlement-"): list(csv.DictReader(p.open(encoding="utf-8")))
          for p in scratch.glob("settlement-*.csv")}
if set(sheets) != {"Summary", "Settlement", "KPIs", "Findings", "Dictionary", "Provenance"}:
    sys.exit(f"sheets: {sorted(sheets)}")
table = pl.read_parquet(out / "settlement.parquet")
rows = sheets["Settlement"]
if len(rows) != table.height:
    sys.exit(f"{len(rows)} rows in the workbook, {table.height} in the table")
cent = Decimal("0.005")
made = {"formula": 0, "measure": 0, "engine": 0, "": 0}
for row, published in zip(rows, table.sort("contract_id", "seq").iter_rows(named=True)):
    made[row["made by"]] += 1
    where = [row[c] for c in ("contract", "period", "clause", "seq", "step")]
    if published["amount"] is None:
        if row["amount"]:
            sys.exit(f"{where}: an amount that was not published")
    elif abs(Decimal(row["amount"]) - published["amount"]) >= cent:
        sys.exit(f"{where}: recalculated {row['amount']}, published {published['amount']}")
wrong_rows = [row for row in sheets["Summary"] if row["recomputed and published"] not in ("equal", "")]
if wrong_rows or Decimal(sheets["Summary"][-1]["statements come to"] or "1") != 0:
    sys.exit(f"the summary differs: {wrong_rows} {sheets['Summary'][-1]}")
least = int(sys.argv[2]) if len(sys.argv) > 2 else 0
if formulas < least or made["engine"]:
    sys.exit(f"{formulas} formulas, {made}: fewer follow the calculation than before")
print(f"{len(rows)} rows recalculated from {formulas} formulas, equal to the cent: {made}")
