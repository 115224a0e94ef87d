"""The value of every KPI of the complete example, from the sums that kpis.sql and kpis-contract.sql
give: adds them up over a scope and period, divides and rounds. kpis.py compares; this does not.

A KPI stands in one of the tables RATIOS, SUMS, QUANTILES, WAITS, or has a function of its own, marked
with @own. The constants are those of the terms of the example.
"""

import collections
import functools
import pathlib
import tomllib
from fractions import Fraction

import duckdb

AS_OF = 1768453200  # 2026-01-15T05:00:00Z, the as-of moment of the example.
PERFORMANCE = "2025-01"
CURRENCY = collections.defaultdict(lambda: "EUR", {"CT-B2": "USD"})
PRICE_PER_MINUTE = 40
DISRUPTION = Fraction(PRICE_PER_MINUTE, 60_000_000)
HOURS_AGREED = 80
RHYTHM = {"weekly": 7}
# KPI: target and floor, as the terms write them. All of them are better when higher.
TERMS = pathlib.Path(__file__).parent.parent / "data/complete/terms/gain.toml"
TARGETS = {
    kpi: (Fraction(aim["target"]), Fraction(aim["floor"]))
    for kpi, aim in tomllib.loads(TERMS.read_text(encoding="utf-8"))["score"]["targets"].items()
}

# KPI: name of its parts, decimals. Quotients of sums.
RATIOS = {
    name: (name, 4)
    for name in (
        "self_detected_share change_induced_rate repeat_rate reopen_rate sla_attainment "
        "respond_attainment tool_verdict_agreement handoffs first_assignment_resolution ping_pong "
        "notify_timely_share audience_level_share update_cadence_share informed_time_share "
        "notice_completeness impact_statement_error breach_warned_share proactive_reimbursed_share "
        "experience_score experience_lost_minutes proactivity_supplier proactivity_customer "
        "challenge_response structural_fix_share"
    ).split()
} | {
    name: (name, 0)
    for name in (
        "time_to_restore time_to_restore_wall time_to_respond time_to_respond_wall "
        "backlog_age time_to_notify mtbf outage_duration"
    ).split()
} | {"availability": ("availability", 6)}
# KPI: name of its parts, decimals, factor. Sums, zero where there is nothing.
SUMS = {
    "ticket_count": ("ticket_count", 0, Fraction(1)),
    "breaches": ("breaches", 0, Fraction(1)),
    "structural_fixes": ("structural_fixes", 0, Fraction(1)),
    "impact_minutes": ("impact_minutes", 4, Fraction(1, 60_000_000)),
    "impact_cost": ("impact_minutes", 2, DISRUPTION),
    "proactive_hours": ("proactive_hours", 2, Fraction(1, 100)),
    "retained_cost": ("retained_cost", 2, Fraction(1, 10**12)),
    "initiatives_proposed": ("initiatives_proposed", 0, Fraction(1)),
    "initiatives_accepted": ("initiatives_accepted", 0, Fraction(1)),
    "initiatives_implemented": ("initiatives_implemented", 0, Fraction(1)),
    "saving_promised": ("saving_promised", 2, Fraction(1, 1200)),
    "unannounced_disruptive_changes": ("unannounced_disruptive_changes", 0, Fraction(1)),
    "telling_delay_cost": ("telling_delay_cost", 2, DISRUPTION),
}
QUANTILES = {
    f"{name}_p{percent}": (name, percent)
    for name in (
        "time_to_restore time_to_restore_wall time_to_respond time_to_respond_wall time_to_notify"
    ).split()
    for percent in (50, 90)
} | {"breach_warning_lead": ("breach_warning_lead", 50)}
# Exact medians of what waited at the end of a period or ended in it.
WAITS = (
    "answer_time_supplier answer_time_customer blocker_age_supplier blocker_age_customer "
    "decision_latency"
).split()
# Every other KPI has a function of its own: see OWN.
OWN = {}
# What is money: of a contract in dollars converted before it is added to others.
MONEY = set(
    "impact_cost retained_cost saving_promised telling_delay_cost benchmark_cost actual_cost "
    "gross_saving verified_saving qualified_saving total_cost total_cost_per_unit "
    "impact_avoided initiative_pipeline".split()
)


def own(function):
    """Registers the function of a KPI by its name."""
    OWN[function.__name__] = function
    return function


def half_even(value, decimals):
    return Fraction(round(value * 10**decimals), 10**decimals)


def half_away(value, decimals):
    scaled = abs(value) * 10**decimals
    whole = int(scaled + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole, 10**decimals)


def divided(above, below, decimals):
    """(value, above, below), or None where there is nothing to divide by."""
    if not below:
        return None
    return half_even(Fraction(above) / Fraction(below), decimals), Fraction(above), Fraction(below)


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


def waited(rows, start, end):
    """How long what ended in [start, end) or still waited at its end did, up to the end."""
    lasted = []
    for since, until in rows:
        if until is not None and until < end:
            if until >= start:
                lasted.append(until - since)
        elif since < end:
            lasted.append(end - since)
    return lasted


def median(values):
    return sorted(values)[(len(values) - 1) // 2] if values else None


def following(month, n=1):
    year, month = map(int, month.split("-"))
    at = year * 12 + month - 1 + n
    return f"{at // 12}-{at % 12 + 1:02}"


@functools.cache
def months(period):
    """The months of a period as tables write it."""
    if "/" in period:
        start, end = period.split("/")
    elif "Q" in period:
        year, quarter = period.split("-Q")
        start = f"{year}-{3 * int(quarter) - 2:02}"
        end = following(start, 3)
    elif len(period) == 4:
        start, end = f"{period}-01", f"{int(period) + 1}-01"
    else:
        return (period,)
    found = []
    while start < end:
        found.append(start)
        start = following(start)
    return tuple(found)


BASELINE = tuple(following("2023-01", n) for n in range(24))


class Sums:
    """What the SQL gives, by scope."""

    def __init__(self, store):
        here = pathlib.Path(__file__)
        self.connection = connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET VARIABLE as_of = {AS_OF}")
        tables(connection, store)
        for name in ("kpis.sql", "kpis-contract.sql"):
            connection.execute(here.with_name(name).read_text(encoding="utf-8"))
        self.part = collections.defaultdict(lambda: [0, 0])
        for kpi, contract, service, priority, month, above, below in self.rows(
            "SELECT kpi, contract, service, priority, month, sum(above), sum(below) FROM part GROUP BY ALL"
        ):
            for scope in scopes(service, priority):
                at = self.part[kpi, contract, *scope, month]
                at[0] += int(above)
                at[1] += int(below)
        self.lasted = collections.defaultdict(list)
        for kpi, contract, service, priority, month, seconds in self.rows("SELECT * FROM duration"):
            for scope in scopes(service, priority):
                self.lasted[kpi, contract, *scope, month].append(seconds)
        self.solved = collections.defaultdict(collections.Counter)
        for contract, service, month, person, n in self.rows("SELECT * FROM solved"):
            for scope in scopes(service, None):
                self.solved[contract, *scope, month][person] += n
        self.skill = collections.defaultdict(collections.Counter)
        for contract, service, month, person, *item, n in self.rows("SELECT * FROM skill"):
            for scope in scopes(service, None):
                self.skill[contract, *scope, month][person, *item] += n
        self.kinds = collections.defaultdict(dict)
        for contract, service, category, month, *n in self.rows("SELECT * FROM kind"):
            for scope in scopes(service, None):
                self.kinds[contract, *scope, month][service, category] = n
        self.waits = collections.defaultdict(list)
        for kpi, contract, service, since, until in self.rows("SELECT * FROM wait"):
            for scope in scopes(service, None):
                self.waits[kpi, contract, *scope].append((since, until))
        self.bounds = {month: at for month, *at in self.rows("SELECT * FROM month")}
        self.users = {tuple(key): int(n) for *key, n in self.rows("SELECT * FROM exposed")}
        # Of one service and priority each.
        self.counted = collections.defaultdict(collections.Counter)
        for contract, service, priority, month, n in self.rows("SELECT * FROM counted"):
            self.counted[contract, service, priority][month] = n
        self.streams = collections.defaultdict(list)
        for contract, service, priority, month, actual, expected in self.rows(
            "SELECT * FROM stream_month ORDER BY ALL"
        ):
            for scope in scopes(service, priority):
                self.streams[contract, *scope, month].append((Fraction(expected), int(actual)))
        # In cents, and in 10^-16.
        self.cost, self.priced = collections.Counter(), collections.Counter()
        self.billed, self.has_cost, self.has_price = set(), set(), set()
        for contract, service, month, cents in self.rows("SELECT * FROM cost"):
            self.billed.add((contract, month))
            for scope in scopes(service, None):
                self.has_cost.add((contract, *scope))
                self.cost[contract, *scope, month] += int(cents)
        for contract, service, month, e16 in self.rows("SELECT * FROM benchmark"):
            for scope in scopes(service, None):
                self.has_price.add((contract, *scope))
                self.priced[contract, *scope, month] += int(e16)
        self.adjusted = self.rows("SELECT * FROM adjusted_money")
        self.dollar = {month: Fraction(int(e15), 10**15) for month, e15 in self.rows("SELECT * FROM dollar")}
        self.pipeline = collections.Counter()
        for contract, service, month, cents in self.rows("SELECT * FROM pipeline"):
            for scope in scopes(service, None):
                self.pipeline[contract, *scope, month] += int(cents)
        self.met = collections.defaultdict(list)
        for contract, cadence, moment in self.rows("SELECT * FROM met ORDER BY ALL"):
            self.met[contract].append((moment, cadence))

    def rows(self, query):
        return self.connection.execute(query).fetchall()


def tables(connection, store):
    for table in ("incidents", "incident_events", "notices", "sla_clocks", "billing"):
        rows = f"read_parquet('{store}/{table}/*/*.parquet', filename = true, file_row_number = true)"
        connection.execute(
            f"CREATE TABLE {table} AS SELECT *, "
            f"row_number() OVER (ORDER BY filename, file_row_number) AS n FROM {rows}"
        )
    for table in (
        "calendars exposure relief_events proactive_hours retained_costs satisfaction interactions "
        "initiatives changes blockers adjustments indices fx_rates contact_moments customer_goals problems"
    ).split():
        connection.execute(f"CREATE TABLE {table} AS FROM read_parquet('{store}/{table}.parquet')")
    # Notices that name no ticket: those about changes.
    connection.execute(f"CREATE TABLE notices_rest AS FROM read_parquet('{store}/notices.parquet')")


def scopes(service, priority):
    yield "contract", ""
    if service is not None:
        yield "service", service
    if priority is not None:
        yield "priority", f"P{priority}"


class Place:
    """A contract, scope and period, and the value of each KPI in it."""

    def __init__(self, sums, published, contract, scope, value, period):
        self.sums, self.published = sums, published
        self.contract, self.scope, self.value, self.period = contract, scope, value, period
        self.months = months(period)
        self.at = [(contract, scope, value, month) for month in self.months]

    def of(self, kpi):
        """(value, above, below), the parts None where it is no quotient; None without a value."""
        if kpi in RATIOS:
            name, decimals = RATIOS[kpi]
            return divided(*self.parts(name), decimals)
        if kpi in SUMS:
            name, decimals, factor = SUMS[kpi]
            if kpi == "retained_cost" and not all((name, *key) in self.sums.part for key in self.at):
                return None
            return half_even(self.parts(name)[0] * factor, decimals), None, None
        if kpi in QUANTILES:
            name, percent = QUANTILES[kpi]
            values = self.lasted(name)
            return (quantile(values, percent), None, None) if values else None
        if kpi in WAITS:
            found = median(self.durations(kpi))
            return None if found is None else (found, None, None)
        found = OWN[kpi](self)
        return found if found is None or isinstance(found, tuple) else (found, None, None)

    def value_of(self, kpi):
        found = self.of(kpi)
        return None if found is None else found[0]

    def over(self, period):
        return Place(self.sums, self.published, self.contract, self.scope, self.value, period)

    def parts(self, name):
        found = [self.sums.part[name, *key] for key in self.at if (name, *key) in self.sums.part]
        return sum(above for above, _ in found), sum(below for _, below in found)

    def lasted(self, name):
        return [s for key in self.at for s in self.sums.lasted.get((name, *key), ())]

    def durations(self, kpi):
        """What a percentile or median is taken from."""
        if kpi in WAITS:
            return waited(self.sums.waits.get((kpi, *self.at[0][:3]), ()), *self.instants())
        return self.lasted(QUANTILES[kpi][0] if kpi in QUANTILES else kpi)

    def score(self, kpi):
        """Of a target: 0 at the floor, 1 at the target, linear between."""
        if kpi not in TARGETS or self.months[0] < PERFORMANCE or (found := self.of(kpi)) is None:
            return None
        target, floor = TARGETS[kpi]
        value, above, below = found
        score = max(Fraction(0), min(Fraction(1), half_even((value - floor) / (target - floor), 4)))
        # A share that only rounds to its target has missed it.
        return Fraction(9999, 10000) if score == 1 and above < target * below else score

    def instants(self):
        return self.sums.bounds[self.months[0]][0], self.sums.bounds[self.months[-1]][1]

    def users_in(self, month):
        """Users of the scope; priorities share those of their contract."""
        scope = ("service", self.value) if self.scope == "service" else ("contract", "")
        return self.sums.users.get((self.contract, *scope, month), 0)

    def exposure(self):
        return sum(map(self.users_in, self.months))

    def exposed(self):
        return all(map(self.users_in, self.months))

    def expected(self):
        """Incidents expected of the streams that have a baseline, and counted; None without any."""
        rows = [row for key in self.at for row in self.sums.streams.get(key, ())]
        if not rows:
            return None
        expected = half_away(sum(row[0] for row in rows), 4)
        return expected, sum(row[1] for row in rows)

    def same_months(self):
        """Those of the baseline that are the same months of the year."""
        return [m for m in BASELINE if m[5:] in {month[5:] for month in self.months}]

    def counts(self):
        """The counts of each service and priority of the scope."""
        for (contract, service, priority), by_month in self.sums.counted.items():
            if contract == self.contract and (
                self.scope == "contract" or self.value == (service if self.scope == "service" else f"P{priority}")
            ):
                yield service, by_month


def total(values):
    values = list(values)
    return None if None in values else sum(values)


@own
def incident_rate(at):
    known = [month for month in at.months if at.users_in(month)]
    n = sum(at.sums.part.get(("incidents", *key[:3], key[3]), (0,))[0] for key in at.at if key[3] in known)
    return divided(1000 * n, sum(map(at.users_in, known)), 4)


@own
def incidents_expected(at):
    found = at.expected()
    return found and found[0]


@own
def incidents_avoided(at):
    found = at.expected()
    return found and half_away(found[0] - found[1], 4)


@own
def incidents_credited(at):
    # [baseline] causation is "any": all of it.
    return incidents_avoided(at)


@own
def incidents_creditable(at):
    # [baseline] payment_basis is "lower_bound": the end of the interval nearer to nothing.
    if (avoided := incidents_credited(at)) is None:
        return None
    _, low, high = at.published[at.contract, "incidents_credited", at.scope, at.value, at.period]
    if not low <= avoided <= high:
        return None
    return low if low > 0 else high if high < 0 else Fraction(0)


def crude(at):
    """Incidents and exposure of the period, and of the same months of the baseline."""
    before = at.same_months()
    n = below = 0
    for _, counts in at.counts():
        n += sum(counts[m] for m in at.months if at.users_in(m))
        below += sum(counts[m] for m in before if at.users_in(m))
    return n, sum(map(at.users_in, at.months)), below, sum(map(at.users_in, before))


def by_service(at):
    """Incidents, exposure and exposure of the baseline of each service that has the last."""
    before, counted = at.same_months(), collections.Counter()
    for service, counts in at.counts():
        counted[service] += sum(counts[m] for m in at.months)
    found = []
    for service in sorted({key[2] for key in at.sums.users if key[:2] == (at.contract, "service")}):
        if at.scope == "service" and service != at.value:
            continue
        users = [
            sum(at.sums.users.get((at.contract, "service", service, m), 0) for m in these)
            for these in (at.months, before)
        ]
        if users[1]:
            found.append((counted[service], *users))
    return found


@own
def mix_adjusted_rate(at):
    services = by_service(at)
    if not services or not all(users for _, users, _ in services) or not sum(n for n, *_ in services):
        return None
    whole = sum(base for *_, base in services)
    return half_even(1000 * sum(Fraction(base * n, whole * users) for n, users, base in services), 4)


@own
def rate_ratio(at):
    n, users, below, base = crude(at)
    if not (users and base and below):
        return None
    expected = Fraction(below, base) * users
    return half_even(n / expected, 4), Fraction(n), half_even(expected, 4)


def standardised(at):
    """Incidents counted, and expected at the rates of the baseline, of streams that have one."""
    before = at.same_months()
    n, expected = 0, Fraction(0)
    for service, counts in at.counts():
        users = {
            m: at.sums.users.get((at.contract, "service", service, m), 0) for m in (*at.months, *before)
        }
        base = sum(users[m] for m in before)
        if base:
            n += sum(counts[m] for m in at.months if users[m])
            rate = Fraction(sum(counts[m] for m in before if users[m]), base)
            expected += rate * sum(users[m] for m in at.months)
    return n, expected


@own
def mix_adjusted_ratio(at):
    n, expected = standardised(at)
    if not n or not expected:
        return None
    return half_even(n / expected, 4), Fraction(n), half_even(expected, 4)


@own
def max_update_gap(at):
    return max(at.lasted("max_update_gap"), default=None)


@own
def change_notice_lead(at):
    return median(at.durations("change_notice_lead"))


@own
def substitution(at):
    base = at.over("2023-01/2025-01")
    now, then = at.exposure(), base.exposure()
    if not (now and then):
        now, then = len(at.months), len(BASELINE)
    kinds = []
    for place in (base, at):
        sums = collections.defaultdict(lambda: [0, 0])
        for key in place.at:
            for kind, (incidents, requests) in at.sums.kinds.get(key, {}).items():
                sums[kind][0] += incidents
                sums[kind][1] += requests
        kinds.append(sums)
    before, after = kinds
    gone = 0
    for kind, (incidents, requests) in before.items():
        fewer = incidents * now - after[kind][0] * then
        more = after[kind][1] * then - requests * now
        gone += max(0, min(fewer, more))
    return divided(gone, then, 4)


@own
def impact_avoided(at):
    base = at.over("2023-01/2025-01")
    found, incidents = at.expected(), base.parts("incidents")[0]
    if found is None or not incidents:
        return None
    before, now = base.parts("impact_minutes")[0], at.parts("impact_minutes")[0]
    return half_even((found[0] * before / incidents - now) * DISRUPTION, 2)


def concentrated(at):
    """Restored incidents of each person; nothing of fewer than five people."""
    counts = sum((at.sums.solved[key] for key in at.at if key in at.sums.solved), collections.Counter())
    return list(counts.values()) if len(counts) >= 5 else None


@own
def knowledge_concentration(at):
    counts = concentrated(at)
    return counts and divided(sum(n * n for n in counts), sum(counts) ** 2, 4)


@own
def knowledge_effective_people(at):
    counts = concentrated(at)
    return counts and divided(sum(counts) ** 2, sum(n * n for n in counts), 4)


@own
def bus_factor(at):
    reached, counts = 0, concentrated(at) or []
    for people, n in enumerate(sorted(counts, reverse=True), 1):
        reached += n
        if 2 * reached > sum(counts):
            return people
    return None


@own
def holistic_coverage(at):
    year = [following(at.months[-1], n) for n in range(-11, 1)]
    if year[0] < BASELINE[0]:
        return None
    counts = sum((at.sums.skill.get((*at.at[0][:3], m), collections.Counter()) for m in year), collections.Counter())
    people = collections.Counter({person: 0 for person, *_ in counts})
    if len(people) < 5:
        return None
    for (person, *_), n in counts.items():
        people[person] += n >= 3
    return divided(max(people.values()), len({tuple(item) for _, *item in counts}), 4)


@own
def actual_cost(at):
    if not all((at.contract, month) in at.sums.billed for month in at.months):
        return None
    return Fraction(sum(at.sums.cost[key] for key in at.at), 100)


@own
def benchmark_cost(at):
    if not at.exposed() or actual_cost(at) is None or at.at[0][:3] not in at.sums.has_price:
        return None
    return half_even(Fraction(sum(at.sums.priced[key] for key in at.at), 10**16), 2)


@own
def gross_saving(at):
    benchmark = benchmark_cost(at)
    return None if benchmark is None else benchmark - actual_cost(at)


@own
def verified_saving(at):
    if (gross := gross_saving(at)) is None:
        return None
    routine, capped = Fraction(0), Fraction(0)
    for contract, month, is_capped, cents in at.sums.adjusted:
        if contract == at.contract and month in at.months:
            routine, capped = routine + cents * (not is_capped), capped + cents * is_capped
    limit = Fraction(5, 100) * abs(Fraction(sum(at.sums.priced[key] for key in at.at), 10**14))
    capped = max(-limit, min(limit, capped))
    return gross - half_even((routine + capped) / 100, 2)


@own
def qualified_saving(at):
    if (verified := verified_saving(at)) is None:
        return None
    return verified if abs(verified) >= Fraction(2, 100) * abs(benchmark_cost(at)) else Fraction(0)


@own
def saving_uncertainty(at):
    if not (verified := verified_saving(at)):
        return None
    value, _, high = at.published[at.contract, "verified_saving", at.scope, at.value, at.period]
    return None if high is None else divided(high - value, abs(verified), 4)


@own
def initiative_pipeline(at):
    return Fraction(at.sums.pipeline[at.at[-1]], 100)


@own
def saving_realisation(at):
    promised, gross = at.parts("saving_promised")[0], gross_saving(at)
    return None if not promised or gross is None else divided(gross * 1200, promised, 4)


@own
def service_cost(at):
    return total(map(at.value_of, ("actual_cost", "impact_cost")))


@own
def total_cost(at):
    return total(map(at.value_of, ("actual_cost", "impact_cost", "retained_cost")))


@own
def total_cost_per_unit(at):
    cost = total_cost(at)
    return None if cost is None or not at.exposed() else divided(cost, at.exposure(), 4)


@own
def contact_moments_held(at):
    start, end = at.instants()
    days = round((end - start) / 86400)
    held = agreed = 0
    for cadence, every in RHYTHM.items():
        wanted = days // every
        agreed += wanted
        held += min(wanted, sum(start <= m < end and c == cadence for m, c in at.sums.met[at.contract]))
    return divided(held, agreed, 4)


@own
def contact_gap(at):
    start, end = at.instants()
    moments = [start, *sorted(m for m, _ in at.sums.met[at.contract] if start <= m < end), end]
    return max(b - a for a, b in zip(moments, moments[1:]))


@own
def proactivity_balance(at):
    (s, of_s), (c, of_c) = at.parts("proactivity_supplier"), at.parts("proactivity_customer")
    return half_even(Fraction(s, of_s) - Fraction(c, of_c), 4) if of_s and of_c else None


@own
def proactive_hours_share(at):
    return divided(Fraction(at.parts("proactive_hours")[0], 100), HOURS_AGREED * len(at.months), 4)


def weighted(at, weights):
    scores = []
    for kpi, weight in weights.items():
        if (score := at.score(kpi)) is None:
            return None
        scores.append(weight * score)
    return half_even(sum(scores) / sum(weights.values()), 4)


@own
def quality_score(at):
    return weighted(at, dict.fromkeys(TARGETS, 1))


@own
def score_communication(at):
    score = weighted(at, {"notify_timely_share": 2, "breach_warned_share": 1})
    # The gate of the terms.
    return score if score is None or at.value_of("unannounced_disruptive_changes") <= 1 else Fraction(0)
