"""Writes the column tables in docs/outputs.md from the Parquet files of a run.

    python docs/outputs.py data/complete/out            # writes
    python docs/outputs.py --check data/complete/out    # fails if the page is not current

The run must have been made with --incident-facts. Names, types, units and descriptions come from the files themselves. What a table is for, and in
which order its rows stand, is written here; orders that can be seen in the columns are verified.
"""

import difflib
import json
import pathlib
import sys

import polars as pl
import pyarrow.parquet as pq

PAGE = pathlib.Path(__file__).with_name("outputs.md")
BEGIN, END = "<!-- tables: written by docs/outputs.py -->", "<!-- end of tables -->"

# Table: what for, order of rows in words, columns of that order where they alone decide it.
TABLES = {
    "settlement": (
        "Who owes whom what, with every step of the calculation. A row whose `amount_kind` is "
        "`payable` is what a clause comes to; `total` adds up a statement; the others are the "
        "steps that lead there.",
        "contract, then `seq`: the order of the calculation",
        ["contract_id", "seq"],
    ),
    "kpi": (
        "The measured values that clauses refer to, per period and scope, with interval, target "
        "and score. A value that could not be measured has a reason and is never zero. "
        "[kpis.md](kpis.md) defines each.",
        "contract, period by its start and end, scope, order of the catalogue",
        ["contract_id"],
    ),
    "baseline": (
        "What was expected per stream and month of the performance period, what was counted, and "
        "how the expectation was made. For a sum over months, services or priorities take the "
        "joint interval from `kpi`; intervals do not add up.",
        "contract, service, priority, month",
        ["contract_id", "service_id", "priority", "month"],
    ),
    "schemes": (
        "What this contract and the pricing schemes it is compared with pay over the same "
        "history, month by month whatever the settlement period, so that schemes can be compared. "
        "`supplier_revenue` is the customer's fees. What is known by month stands in its month; what "
        "settles or is known only for a longer period (a quarter, a true-up of the year) stands whole "
        "in the last month of that period. All amounts add up over the months.",
        "contract, scheme (this contract first), month",
        ["contract_id"],
    ),
    "alignment": (
        "What one more of something (an avoided incident, a euro saved, a breach) changes in the "
        "supplier's profit over its whole range: one row per region of equal slope, found by "
        "settling again with moved measures. [alignment.md](alignment.md) says how to read it.",
        "contract, period, driver, region",
        ["contract_id"],
    ),
    "integrity": (
        "Tests for gaming: whether conduct in the performance period is another than in the "
        "baseline, in ways that only the numbers profit from. A flag is evidence with a corrected "
        "probability, never a penalty. [integrity.md](integrity.md) describes each test.",
        "contract, order of the tests in integrity.md",
        ["contract_id"],
    ),
    "billing_facts": (
        "Every invoice line in scope: whether it counts in the benchmark or as actual cost, and "
        "why. Start here when a cost looks wrong. A folder with a file per UTC month in which the "
        "periods start. A file is taken over from the former output where nothing in it changed, so "
        "its metadata name the lines that it was made of (`gainshare.lines_hash`) and not the run.",
        "contract, source, invoice, line, within a file",
        ["contract_id", "source", "invoice_id", "line_id"],
    ),
    "adjustments_applied": (
        "Every line of the table `adjustments` and what became of it. Only what both parties had "
        "agreed by the as-of moment is added to its measure.",
        "contract, then money before incidents, adjustment",
        ["contract_id"],
    ),
    "initiative_results": (
        "What each savings proposal is credited with over the performance period. Several on the "
        "same service and month are credited in the order of their decision, so that every euro "
        "counts once.",
        "contract, day of decision, initiative",
        ["contract_id"],
    ),
    "overrides": (
        "Decisions of the terms to use a number although a rule disqualifies it. Numbers that rest "
        "on one have the status or reason `overridden`.",
        "contract, order of the terms",
        ["contract_id"],
    ),
    "worst_incidents": (
        "The five worst incidents of each contract, one by one: when each was known, told, updated, "
        "warned of, due and restored, and what the disruption and the silence cost. Kept in the "
        "measuring pass per service and month of opening, so that they are the worst of all. An incident "
        "whose history cannot be read and one that is the child of another are not among them; of those "
        "still open the ones with the largest share of users are kept.",
        "contract, rank",
        ["contract_id", "rank"],
    ),
    "incident_facts": (
        "On request (`gainshare run --incident-facts`): every ticket of a contract, counted or not and why. "
        "A folder with a file per UTC month of opening. The rows add up to `cells`.",
        "contract, opening, source, number, within a file",
        ["contract_id", "opened_at", "source", "ticket_id"],
    ),
    "cells": (
        "The sums that everything is computed from: whole numbers and exact decimals that can be "
        "added over services, priorities and months without loss.",
        "contract, service (unknown first), priority, month",
        ["contract_id", "service_id", "priority", "month"],
    ),
    "findings": (
        "What the run noticed: one row per kind and place, with a count and samples.",
        "stage, code, severity, contract, file, line",
        [],
    ),
    "rejects": (
        "Rows that could not be read, as they stand in their file. [mappings.md](mappings.md) "
        "says what to do about each code.",
        "table, file, line",
        ["table", "file", "line"],
    ),
}

TYPES = {"string": "text", "int64": "integer", "double": "float", "bool": "true/false"}


def type_of(field):
    text = str(field.type)
    return TYPES.get(text, text.replace("decimal128", "decimal"))


def tables(folder):
    manifest = json.loads((folder / "_manifest.json").read_text(encoding="utf-8"))
    files = {}
    for output in manifest["outputs"]:
        if output["file"].endswith(".parquet"):
            # Of a table with a file per month the first stands for all.
            files.setdefault(output["file"].removesuffix(".parquet").split("/")[0], folder / output["file"])
    if set(files) != set(TABLES):
        sys.exit(f"docs/outputs.py describes {sorted(TABLES)}, the run wrote {sorted(files)}; "
                 "run with --incident-facts")
    lines = []
    for name, (purpose, order, keys) in TABLES.items():
        file = pq.ParquetFile(files[name])
        metadata = {k.decode(): v.decode() for k, v in file.metadata.metadata.items() if k != b"ARROW:schema"}
        wanted = [("terms_hash", None), ("inputs_hash", manifest["inputs_hash"]), ("as_of", manifest["as_of"])]
        if name == "billing_facts":
            # Its files are taken over by later runs, so they name their lines and not the run.
            wanted = [("lines_hash", None)]
        for key, value in [*wanted, ("table", name)]:
            if value not in (None, metadata.get(f"gainshare.{key}")) or f"gainshare.{key}" not in metadata:
                sys.exit(f"{name}: metadata `gainshare.{key}` is missing or differs from the manifest")
        rows = pl.read_parquet(files[name], columns=keys or None)
        if keys and not rows.equals(rows.sort(keys, nulls_last=False, maintain_order=True)):
            sys.exit(f"{name}: rows are not in the order {keys}")
        lines += [f"### {name}", "", f"{metadata['gainshare.description']}.", "", purpose, "",
                  f"Order of rows: {order}.", "", "| column | type | unit | what |", "|---|---|---|---|"]
        for field in file.schema_arrow:
            about = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
            if not about.get("description"):
                sys.exit(f"{name}.{field.name} has no description")
            what = about["description"].replace("|", "\\|")
            lines.append(f"| `{field.name}` | {type_of(field)} | {about.get('unit', '')} | {what} |")
        lines.append("")
    return "\n".join(lines)


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    old = PAGE.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    new = f"{before}{BEGIN}\n\n{tables(pathlib.Path(arguments[0]))}\n{END}{after}"
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
    elif new != old:
        diff = difflib.unified_diff(old.splitlines(), new.splitlines(), "docs/outputs.md", "the run", lineterm="", n=1)
        sys.exit("\n".join(diff) + "\ndocs/outputs.md is old: python docs/outputs.py data/complete/out")
    else:
        print("docs/outputs.md is current")


main()
