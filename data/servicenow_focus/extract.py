#!/usr/bin/env python3
"""Makes the raw files of this folder from the two public data sets (standard library only).

    python3 extract.py LOG.csv.gz FOCUS.csv OUT

LOG.csv.gz is the UCI "Incident management process enriched event log", FOCUS.csv the FinOps
FOCUS 1.0 sample. Rows are copied byte for byte; only whole tickets are taken. Responsible for
the choice of rows and nothing else: no value is changed, cleaned or interpreted.
"""

import csv
import gzip
import io
import pathlib
import sys
import zlib

# A ticket belongs to the category of its last row. These three were taken because together they
# are a quarter of the log and name a configuration item on 30 of the 54 tickets that have one.
CATEGORIES = ("Category 9", "Category 46", "Category 53")
TICKETS = "DEMO-1"
CHARGES = "DEMO-2"
SUPPLIER = "DEMO-SUPPLIER"


def fields(line: bytes) -> list[str]:
    return next(csv.reader([line.decode("utf-8")]))


def write_gzip(path: pathlib.Path, data: bytes) -> None:
    """One member, no name, time 0, so that the same input gives the same bytes."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    body = deflater.compress(data) + deflater.flush()
    size = (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    check = zlib.crc32(data).to_bytes(4, "little")
    path.write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + body + check + size)


def extract_log(source: pathlib.Path) -> tuple[bytes, int, int]:
    lines = gzip.open(source, "rb").read().splitlines(keepends=True)
    names = fields(lines[0])
    number, category = names.index("number"), names.index("category")
    last: dict[str, str] = {}
    numbers = []
    for line in lines[1:]:
        row = fields(line)
        numbers.append(row[number])
        last[row[number]] = row[category]
    kept = [
        line for line, ticket in zip(lines[1:], numbers) if last[ticket] in CATEGORIES
    ]
    tickets = sum(1 for c in last.values() if c in CATEGORIES)
    return lines[0] + b"".join(kept), tickets, len(kept)


def scope(focus: bytes) -> tuple[bytes, int]:
    """Assigns the categories and the billed services to two contracts that never existed."""
    rows = list(csv.DictReader(io.StringIO(focus.decode("utf-8"), newline="")))
    services = sorted({row["ServiceName"] for row in rows} - {"", "NULL"})
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        "contract_id supplier_id role service_id assignment_group ci_id valid_from valid_to".split()
    )
    contracts = [(TICKETS, c) for c in CATEGORIES] + [(CHARGES, s) for s in services]
    for contract, service in contracts:
        writer.writerow([contract, SUPPLIER, "lead", service, "", "", "", ""])
    return out.getvalue().encode("utf-8"), len(rows)


def main() -> None:
    log, focus, out = (pathlib.Path(argument) for argument in sys.argv[1:4])
    extract, tickets, events = extract_log(log)
    sample = focus.read_bytes()
    assignment, lines = scope(sample)
    write_gzip(out / "incident_event_log.csv.gz", extract)
    write_gzip(out / "focus_sample_1.0.csv.gz", sample)
    (out / "contract_scope.csv").write_bytes(assignment)
    print(f"{tickets} tickets, {events} audit rows, {lines} charge lines")


if __name__ == "__main__":
    main()
