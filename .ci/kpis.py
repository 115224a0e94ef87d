"""Compares the KPIs of the complete example with an independent computation in SQL (kpis.sql).

    python .ci/kpis.py data/complete          # after: gainshare run data/complete

Reads the canonical tables in the project's store and the table `kpi` of its output, computes every
KPI listed below anew, for every contract, service, priority and period, and fails on the first
value that differs. Values are compared exactly; quotients are rounded half-even like the engine's.
"""

import collections
import pathlib
import sys
from fractions import Fraction

import duckdb

# KPI: name of its parts, decimals, factor of the quotient. Those without a denominator are sums.
RATIOS = {
    name: (name, 4, 1)
    for name in (
        "self_detected_share change_induced_rate repeat_rate reopen_rate sla_attainment "
        "respond_attainment tool_verdict_agreement handoffs first_assignment_resolution ping_pong "
        "notify_timely_share audience_level_share update_cadence_share informed_time_share "
        "notice_completeness impact_statement_error breach_warned_share proactive_reimbursed_share "
        "experience_score experience_lost_minutes proactivity_supplier proactivity_customer"
    ).split()
} | {
    name: (name, 0, 1)
    for name in (
        "time_to_restore time_to_restore_wall time_to_respond time_to_respond_wall "
        "backlog_age time_to_notify mtbf outage_duration"
    ).split()
} | {"availability": ("availability", 6, 1)}
SUMS = {
    "ticket_count": ("ticket_count", 0, Fraction(1)),
    "breaches": ("breaches", 0, Fraction(1)),
    "impact_minutes": ("impact_minutes", 4, Fraction(1, 60_000_000)),
    "impact_cost": ("impact_minutes", 2, Fraction(40, 60_000_000)),
    "proactive_hours": ("proactive_hours", 2, Fraction(1, 100)),
    "retained_cost": ("retained_cost", 2, Fraction(1, 100)),
    "initiatives_proposed": ("initiatives_proposed", 0, Fraction(1)),
    "initiatives_accepted": ("initiatives_accepted", 0, Fraction(1)),
    "initiatives_implemented": ("initiatives_implemented", 0, Fraction(1)),
    "unannounced_disruptive_changes": ("unannounced_disruptive_changes", 0, Fraction(1)),
    "telling_delay_cost": ("telling_delay_cost", 2, Fraction(40, 60_000_000)),
}
QUANTILES = {
    f"{name}_p{percent}": (name, percent)
    for name in (
        "time_to_restore time_to_restore_wall time_to_respond time_to_respond_wall time_to_notify"
    ).split()
    for percent in (50, 90)
} | {"breach_warning_lead": ("breach_warning_lead", 50)}
LARGEST = {"max_update_gap": "max_update_gap"}
# Exact medians: of durations, and of what waited at the end of a period.
MEDIANS = {"change_notice_lead"}
WAITS = {
    "answer_time_supplier",
    "answer_time_customer",
    "blocker_age_supplier",
    "blocker_age_customer",
    "decision_latency",
}
PEOPLE = {"knowledge_concentration", "knowledge_effective_people", "bus_factor"}


def of_people(kpi, counts):
    """Concentration of restored incidents on people; nothing of fewer than five."""
    if len(counts) < 5:
        return None
    total, squares = sum(counts), sum(n * n for n in counts)
    if kpi == "knowledge_concentration":
        return half_even(Fraction(squares, total * total), 4)
    if kpi == "knowledge_effective_people":
        return half_even(Fraction(total * total, squares), 4)
    reached = 0
    for people, n in enumerate(sorted(counts, reverse=True), 1):
        reached += n
        if 2 * reached > total:
            return people
    return None


def of_waits(rows, start, end):
    """The median of what ended in [start, end) or still waited at its end, up to the end."""
    lasted = []
    for since, until in rows:
        if until is not None and until < end:
            if until >= start:
                lasted.append(until - since)
        elif since < end:
            lasted.append(end - since)
    return sorted(lasted)[(len(lasted) - 1) // 2] if lasted else None


def half_even(value, decimals):
    return Fraction(round(value * 10**decimals), 10**decimals)


def middle(seconds):
    """The value that stands for the histogram bucket of a duration: docs of time_to_restore."""
    if seconds < 128:
        return seconds
    width = 1 << (seconds.bit_length() - 7)
    low = seconds // width * width
    return low + (width - 1) // 2


def quantile(values, percent):
    values = sorted(values)
    rank = max(1, -(-len(values) * percent // 100))
    return middle(values[rank - 1])


def months(period):
    """The months of a period as tables write it."""
    if "/" in period:
        start, end = period.split("/")
    elif "Q" in period:
        year, quarter = period.split("-Q")
        first = 3 * int(quarter) - 2
        start = f"{year}-{first:02}"
        end = f"{year}-{first + 3:02}" if first < 10 else f"{int(year) + 1}-01"
    else:
        return [period]
    found = []
    year, month = map(int, start.split("-"))
    while f"{year}-{month:02}" < end:
        found.append(f"{year}-{month:02}")
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return found


def tables(connection, store):
    for table in ("incidents", "incident_events", "notices", "sla_clocks"):
        rows = f"read_parquet('{store}/{table}/*.parquet', filename = true, file_row_number = true)"
        connection.sql(
            f"CREATE TABLE {table} AS SELECT *, "
            f"row_number() OVER (ORDER BY filename, file_row_number) AS n FROM {rows}"
        )
    for table in (
        "calendars exposure relief_events proactive_hours retained_costs satisfaction interactions "
        "initiatives changes blockers"
    ).split():
        connection.sql(f"CREATE TABLE {table} AS FROM read_parquet('{store}/{table}.parquet')")
    # Notices that name no ticket: those about changes.
    connection.sql(f"CREATE TABLE notices_rest AS FROM read_parquet('{store}/notices.parquet')")


def scopes(service, priority):
    yield "contract", ""
    if service is not None:
        yield "service", service
    if priority is not None:
        yield "priority", f"P{priority}"


def main():
    project = pathlib.Path(sys.argv[1])
    connection = duckdb.connect()
    connection.sql("SET TimeZone = 'UTC'")
    # The as-of moment of the example, 2026-01-15T05:00:00Z.
    connection.sql("SET VARIABLE as_of = 1768453200")
    tables(connection, project / "store")
    connection.execute(pathlib.Path(__file__).with_name("kpis.sql").read_text(encoding="utf-8"))

    sums = collections.defaultdict(lambda: [0, 0])
    for kpi, contract, service, priority, month, above, below in connection.sql(
        "SELECT kpi, contract, service, priority, month, sum(above), sum(below) FROM part GROUP BY ALL"
    ).fetchall():
        for scope in scopes(service, priority):
            at = sums[kpi, contract, *scope, month]
            at[0] += int(above)
            at[1] += int(below)
    lasted = collections.defaultdict(list)
    for kpi, contract, service, priority, month, seconds in connection.sql(
        "SELECT * FROM duration"
    ).fetchall():
        for scope in scopes(service, priority):
            lasted[kpi, contract, *scope, month].append(seconds)

    solved = collections.defaultdict(collections.Counter)
    for contract, service, month, person, n in connection.sql("SELECT * FROM solved").fetchall():
        for scope in scopes(service, None):
            solved[contract, *scope, month][person] += n
    waits = collections.defaultdict(list)
    for kpi, contract, service, since, until in connection.sql("SELECT * FROM wait").fetchall():
        for scope in scopes(service, None):
            waits[kpi, contract, *scope].append((since, until))
    bounds = {
        month: (starts, ends)
        for month, starts, ends in connection.sql("SELECT * FROM month").fetchall()
    }

    compared, differs = collections.Counter(), []
    rows = connection.sql(
        "SELECT contract_id, kpi, scope, coalesce(scope_value, ''), period, value, status, reason "
        f"FROM read_parquet('{project}/out/kpi.parquet') WHERE scope <> 'supplier'"
    ).fetchall()
    for contract, kpi, scope, value_of, period, value, status, reason in rows:
        at = [(contract, scope, value_of, month) for month in months(period)]
        if kpi in RATIOS or kpi in SUMS:
            name, decimals, factor = RATIOS.get(kpi) or SUMS[kpi]
            above = sum(sums[name, *key][0] for key in at if (name, *key) in sums)
            below = sum(sums[name, *key][1] for key in at if (name, *key) in sums)
            if kpi in SUMS:
                known = status == "ok" or any((name, *key) in sums for key in at)
                expected = half_even(above * factor, decimals) if known else None
            else:
                expected = half_even(Fraction(above, below), decimals) if below else None
        elif kpi in QUANTILES or kpi in LARGEST:
            name, percent = QUANTILES.get(kpi) or (LARGEST[kpi], None)
            values = [s for key in at for s in lasted.get((name, *key), ())]
            if not values:
                expected = None
            elif percent is None:
                expected = max(values)
            else:
                expected = quantile(values, percent)
        elif kpi in MEDIANS:
            values = sorted(s for key in at for s in lasted.get((kpi, *key), ()))
            expected = values[(len(values) - 1) // 2] if values else None
        elif kpi in WAITS:
            span = [bounds[month] for month in months(period)]
            expected = of_waits(waits.get((kpi, *at[0][:3]), ()), span[0][0], span[-1][1])
        elif kpi in PEOPLE:
            counts = sum((solved[key] for key in at if key in solved), collections.Counter())
            expected = of_people(kpi, list(counts.values()))
        else:
            continue
        found = None if status != "ok" else Fraction(str(value))
        compared[kpi] += 1
        if found != expected:
            shown = None if expected is None else float(expected)
            differs.append(f"{contract} {kpi} {scope}:{value_of} {period}: {value} ({reason}), SQL {shown}")
    wanted = set(RATIOS) | set(SUMS) | set(QUANTILES) | set(LARGEST)
    wanted |= MEDIANS | WAITS | PEOPLE
    if missing := wanted - set(compared):
        sys.exit(f"no value of {', '.join(sorted(missing))} in the output")
    if differs:
        print("\n".join(differs[:40]))
        by = collections.Counter(line.split()[1] for line in differs)
        sys.exit(f"{len(differs)} of {compared.total()} values differ: {dict(by)}")
    print(f"{compared.total()} values of {len(compared)} KPIs are those of the SQL")


main()
