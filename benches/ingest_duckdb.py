"""Compares `gainshare ingest` of a ServiceNow-style CSV with DuckDB converting it to sorted Parquet.

    cargo build --release && python3 -m venv .venv && .venv/bin/pip install duckdb
    .venv/bin/python benches/ingest_duckdb.py target/release/gainshare 100 400 1600     # sizes in MB

Both read the same audit log (many rows per incident, `d/m/Y H:M` dates, labels as priorities), as whole
processes, one after the other and in turn, on two threads. DuckDB parses the same columns to the same types,
keeps the latest row per incident, sorts, and writes tickets and events. gainshare does that and all that ingest
always does: validation of every field, zones, pseudonyms, what became of every row and its hash, the changes of
each ticket, one file per contract and month. Printed are the medians of the wall times over the pairs
(`--pairs`, 3 unless told), their ratio, and the largest resident memory of each. `--folder` is where the files
are made, of which there are about twice the size (a temporary folder unless told).
"""

import argparse
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

HEADER = ("number,incident_state,active,reassignment_count,reopen_count,sys_mod_count,made_sla,caller_id,"
          "opened_by,opened_at,sys_created_by,sys_created_at,sys_updated_by,sys_updated_at,contact_type,"
          "location,category,subcategory,u_symptom,cmdb_ci,impact,urgency,priority,assignment_group,"
          "assigned_to,knowledge,u_priority_confirmation,notify,problem_id,rfc,vendor,caused_by,close_code,"
          "resolved_by,resolved_at,closed_at\n")
PRIORITY = ["1 - Critical", "2 - High", "3 - Moderate", "4 - Low"]
STATES = ["New", "Active", "Awaiting User Info", "Active", "Resolved", "Closed"]

QUERY = """
copy (
  select number, incident_state, sys_mod_count::bigint as sys_mod_count, reassignment_count::bigint as reassignments,
         reopen_count::bigint as reopens, caller_id, contact_type, category, subcategory, cmdb_ci, assignment_group,
         assigned_to, substr(priority, 1, 1)::int as priority, problem_id, caused_by, close_code,
         strptime(opened_at, '%d/%m/%Y %H:%M') as opened_at,
         try_strptime(resolved_at, '%d/%m/%Y %H:%M') as resolved_at,
         try_strptime(closed_at, '%d/%m/%Y %H:%M') as closed_at
  from read_csv('{csv}', all_varchar = true, header = true)
  qualify row_number() over (partition by number order by sys_mod_count::bigint desc) = 1
  order by assignment_group, opened_at, number
) to '{out}' (format parquet, compression zstd);
copy (
  select number, strptime(sys_updated_at, '%d/%m/%Y %H:%M') as at, incident_state, priority, assignment_group, assigned_to
  from read_csv('{csv}', all_varchar = true, header = true)
  order by number, sys_mod_count::bigint
) to '{events}' (format parquet, compression zstd);
"""

PROJECT = """schema = 1
name = "bench"
as_of = "2026-01-01T00:00:00Z"
[[source]]
name = "snow"
mapping = "servicenow-audit"
files = ["log.csv"]
zone = "Europe/Amsterdam"
set = {{ contract_id = "CT-1" }}
[[contract]]
id = "CT-1"
supplier = "S"
customer = "C"
terms = "terms.toml"
"""

TERMS = """schema = 1
[contract]
title = "Bench"
customer = "C"
supplier = "S"
currency = "EUR"
start = 2025-01-01
end = 2026-01-01
per = "quarter"
[[clause]]
id = "tickets"
kind = "per_ticket"
title = "Price per handled ticket"
price = "10"
[measure]
zone = "Europe/Amsterdam"
[baseline]
baseline = { start = "2024-01", end = "2025-01" }
performance = { start = "2025-01", end = "2026-01" }
"""


def write_log(path, megabytes):
    """About so many MB, always the same."""
    chance = random.Random(7)
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEADER)
        number = 0
        while out.tell() < megabytes * 1_000_000:
            number += 1
            day = 1 + chance.randrange(28)
            month = 1 + chance.randrange(12)
            opened = f"{day}/{month}/2025 {chance.randrange(6, 18):02}:{chance.randrange(60):02}"
            rows = chance.randrange(3, 10)
            group = f"Group {chance.randrange(60)}"
            priority = PRIORITY[min(3, chance.randrange(9))]
            for step in range(rows):
                last = step == rows - 1
                updated = f"{day}/{month}/2025 {18 + step // 3:02}:{(step * 7) % 60:02}"
                state = "Closed" if last else STATES[step % 5]
                out.write(
                    f"INC{number:07},{state},{'false' if last else 'true'},{step // 2},0,{step},true,"
                    f"Caller {chance.randrange(5000)},Opened by {chance.randrange(200)},{opened},"
                    f"Created by {number % 90},{opened},Updated by {chance.randrange(900)},{updated},Phone,"
                    f"Location {number % 140},Category {number % 50},Subcategory {number % 250},Symptom {number % 400},"
                    f"ci-{number % 3000},2 - Medium,2 - Medium,{priority},{group},Resolver {chance.randrange(230)},"
                    f"true,false,Do Not Notify,?,?,?,?,code {number % 17},Resolved by {number % 210},"
                    f"{updated if last else '?'},{updated if last else '?'}\n")
    return os.path.getsize(path)


def timed(command, environment):
    """Wall seconds and the largest resident memory (MB) of a command."""
    start = time.perf_counter()
    child = subprocess.Popen(command, env={**os.environ, **environment},
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command}: status {status}: {child.stderr.read().decode()[-2000:]}")
    return wall, usage.ru_maxrss / 1024


def main():
    asked = argparse.ArgumentParser(usage=__doc__)
    asked.add_argument("program")
    asked.add_argument("sizes", nargs="+", type=int)
    asked.add_argument("--pairs", type=int, default=3)
    asked.add_argument("--folder")
    asked = asked.parse_args()
    program = str(pathlib.Path(asked.program).resolve())
    threads = "2"
    for size in asked.sizes:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            folder = pathlib.Path(folder)
            real = write_log(folder / "log.csv", size)
            (folder / "gainshare.toml").write_text(PROJECT.format())
            (folder / "terms.toml").write_text(TERMS)
            query = QUERY.format(csv=folder / "log.csv", out=folder / "duck.parquet", events=folder / "events.parquet")
            duck = [sys.executable, "-c",
                    f"import duckdb; c = duckdb.connect(config={{'threads': {threads}}}); c.execute({query!r})"]
            ours = [program, "ingest", str(folder), "--quiet"]
            environment = {"RAYON_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads}
            both = []
            for _ in range(asked.pairs):
                both.append((timed(ours, environment), timed(duck, {})))
            mine = statistics.median(a[0] for a, _ in both)
            theirs = statistics.median(b[0] for _, b in both)
            ratio = statistics.median(a[0] / b[0] for a, b in both)
            memory = (max(a[1] for a, _ in both), max(b[1] for _, b in both))
            print(f"{real / 1e6:7.0f} MB  gainshare {mine:7.2f} s {memory[0]:6.0f} MB   duckdb {theirs:7.2f} s "
                  f"{memory[1]:6.0f} MB   ratio {ratio:5.2f}", flush=True)


if __name__ == "__main__":
    main()
