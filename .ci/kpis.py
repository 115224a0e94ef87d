"""Compares the KPIs of the complete example with an independent computation in SQL.

    python .ci/kpis.py data/complete          # after: gainshare run data/complete

kpis.sql and kpis-contract.sql read the canonical tables in the project's store and give sums per
contract, service, priority and month; kpi_values.py adds them up over every scope and period,
divides and rounds. This fails on the first values of the table `kpi` that differ, and on a KPI of docs/kpis.md
that it does not compute. Values, targets and scores are compared exactly, on every scope and in every period;
where there is no value there must be none here.

Of intervals (`ci_low`, `ci_high`) kpi_intervals.py computes those that have a closed definition: of ratios of
rates, of mix-adjusted ratios and rates. They are floats, so they may differ by one unit of the last decimal.
GIVEN says what is taken from the output as it stands, because it would take the whole model to compute it:
quantiles of Student's t with the scatter of the bills, and of the predictive distribution of counts. What
follows from them is compared.
"""

import collections
import pathlib
import re
import sys
from fractions import Fraction

import kpi_values
from kpi_intervals import interval
from kpi_values import (
    CURRENCY, MONEY, OWN, PERFORMANCE, QUANTILES, RATIOS, SUMS, TARGETS, WAITS,
    Place, divided, half_even, median, quantile,
)  # fmt: skip

# What is not computed anew, by the KPI whose bounds it is, with the reason.
GIVEN = {
    "incidents_avoided": "its interval comes from a predictive distribution of counts; compared are "
    "those of incidents_expected (the counted ones added) and incidents_credited",
    "verified_saving": "its half width comes from a quantile of Student's t; compared are the "
    "symmetry of the interval and that of gross_saving, which is as wide",
    "incidents_creditable": "the interval of incidents_credited (a predictive distribution of "
    "counts): the payment basis is applied to its published bounds",
    "saving_uncertainty": "the half width of verified_saving's interval (a quantile of Student's "
    "t): taken from its published upper bound and divided by the saving computed here",
}


def contracts(sums, published, suppliers, supplier, period):
    return [
        Place(sums, published, contract, "contract", "", period)
        for contract, of in sorted(suppliers.items())
        if of == supplier
    ]


def in_euros(place, value, above, below):
    """As the terms report: by the rate of the period's last day."""
    if CURRENCY[place.contract] == "EUR":
        return value, above, below
    rate = place.sums.dollar[place.months[-1]]
    return half_even(value * rate, 2), None if above is None else above * rate, below


def of_supplier(kpi, places):
    """The value of a supplier from those of its contracts."""
    found = [place.of(kpi) for place in places]
    if None in found:
        return None
    if kpi in MONEY:
        found = [in_euros(place, *values) for place, values in zip(places, found)]
    if kpi in ("max_update_gap", "contact_gap"):
        return max(value for value, *_ in found)
    if kpi in QUANTILES:
        return quantile([s for place in places for s in place.durations(kpi)], QUANTILES[kpi][1])
    if kpi in WAITS or kpi == "change_notice_lead":
        return median([s for place in places for s in place.durations(kpi)])
    if found[0][2] is None or kpi == "substitution":
        return sum(value for value, *_ in found)
    decimals = RATIOS[kpi][1] if kpi in RATIOS else 4
    return divided(sum(above for _, above, _ in found), sum(below for *_, below in found), decimals)[0]


def wallets(sums, published, suppliers, period):
    """What was spent on each supplier; None where a part of it is not known."""
    spent = {}
    for supplier in sorted(set(suppliers.values())):
        spent[supplier] = of_supplier("actual_cost", contracts(sums, published, suppliers, supplier, period))
    return None if None in spent.values() or not sum(spent.values()) else spent


def wallet_share(sums, published, suppliers, supplier, period):
    spent = wallets(sums, published, suppliers, period)
    return spent and half_even(spent[supplier] / sum(spent.values()), 4)


def wallet_concentration(sums, published, suppliers, _, period):
    spent = wallets(sums, published, suppliers, period)
    return spent and half_even(sum(s * s for s in spent.values()) / sum(spent.values()) ** 2, 4)


# The last decimal of an interval of a statistic.
UNIT = Fraction(1, 10_000)

# KPIs over all suppliers.
OF_ALL = {"wallet_share": wallet_share, "wallet_concentration": wallet_concentration}


def main():
    project = pathlib.Path(sys.argv[1])
    sums = kpi_values.Sums(project / "store")
    rows = sums.rows(
        "SELECT coalesce(contract_id, ''), kpi, scope, coalesce(scope_value, ''), period, "
        "if(status = 'ok', value, NULL), ci_low, ci_high, score, target, reason "
        f"FROM read_parquet('{project}/out/kpi.parquet')"
    )
    published = {
        (contract, kpi, scope, value_of, period): tuple(None if v is None else Fraction(str(v)) for v in values)
        for contract, kpi, scope, value_of, period, *values, _, _, _ in rows
    }
    suppliers = dict(sums.rows("SELECT DISTINCT contract_id, supplier_id FROM billing WHERE supplier_id IS NOT NULL"))
    compared, others, differs = collections.Counter(), collections.Counter(), []
    page = pathlib.Path(__file__).parent.parent / "docs" / "kpis.md"
    catalogue = set(re.findall(r"^\| \[`(\w+)`\]", page.read_text(encoding="utf-8"), re.M))
    known = {*RATIOS, *SUMS, *QUANTILES, *WAITS, *OWN, *OF_ALL}
    if strange := (catalogue | {kpi for _, kpi, *_ in rows}) - known:
        sys.exit(f"not computed here: {', '.join(sorted(strange))}: add it to kpis.sql or kpis-contract.sql")
    for contract, kpi, scope, value_of, period, _, low, high, score, target, reason in rows:
        value = published[contract, kpi, scope, value_of, period][0]
        columns, bounds = [], (None, None)
        if scope == "supplier":
            columns = [("target", target, None, 0), ("score", score, None, 0)]
            if kpi in OF_ALL:
                expected = OF_ALL[kpi](sums, published, suppliers, value_of, period)
            else:
                expected = of_supplier(kpi, contracts(sums, published, suppliers, value_of, period))
        else:
            place = Place(sums, published, contract, scope, value_of, period)
            expected = place.value_of(kpi)
            aims = kpi in TARGETS and place.months[0] >= PERFORMANCE
            columns.append(("target", target, TARGETS[kpi][0] if aims else None, 0))
            columns.append(("score", score, place.score(kpi), 0))
            bounds = interval(kpi, place)
        columns += [(name, is_, by, UNIT) for name, is_, by in zip(("ci_low", "ci_high"), (low, high), bounds)]
        for name, is_, by, off in columns:
            others[name] += by is not None
            is_ = None if is_ is None else Fraction(str(is_))
            if (is_ is None) != (by is None) or (by is not None and abs(is_ - by) > off):
                shown = None if by is None else float(by)
                differs.append(f"{contract} {kpi} {scope}:{value_of} {period}: {name} {is_ and float(is_)}, SQL {shown}")
        compared[kpi] += 1
        if value != expected:
            shown = None if expected is None else float(expected)
            was = None if value is None else float(value)
            differs.append(f"{contract} {kpi} {scope}:{value_of} {period}: {was} ({reason}), SQL {shown}")
    if differs:
        print("\n".join(differs[:40]))
        by = collections.Counter(line.split()[1] if line[0] != " " else line.split()[0] for line in differs)
        sys.exit(f"{len(differs)} of {compared.total()} values differ: {dict(by)}")
    if missing := catalogue - set(compared):
        sys.exit(f"no value of {', '.join(sorted(missing))} in the output")
    print(f"{compared.total()} values of all {len(compared)} KPIs are those of the SQL")
    print("also " + ", ".join(f"{n} {name}" for name, n in others.items()))
    for kpi, why in GIVEN.items():
        print(f"  {kpi}: as given, {why}")


if __name__ == "__main__":
    main()
