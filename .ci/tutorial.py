"""Follows docs/tutorial.md from an export to a settlement, command by command.

    python .ci/tutorial.py GAINSHARE

The reader's own export is played by the bundled real ServiceNow log: the last state of each of its
incidents, written as the tutorial's example writes dates and services. Files and commands are taken
from the page itself; only names, dates and periods of the example are replaced. Three months of log
are no baseline, so the right end is charges that settle and a reduction that is not measurable.
"""

import csv
import datetime
import gzip
import os
import pathlib
import re
import subprocess
import sys
import tempfile

gainshare = pathlib.Path(sys.argv[1]).resolve()
root = pathlib.Path(__file__).resolve().parent.parent
page = (root / "docs/tutorial.md").read_text(encoding="utf-8")
project = pathlib.Path(tempfile.mkdtemp()) / "project"
(project / "exports").mkdir(parents=True)
tools = project.parent / "bin"
tools.mkdir()
(tools / "gainshare").symlink_to(gainshare)
environment = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}", NO_COLOR="1")


def blocks(kind):
    return re.findall(r"```" + kind + r"\n(.*?)```", page, re.S)


def written(stamp):
    """As the example of the tutorial writes a moment."""
    if stamp in ("", "?"):
        return ""
    return datetime.datetime.strptime(stamp, "%d/%m/%Y %H:%M").strftime("%Y.%m.%d %H:%M:%S")


def told(commands):
    """Runs the commands of a block; they must succeed."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=project, env=environment,
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"the tutorial says\n{commands}\nwhich gives {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def expect(text, *wanted):
    for word in wanted:
        if word not in text:
            sys.exit(f"the tutorial promises `{word}`, not found in:\n{text}")


# 1. The export.
last = {}
with gzip.open(root / "data/servicenow_focus/incident_event_log.csv.gz", "rt", encoding="utf-8") as log:
    for row in csv.DictReader(log):
        last[row["number"]] = row
services = sorted({row["category"] for row in last.values()})
with open(project / "exports/incident.csv", "w", newline="", encoding="utf-8") as file:
    export = csv.writer(file)
    export.writerow(["number", "opened_at", "resolved_at", "closed_at", "priority", "u_service",
                     "assignment_group", "category", "cmdb_ci"])
    for row in last.values():
        export.writerow([row["number"], *(written(row[c]) for c in ("opened_at", "resolved_at", "closed_at")),
                         row["priority"], row["category"], row["assignment_group"], row["subcategory"],
                         row["cmdb_ci"].replace("?", "")])

shell = blocks("sh")
if len(shell) != 6:
    sys.exit(f"{len(shell)} blocks of commands in the tutorial: teach {__file__} the new ones")
look, copy, check, run, explain, correct = shell

# 2. Look at it: as the page says, the service is unmapped and the dates are not read.
said = told(look)
expect(said, "u_service", "(unmapped)", "date_format")

# 3. The mapping: the lines of the page replace those of the start.
told(copy)
mapping = (project / "mappings/incidents.toml").read_text(encoding="utf-8")
formats = re.search(r'formats = \[.*?\]', blocks("toml")[0]).group(0)
mapping, dates = re.subn(r"formats = \[[^\]]*\]", formats, mapping)
if not dates:
    sys.exit("the start of a mapping has no formats to replace")
mapping += "\n" + re.search(r"\[columns\.service_id\].*", blocks("toml")[0], re.S).group(0)
(project / "mappings/incidents.toml").write_text(mapping, encoding="utf-8")

# 4. The small tables, with the columns of the page.
headers = [block.splitlines()[0] for block in blocks("csv")]
scope, exposure, invoices = headers
months = ["2016-03", "2016-04", "2016-05", "2016-06"]
(project / "exports/contract_scope.csv").write_text(
    scope + "\n" + "".join(f"C-100,{s},2016-01-01,\n" for s in services), encoding="utf-8")
(project / "exports/exposure.csv").write_text(
    exposure + "\n" + "".join(f"C-100,{s},{m},400\n" for s in services for m in months), encoding="utf-8")
(project / "exports/invoices.csv").write_text(
    invoices + "\n" + "".join(
        f"F{i:03},1,C-100,{m}-01,{n}-01,20000.00,EUR\n"
        for i, (m, n) in enumerate(zip(months, months[1:] + ["2016-07"]), 1)), encoding="utf-8")

# 5. The project of the README and the terms of the example, with other dates.
readme = (root / "README.md").read_text(encoding="utf-8")
toml = next(b for b in re.findall(r"```toml\n(.*?)```", readme, re.S) if "[[source]]" in b)
toml = re.sub(r"(?m)^\s{0,3}", "", toml)
toml = re.sub(r'as_of = ".*?"', 'as_of = "2016-07-01T00:00:00Z"', toml)
for old, new in [
    ("exports/incidents*.csv", "exports/incident.csv"),
    ('mapping = "mappings/invoices.toml"', 'table = "billing"\nzone = "Europe/Amsterdam"'),
    ('parameters = { incident_price = "35" }', 'parameters = { incident_price = "35", ticket_price = "22" }'),
]:
    if old not in toml or any(line not in page for line in new.split("\n")):
        sys.exit(f"the README or the tutorial no longer tells to replace {old!r} by {new!r}")
    toml = toml.replace(old, new)
(project / "gainshare.toml").write_text(toml, encoding="utf-8")
terms = (root / "data/complete/terms/gain.toml").read_text(encoding="utf-8")
for old, new in [
    ("start = 2025-01-01", "start = 2016-04-01"), ("end = 2026-01-01", "end = 2016-07-01"),
    ('baseline = { start = "2023-01", end = "2025-01" }', 'baseline = { start = "2016-03", end = "2016-04" }'),
    ('performance = { start = "2025-01", end = "2026-01" }', 'performance = { start = "2016-04", end = "2016-07" }'),
    ('index = { id = "SERVICES-PRICE", adjusts = "yearly" }\n', ""),
]:
    if old not in terms:
        sys.exit(f"the terms of the example no longer hold {old!r}")
    terms = terms.replace(old, new)
(project / "terms/c-100.toml").write_text(terms, encoding="utf-8")
expect(told(check), "nothing contradicts itself", "contract C-100")

# 6. Run.
said = told(run)
expect(said, "exports/incident.csv", "baseline_too_short", "C-100")
accepted = re.search(r"exports/incident\.csv\s+(\d+)\s+(\d+)\s+0\s+0\s+0", said)
if not accepted or accepted.group(1) != str(len(last)) or accepted.group(2) != str(len(last)):
    sys.exit(f"not every row of the export was accepted:\n{said}")
for name in ("report.html", "settlement.xlsx", "_manifest.json"):
    if not (project / "out" / name).is_file():
        sys.exit(f"the run wrote no {name}")

# 7. Read it.
said = told(explain.replace(" 2025 ", " 2016-Q2 "))
expect(said, "C-100 · 2016-Q2 · incident_reduction", "not measurable")
listed = told(explain.replace(" 2025 ", " 2016-Q2 ").rstrip() + " --rows")
if "tickets listed" not in listed:
    sys.exit("--rows lists no ticket")
charges = told(explain.replace(" 2025 incident_reduction", " 2016-Q2 base_charges"))
expect(charges, "60000.00 EUR")

# 8. The invoice of May is corrected: that amount changes, and nothing else does.
store = {path: path.read_bytes() for path in (project / "store").rglob("*.parquet")}
path = project / "exports/invoices.csv"
path.write_text(re.sub(r"(?m)^(F002,.*),20000\.00,EUR$", r"\1,19500.00,EUR", path.read_text(encoding="utf-8")),
                encoding="utf-8")
said = told(correct)
expect(said, "input exports/invoices.csv: changed", "base_charges", "60000.00", "59500.00", "-500.00 EUR")
changed = sorted(str(path.relative_to(project)) for path, former in store.items() if path.read_bytes() != former)
if len(changed) != 1 or not re.fullmatch(r"store/billing/C-100/2016-\d\d\.parquet", changed[0]):
    sys.exit(f"more than the month of the correction was restated: {changed}")
print(f"the tutorial holds: {len(last)} incidents, six blocks of commands, charges settled, reduction not "
      "measurable on three months")
