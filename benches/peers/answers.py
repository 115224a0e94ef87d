"""Compares the KPI cells of a peer with the KPIs that we published: any difference is a failure.

    python benches/peers/answers.py OUT CELLS PLAIN (all | subset) [LIKE]

The cells are added up over every scope and period, divided and rounded by .ci/kpi_values.py, which checks our
KPIs in CI as well. Compared are the values of contracts, services and priorities in every period, whether there is
one at all, and what was divided by what. With LIKE, cells that were compared already, those of the peer must be the
same ones, row by row; that is as good and takes less time.
"""

import collections
import pathlib
import sys
from fractions import Fraction

import duckdb

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent / ".ci"))
import kpi_values  # noqa: E402
from kpi_values import QUANTILES, RATIOS, SUMS, Place, scopes  # noqa: E402

# The KPIs of the large tables: of tickets, their history, notices, the tool's clocks and invoices. The rest of the
# catalogue comes of small tables, or of statistics on these cells, and does not grow with rows.
SUBSET = (
    "ticket_count incident_rate self_detected_share change_induced_rate repeat_rate reopen_rate time_to_restore "
    "time_to_restore_wall time_to_restore_p50 time_to_restore_p90 time_to_restore_wall_p50 time_to_restore_wall_p90 "
    "sla_attainment breaches impact_minutes impact_cost"
).split()
ALL = (
    SUBSET
    + (
        "time_to_respond time_to_respond_wall time_to_respond_p50 time_to_respond_p90 time_to_respond_wall_p50 "
        "time_to_respond_wall_p90 respond_attainment tool_verdict_agreement handoffs first_assignment_resolution "
        "ping_pong backlog_age availability mtbf outage_duration notify_timely_share time_to_notify time_to_notify_p50 "
        "time_to_notify_p90 audience_level_share update_cadence_share max_update_gap informed_time_share "
        "notice_completeness impact_statement_error telling_delay_cost breach_warned_share breach_warning_lead "
        "actual_cost knowledge_concentration knowledge_effective_people bus_factor"
    ).split()
)


class Cells:
    """What a peer counted, by scope, as kpi_values wants it."""

    def __init__(self, folder, plain):
        self.connection = duckdb.connect()
        self.part = collections.defaultdict(lambda: [0, 0])
        self.longest = collections.defaultdict(list)
        self.cost, self.billed, self.has_cost = collections.Counter(), set(), set()
        for kpi, contract, service, priority, month, above, below in self.rows(
            folder / "kpi_cell.parquet", "kpi, contract, service, priority, month, above, below"
        ):
            if kpi == "actual_cost":
                self.billed.add((contract, month))
            for scope in scopes(service, priority):
                key = contract, *scope, month
                if kpi == "actual_cost":
                    self.cost[key] += int(above)
                elif kpi == "max_update_gap":
                    self.longest[kpi, *key].append(int(above))
                else:
                    at = self.part[kpi, *key]
                    at[0] += int(above)
                    at[1] += int(below)
        # Gaps are compared by their maximum alone, so the longest of each cell are enough.
        self.lasted = self.longest
        self.counts = collections.defaultdict(collections.Counter)
        for kpi, contract, service, priority, month, bucket, n in self.rows(
            folder / "kpi_bucket.parquet", "kpi, contract, service, priority, month, bucket, n"
        ):
            for scope in scopes(service, priority):
                self.counts[kpi, contract, *scope, month][int(bucket)] += int(n)
        self.solved = collections.defaultdict(collections.Counter)
        if (folder / "kpi_solved.parquet").exists():
            for contract, service, month, person, n in self.rows(
                folder / "kpi_solved.parquet", "contract, service, month, assignee, n"
            ):
                for scope in scopes(service, None):
                    self.solved[contract, *scope, month][person] += int(n)
        self.users = collections.Counter()
        exposed = self.rows(plain / "exposure.parquet", "DISTINCT contract_id, service_id, month, users")
        for contract, service, month, users in exposed:
            for scope in scopes(service, None):
                self.users[contract, *scope, month] += int(users or 0)

    def rows(self, path, columns):
        return self.connection.execute(f"SELECT {columns} FROM read_parquet('{path}')").fetchall()


def quantile(cells, place, kpi):
    """The value of the bucket that holds the rank, over the buckets of all cells of the place."""
    name, percent = QUANTILES[kpi]
    counts = sum((cells.counts[name, *key] for key in place.at if (name, *key) in cells.counts), collections.Counter())
    left = max(1, -(-counts.total() * percent // 100))
    for bucket, n in sorted(counts.items()):
        left -= n
        if left <= 0:
            return bucket, None, None
    return None


def compared(cells, kpi, place):
    if kpi in QUANTILES:
        return quantile(cells, place, kpi)
    return place.of(kpi)


def parts(wanted):
    """The sums and durations that KPIs are made of."""
    own = {"incident_rate": "incidents"}
    named = {**RATIOS, **SUMS, **QUANTILES}
    return sorted({named[kpi][0] if kpi in named else own.get(kpi, kpi) for kpi in wanted})


def like(folder, other, wanted):
    """How many rows the cells of both have; exits where they differ."""
    connection, n = duckdb.connect(), 0
    key = "kpi, contract, service, priority, month"
    tables = [
        ("kpi_cell", f"{key}, above::HUGEINT, below::HUGEINT", "above <> 0 OR below <> 0"),
        ("kpi_bucket", f"{key}, bucket, n::BIGINT", "n <> 0"),
    ]
    if wanted is ALL:
        tables.append(("kpi_solved", "'solved', contract, service, month, assignee, n::BIGINT", "n <> 0"))
    for table, columns, full in tables:
        of = "true" if table == "kpi_solved" else f"list_contains({parts(wanted)}, kpi)"
        mine, theirs = (
            f"SELECT {columns} FROM read_parquet('{place}/{table}.parquet') WHERE ({full}) AND {of}"
            for place in (folder, other)
        )
        differs = connection.execute(
            f"(({mine}) EXCEPT ALL ({theirs})) UNION ALL (({theirs}) EXCEPT ALL ({mine}))"
        ).fetchall()
        if differs:
            print("\n".join(map(str, differs[:20])))
            sys.exit(f"{len(differs)} rows of {table} differ from those in {other}")
        n += connection.execute(f"SELECT count(*) FROM ({mine})").fetchone()[0]
    return n


def main():
    out, folder, plain = map(pathlib.Path, sys.argv[1:4])
    wanted = ALL if sys.argv[4] == "all" else SUBSET
    if other := sys.argv[5:]:
        print(
            f"{like(folder, other[0], wanted)} sums and counts of {len(wanted)} KPIs are those of {pathlib.Path(other[0]).name}"
        )
        return
    cells = Cells(folder, plain)
    published = cells.connection.execute(
        "SELECT contract_id, kpi, scope, coalesce(scope_value, ''), period, if(status = 'ok', value, NULL), numerator, denominator "
        f"FROM read_parquet('{out / 'kpi.parquet'}') WHERE scope <> 'supplier' AND list_contains(?, kpi)",
        [wanted],
    ).fetchall()
    differs, seen = [], collections.Counter()
    for contract, kpi, scope, value_of, period, value, above, below in published:
        place = Place(cells, None, contract, scope, value_of, period)
        found = compared(cells, kpi, place)
        value = None if value is None else Fraction(str(value))
        seen[kpi] += value is not None
        ours = value, above, below
        if (found and found[0]) != value or (
            kpi in RATIOS and value is not None and (Fraction(str(above)), Fraction(str(below))) != found[1:]
        ):
            shown = tuple(None if v is None else float(v) for v in found or ())
            differs.append(
                f"{contract} {kpi} {scope}:{value_of} {period}: {tuple(v and float(v) for v in ours)}, here {shown}"
            )
    if missing := [kpi for kpi in wanted if not seen[kpi]]:
        differs.append(f"no value of {', '.join(missing)} was published")
    if differs:
        print("\n".join(differs[:20]))
        sys.exit(f"{len(differs)} of {len(published)} values differ")
    print(f"{seen.total()} values of {len(wanted)} KPIs are the same")


if __name__ == "__main__":
    main()
