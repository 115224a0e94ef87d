"""Intervals of the KPIs of the complete example from their definitions: exact (central) intervals of
counts and of ratios of rates, and the gamma interval of a standardised rate. What needs the baseline
model or the scatter of bills is taken as published, see GIVEN in kpis.py; what follows from it is computed.

The level is that of [baseline] level in the terms, whose default the example keeps.
"""

import math
from fractions import Fraction

import kpi_values

TAIL = (1 - 0.95) / 2


def gamma_cdf(x, shape):
    """The regularised incomplete gamma function P(shape, x): series, or continued fraction (Lentz)."""
    if x <= 0:
        return 0.0
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        n = shape
        while abs(term) > 1e-17 * abs(total):
            n += 1
            term *= x / n
            total += term
        return front * total
    b, c = x + 1 - shape, 1e300
    d = h = 1 / b
    for i in range(1, 100_000):
        a = -i * (i - shape)
        b += 2
        d = 1 / (a * d + b)
        c = b + a / c
        h *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return 1 - front * h


def beta_cdf(x, a, b):
    """The regularised incomplete beta function I_x(a, b): continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / (1 + step * d)
            c = 1 + step / c
            h *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return front * h / a


def root(cdf, wanted, low, high):
    """Where a growing function reaches a value, by bisection."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if cdf(middle) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def gamma_quantile(p, shape):
    return root(lambda x: gamma_cdf(x, shape), p, 0.0, shape + 40 * math.sqrt(shape) + 40)


def beta_quantile(p, a, b):
    return root(lambda x: beta_cdf(x, a, b), p, 0.0, 1.0)


def rounded(*bounds):
    return tuple(Fraction(round(bound * 10_000), 10_000) for bound in bounds)


def rate_ratio(at):
    """Given both counts together, the first is binomial (Clopper and Pearson 1934)."""
    n, users, below, base = kpi_values.crude(at)
    low = beta_quantile(TAIL, n, below + 1) if n else 0.0
    high = beta_quantile(1 - TAIL, n + 1, below)
    return rounded(*(p / (1 - p) * base / users for p in (low, high)))


def mix_adjusted_ratio(at):
    """The count as Poisson (Garwood 1936), what is expected taken as known."""
    n, expected = kpi_values.standardised(at)
    return rounded(*(float(bound / expected) for bound in (gamma_quantile(TAIL, n), gamma_quantile(1 - TAIL, n + 1))))


def mix_adjusted_rate(at):
    """Fay and Feuer 1997."""
    services = kpi_values.by_service(at)
    whole = sum(base for *_, base in services)
    weights = [(n, base / whole / users) for n, users, base in services]
    rate = sum(n * w for n, w in weights)
    spread = sum(n * w * w for n, w in weights)
    most = max(w for _, w in weights)
    low = spread / rate * gamma_quantile(TAIL, rate * rate / spread)
    rate, spread = rate + most, spread + most * most
    high = spread / rate * gamma_quantile(1 - TAIL, rate * rate / spread)
    return rounded(1000 * low, 1000 * high)


def incidents_expected(at):
    """That of avoided incidents, the counted ones added."""
    _, low, high = at.published[at.contract, "incidents_avoided", at.scope, at.value, at.period]
    actual = at.expected()[1]
    return low + actual, high + actual


def incidents_avoided(at):
    """As published."""
    return at.published[at.contract, "incidents_avoided", at.scope, at.value, at.period][1:]


def gross_saving(at):
    """Around the saving, as wide as published for the verified one of the contract."""
    if at.scope != "contract":
        return at.published[at.contract, "gross_saving", at.scope, at.value, at.period][1:]
    verified, _, high = at.published[at.contract, "verified_saving", at.scope, at.value, at.period]
    if high is None:
        return None, None
    gross = at.value_of("gross_saving")
    return gross - (high - verified), gross + (high - verified)


def verified_saving(at):
    """Symmetric about the saving."""
    verified, _, high = at.published[at.contract, "verified_saving", at.scope, at.value, at.period]
    saving = at.value_of("verified_saving")
    return (None, None) if high is None else (saving - (high - verified), high)


INTERVALS = {
    function.__name__: function
    for function in (
        rate_ratio, mix_adjusted_ratio, mix_adjusted_rate, incidents_expected, incidents_avoided,
        gross_saving, verified_saving,
    )
} | {"incidents_credited": incidents_avoided}  # [baseline] causation is "any": all of it.  # fmt: skip


def interval(kpi, at):
    """(low, high) of a KPI, None where there is no value or the KPI has no interval."""
    if kpi not in INTERVALS or at.value_of(kpi) is None:
        return None, None
    return INTERVALS[kpi](at)
