"""DuckDB makes the KPI cells by SQL, from the plain canonical Parquet or from our prepared store.

    python benches/peers/duckdb_peer.py (canonical | store) FOLDER OUT AS_OF

As many threads as POLARS_MAX_THREADS says. Prints how long the cells took; writes them afterwards.
"""

import json
import os
import pathlib
import sys
import time

import duckdb

HERE = pathlib.Path(__file__).parent


def main():
    way, folder, out, as_of = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), int(sys.argv[4])
    spill = out / "spilled"
    threads = int(os.environ.get("POLARS_MAX_THREADS") or os.cpu_count())
    began = time.perf_counter()
    connection = duckdb.connect(config={"threads": threads, "temp_directory": str(spill)})
    # Rows need not come out in the order in which they went in: the SQL numbers those whose order counts.
    # Nothing is to be kept, so nothing is to be compacted either.
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false; SET checkpoint_threshold = '1TB'")
    connection.execute(f"SET VARIABLE as_of = {as_of}")
    for table in ("calendars", "exposure", "relief_events"):
        connection.execute(f"CREATE TABLE {table} AS FROM read_parquet('{folder}/{table}.parquet')")
    for part in ("calendar", way, "kpis"):
        sql = (HERE / f"{part}.sql").read_text(encoding="utf-8")
        connection.execute(sql.replace("{plain}", folder).replace("{store}", folder))
    print(json.dumps({"seconds": time.perf_counter() - began}))
    for table in ("kpi_cell", "kpi_bucket", "kpi_solved"):
        connection.execute(f"COPY {table} TO '{out}/{table}.parquet'")


if __name__ == "__main__":
    main()
