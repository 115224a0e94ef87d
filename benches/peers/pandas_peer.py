"""pandas makes part of the KPI cells from the plain canonical Parquet: the part that polars_peer.py makes.

    python benches/peers/pandas_peer.py PLAIN OUT AS_OF

Strings are read as Arrow strings and turned into codes once; calendars are arrays that the hour of a moment
points into. Prints how long the cells took; writes them afterwards.
"""

import json
import pathlib
import sys
import time

import numpy as np
import pandas as pd

DONE = {"resolved", "closed", "solved"}
PAUSED = {"awaiting user info", "awaiting vendor", "waiting for customer", "waiting for vendor", "on_hold"}
# Seconds to restore, by priority.
TARGET = np.array([0, 4, 8, 16, 40, 80]) * 3600
CELL = ["place", "priority", "month"]
NONE = 9


class Calendar:
    """Office seconds before each hour, whether it counts, and its month in the contracts' zone."""

    def __init__(self, plain):
        rows = pd.read_parquet(plain / "calendars.parquet")
        holidays = pd.to_datetime(rows.date[(rows.calendar_id == "office") & (rows.kind == "holiday")]).dt.date
        hours = pd.date_range("2022-06-01", "2027-12-31 23:00", freq="h", tz="UTC")
        local = hours.tz_convert("Europe/Amsterdam")
        self.base = hours[0].timestamp() // 3600
        working = (local.day_of_week < 5) & (local.hour >= 8) & (local.hour < 18)
        self.counts = (working & ~pd.Index(local.date).isin(holidays)).astype(np.int64)
        self.before = self.counts.cumsum() * 3600 - self.counts * 3600
        self.month = (local.year * 12 + local.month - 1).to_numpy()
        # The n-th hour that counts, and back to the moment.
        self.starts = (np.flatnonzero(self.counts) + self.base) * 3600
        first = np.flatnonzero(np.diff(self.month, prepend=0))
        months = pd.DataFrame({"month": self.month[first], "starts": (first + self.base) * 3600})
        months["ends"] = months.starts.shift(-1)
        months = months[months.month.between(2023 * 12, 2025 * 12 + 11)]
        self.months = months.assign(
            name=[f"{m // 12}-{m % 12 + 1:02}" for m in months.month],
            office_starts=self.office(months.starts.to_numpy()),
            office_ends=self.office(months.ends.to_numpy()),
        )

    def hour(self, moment):
        return (moment // 3600 - self.base).astype(np.int64)

    def office(self, moment):
        """Office seconds up to moments without gaps."""
        hour = self.hour(moment)
        return self.before[hour] + self.counts[hour] * (moment % 3600)

    def month_of(self, moment):
        return self.month[self.hour(moment)]

    def reached(self, office):
        nth = ((office - 1) // 3600).astype(np.int64)
        return self.starts[nth] + office - 3600 * nth


def seconds(column):
    """Whole seconds as floats, NaN where there is none: pandas' way with gaps."""
    moments = column.to_numpy(dtype="datetime64[s]")
    return np.where(np.isnat(moments), np.nan, moments.astype(np.int64))


def tickets(plain):
    names = (
        "source ticket_id contract_id service_id ticket_type priority initial_priority opened_at resolved_at ci_id "
        "category channel caused_by_change_id reopens on_hold_s parent_id affected_share"
    ).split()
    raw = pd.read_parquet(plain / "incidents.parquet", columns=names, dtype_backend="pyarrow")
    keys = pd.MultiIndex.from_arrays([raw.contract_id.astype("category"), raw.service_id.fillna("").astype("category")])
    place, places = keys.factorize()
    found = pd.DataFrame(
        {
            "place": place,
            "incident": (raw.ticket_type.fillna("incident") == "incident").to_numpy(bool),
            "last_priority": raw.priority.to_numpy(np.int64),
            "initial_priority": raw.initial_priority.fillna(NONE).to_numpy(np.int64),
            "opened": seconds(raw.opened_at).astype(np.int64),
            "resolved": seconds(raw.resolved_at),
            "monitored": (raw.channel.str.lower() == "monitoring").fillna(False).to_numpy(bool),
            "channel": raw.channel.notna().to_numpy(),
            "changed": raw.caused_by_change_id.notna().to_numpy(),
            "reopened": (raw.reopens.fillna(0) > 0).to_numpy(bool),
            "hold": raw.on_hold_s.fillna(0).to_numpy(np.int64),
            "child": raw.parent_id.notna().to_numpy(),
            "share": raw.affected_share.to_numpy(np.float64, na_value=np.nan),
        }
    )
    items = raw.loc[
        found.incident & raw.ci_id.notna() & raw.category.notna(),
        ["contract_id", "ci_id", "category", "source", "ticket_id"],
    ]
    items["opened"] = found.opened[items.index]
    items["item"] = items.groupby(["contract_id", "ci_id", "category"], sort=False).ngroup()
    items = items.sort_values(["item", "opened", "source", "ticket_id"])
    same = (items.item == items.item.shift()).to_numpy()
    repeats = pd.Series(same & (items.opened.diff().to_numpy() <= 30 * 86400), index=items.index)
    keys = pd.MultiIndex.from_arrays([raw.source, raw.ticket_id])
    return found, repeats, pd.Series(np.arange(len(raw)), index=keys), places


def history(plain, found, ids):
    """Changes of state (0 running, 1 paused, 2 done) and priority, in the order of the file."""
    names = ["source", "ticket_id", "at", "field", "to"]
    events = pd.read_parquet(
        plain / "incident_events.parquet",
        columns=names,
        dtype_backend="pyarrow",
        filters=[("field", "in", ["state", "priority"])],
    )
    named = ids.rename("id").reset_index()
    events = events.merge(named, on=["source", "ticket_id"], how="inner")
    codes, texts = events["to"].factorize()
    low = [str(t).lower() for t in texts]
    states = np.array([2 if t in DONE else 1 if t in PAUSED else 0 for t in low] or [0], dtype=np.float64)
    priorities = np.array([int(t[1:]) if t[1:].isdigit() else np.nan for t in low] or [np.nan])
    state = (events.field == "state").to_numpy(bool)
    opened = found.opened.to_numpy()[events.id]
    at = seconds(events["at"]).astype(np.int64)
    rows = pd.DataFrame(
        {
            "id": events.id.to_numpy(np.int64),
            "n": np.arange(len(events)),
            "moment": np.maximum(at, opened),
            "at_opening": at <= opened,
            "state": np.where(state, states[codes], np.nan),
            "priority": np.where(state, np.nan, priorities[codes]),
        }
    )
    return rows[found.incident.to_numpy()[rows.id] | rows.priority.notna()]


def opened(found, events, calendar):
    by = events.groupby("id")
    own = pd.DataFrame({"highest": by.priority.min(), "first_change": by.priority.first(), "last": by.moment.max()})
    own["at_opening"] = events[events.at_opening].groupby("id").priority.first()
    own["done"] = events[events.state == 2].groupby("id").moment.min()
    all_of = found.join(own)
    all_of["priority"] = all_of[["last_priority", "initial_priority", "highest"]].min(axis=1).astype(np.int64)
    initial = all_of.initial_priority.where(all_of.initial_priority != NONE)
    all_of["begins_as"] = (
        all_of.at_opening.fillna(initial).fillna(all_of.first_change).fillna(all_of.last_priority).astype(np.int64)
    )
    all_of["only_resolved"] = all_of.done.isna() & all_of.resolved.notna()
    latest = np.fmax(np.fmax(all_of.resolved, all_of.opened), all_of["last"])
    all_of["ended"] = all_of.done.where(all_of.done.notna(), latest.where(all_of.resolved.notna()))
    all_of["month"] = calendar.month_of(all_of.opened.to_numpy())
    all_of["office"] = calendar.office(all_of.opened.to_numpy())
    return all_of


def stretches(opened, events, calendar):
    incidents = opened[opened.incident]
    only = incidents[incidents.only_resolved]
    point = pd.concat(
        [
            pd.DataFrame(
                {
                    "id": incidents.index,
                    "n": -1,
                    "moment": incidents.opened,
                    "state": 0.0,
                    "priority": incidents.begins_as.astype(float),
                }
            ),
            events.loc[opened.incident.to_numpy()[events.id], ["id", "n", "moment", "state", "priority"]],
            pd.DataFrame(
                {
                    "id": only.index,
                    "n": 1 << 62,
                    "moment": only.ended.astype(np.int64),
                    "state": 2.0,
                    "priority": np.nan,
                }
            ),
        ]
    ).sort_values(["id", "n"], ignore_index=True)
    # Every ticket begins with a state and a priority, so filling forward stays within it.
    point["state"], point["priority"] = point.state.ffill().astype(np.int8), point.priority.ffill().astype(np.int8)
    point["office"] = calendar.office(point.moment.to_numpy())
    same = point.id == point.id.shift(-1)
    point["until"], point["until_office"] = point.moment.shift(-1).where(same), point.office.shift(-1).where(same)
    point["live"] = point.state != 2
    point["took"] = (point.until - point.moment).where(point.priority <= 2, point.until_office - point.office)
    return point


def ran(point):
    """A row per incident, in the order of their numbers."""
    live, runs = point.live, point.state == 0
    long = live & ~(point.until <= point.moment)
    by = point.assign(
        open_end=live & point.until.isna(),
        stop=point.until.where(live),
        stop_office=point.until_office.where(live),
        counts=point.priority.where(long),
        business=point.took.where(runs),
        wall=(point.until - point.moment).where(runs),
        paused=point.state == 1,
        live_n=point.n.where(live).astype(float),
        done_n=point.n.where(~live).astype(float),
    ).groupby("id")
    found = by.agg(
        is_open=("open_end", "any"),
        stop=("stop", "max"),
        stop_office=("stop_office", "max"),
        counts=("counts", "min"),
        business=("business", "sum"),
        wall=("wall", "sum"),
        pauses=("paused", "any"),
        live_n=("live_n", "max"),
        done_n=("done_n", "min"),
        now_state=("state", "last"),
        now_priority=("priority", "last"),
        since=("moment", "last"),
        since_office=("office", "last"),
    )
    found["last"] = point[long & point.until.notna()].groupby("id").priority.last()
    found["again"] = found.live_n > found.done_n
    return found


def judged(ran, opened, point, calendar, as_of):
    """Restored and open incidents, the latter until now, with when their time was used up."""
    clock = ran.join(opened[["place", "priority", "begins_as", "hold"]])
    now_office = calendar.office(np.array([as_of]))[0]
    runs_on = (as_of - clock.since).where(clock.now_priority <= 2, now_office - clock.since_office)
    clock["stop"] = clock.stop.where(~clock.is_open, as_of)
    clock["stop_office"] = clock.stop_office.where(~clock.is_open, now_office)
    clock["business"] += runs_on.where(clock.is_open & (clock.now_state == 0), 0)
    counts = clock.counts.fillna(clock.begins_as).astype(np.int64)
    clock["last"] = clock["last"].fillna(clock.begins_as)
    clock["hold"] = clock.hold.where(~clock.pauses, 0)
    clock["allowed"] = TARGET[counts] + clock.hold
    late = clock.loc[clock.business >= clock.allowed, ["allowed", "stop", "stop_office"]]
    cut = point[(point.state == 0) & point.id.isin(late.index)].join(late, on="id")
    cut = cut[cut.moment < cut.stop]
    whole = np.fmin(cut.until, cut.stop) - cut.moment
    cut["took"] = whole.where(cut.priority <= 2, np.fmin(cut.until_office, cut.stop_office) - cut.office)
    cut["upto"] = cut.groupby("id").took.cumsum()
    used = cut[cut.upto >= cut.allowed].drop_duplicates("id").set_index("id")
    p = used.priority.reindex(clock.index).fillna(clock["last"])
    from_at = used.moment.reindex(clock.index).fillna(clock.stop)
    from_office = used.office.reindex(clock.index).fillna(clock.stop_office)
    rest = (used.allowed - used.upto + used.took).reindex(clock.index).fillna(clock.allowed - clock.business)
    clock["due"] = np.where(p <= 2, from_at + rest, calendar.reached((from_office + rest).to_numpy()))
    clock["late"] = clock.stop > clock.due
    clock["month"] = calendar.month_of(clock.stop.to_numpy())
    clock["business"] -= np.minimum(clock.hold, clock.business)
    clock["wall"] -= np.minimum(clock.hold, clock.wall)
    return clock


def impact(opened, ran, calendar, as_of):
    """Disruption by the months in which it fell."""
    life = opened[opened.incident & ~opened.child & opened.share.notna()].join(ran[["stop", "is_open"]])
    until = life.stop.where(~life.is_open).fillna(as_of).to_numpy()
    life["until"], life["until_office"] = until, calendar.office(until)
    months = (calendar.month_of(until) - life.month + 1).to_numpy()
    # An incident of several months is one row in each.
    rows = life[["place", "priority", "month", "office", "until", "until_office", "share"]]
    rows = rows.loc[rows.index.repeat(months)]
    rows["month"] += rows.groupby(level=0).cumcount()
    rows = rows.merge(calendar.months, on="month")
    rows = rows[rows.until > rows.starts]
    within = np.minimum(rows.until_office, rows.office_ends) - np.maximum(rows.office, rows.office_starts)
    # Whole numbers: their sum passes what a float holds exactly.
    rows["above"] = within.astype(np.int64) * rows.share.astype(np.int64)
    return rows.groupby(CELL, as_index=False).above.sum().assign(below=0, kpi="impact_minutes")


def buckets(kpi, judged, column):
    value = judged[column].to_numpy(np.int64)
    # frexp gives the number of bits exactly.
    width = np.left_shift(1, np.maximum(np.frexp(value.astype(float))[1] - 7, 0).astype(np.int64))
    rows = judged[CELL].assign(bucket=value // width * width + (width - 1) // 2)
    return rows.groupby([*CELL, "bucket"], as_index=False).size().rename(columns={"size": "n"}).assign(kpi=kpi)


def cells(plain, as_of):
    calendar = Calendar(plain)
    found, repeats, ids, places = tickets(plain)
    events = history(plain, found, ids)
    opening = opened(found, events, calendar)
    del found, ids
    point = stretches(opening, events, calendar)
    del events
    clocks = ran(point)
    ends = judged(clocks, opening, point, calendar, as_of)
    done = ends[~ends.is_open]
    del point
    # What is open past its time is a breach; what is open within it is nothing yet.
    breaches = ends[~ends.is_open | ends.late].copy()
    breaches["month"] = calendar.month_of(breaches.due.to_numpy())
    incidents = opening[opening.incident]
    ended = incidents[incidents.ended.notna()].join(clocks.again)

    def sums(kpi, rows, above, below=None):
        keyed = rows[CELL].assign(above=above, below=1 if below is None else below)
        return keyed.groupby(CELL, as_index=False)[["above", "below"]].sum().assign(kpi=kpi)

    all_of = pd.concat(
        [
            sums("ticket_count", opening, 1, 0),
            sums("incidents", incidents, 1, 0),
            sums("self_detected_share", incidents, incidents.monitored, incidents.channel),
            sums("change_induced_rate", incidents, incidents.changed),
            sums("repeat_rate", opening.loc[repeats.index], repeats),
            sums("reopen_rate", ended, ended.reopened | ended.again),
            sums("time_to_restore", done, done.business.astype(np.int64)),
            sums("time_to_restore_wall", done, done.wall.astype(np.int64)),
            sums("sla_attainment", breaches, ~breaches.late),
            sums("breaches", breaches, breaches.late, 0),
            impact(opening, clocks, calendar, as_of),
        ]
    )
    histogram = pd.concat([buckets("time_to_restore", done, "business"), buckets("time_to_restore_wall", done, "wall")])
    names = calendar.months.set_index("month").name

    def named(rows):
        rows = rows[rows.month.isin(names.index)]
        contract, service = (places.get_level_values(i).astype(str).to_numpy()[rows.place] for i in (0, 1))
        return rows.drop(columns="place").assign(contract=contract, service=service, month=rows.month.map(names))

    return named(all_of), named(histogram)


def main():
    plain, out, as_of = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    began = time.perf_counter()
    sums, histogram = cells(plain, as_of)
    print(json.dumps({"seconds": time.perf_counter() - began}))
    sums.to_parquet(out / "kpi_cell.parquet")
    histogram.to_parquet(out / "kpi_bucket.parquet")


if __name__ == "__main__":
    main()
