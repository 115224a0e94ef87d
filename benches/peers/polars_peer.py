"""Python polars makes part of the KPI cells from the plain canonical Parquet, as fast as we could write it.

    python benches/peers/polars_peer.py PLAIN OUT AS_OF

The part: what stands in answers.SUBSET (counts, repeats, reopenings, time to restore, service levels,
disruption). The clock of the first answer, ways through groups, notices, outages and invoices are left out, so
this is less work than that of DuckDB and of ours. Prints how long the cells took; writes them afterwards.
"""

import datetime
import json
import pathlib
import sys
import time

import polars as pl

TARGET = {1: 4 * 3600, 2: 8 * 3600, 3: 16 * 3600, 4: 40 * 3600, 5: 80 * 3600}
DONE = ["resolved", "closed", "solved"]
PAUSED = ["awaiting user info", "awaiting vendor", "waiting for customer", "waiting for vendor", "on_hold"]
FIRST = datetime.datetime(2022, 6, 1, tzinfo=datetime.timezone.utc)
CELL = ["place", "priority", "month"]
UNTIL_THE_END = 1 << 62


class Calendar:
    """Office seconds before each hour, whether it counts, and its month in the contracts' zone."""

    def __init__(self, plain):
        self.base = int(FIRST.timestamp()) // 3600
        rows = pl.read_parquet(plain / "calendars.parquet")
        holidays = rows.filter(pl.col("calendar_id") == "office", pl.col("kind") == "holiday")["date"].to_list()
        last = datetime.datetime(2027, 12, 31, 23, tzinfo=datetime.timezone.utc)
        local = pl.datetime_range(FIRST, last, "1h", eager=True).dt.convert_time_zone("Europe/Amsterdam")
        hours = pl.DataFrame({"local": local}).with_columns(
            counts=(
                (pl.col("local").dt.weekday() <= 5)
                & pl.col("local").dt.hour().is_between(8, 17)
                & ~pl.col("local").dt.date().is_in(holidays)
            ).cast(pl.Int64),
            month=(pl.col("local").dt.year() * 12 + pl.col("local").dt.month() - 1).cast(pl.Int32),
        )
        self.counts, self.month = hours["counts"], hours["month"]
        self.before = (self.counts * 3600).cum_sum() - self.counts * 3600
        # The n-th hour that counts, and back to the moment.
        self.starts = (
            self.counts.arg_true() if self.counts.dtype == pl.Boolean else (self.counts == 1).arg_true()
        ).cast(pl.Int64)
        self.starts = (self.starts + self.base) * 3600
        first = hours.with_row_index("hour").filter(pl.col("month") != pl.col("month").shift(1).fill_null(0))
        first = first.select("month", starts=(pl.col("hour").cast(pl.Int64) + self.base) * 3600)
        months = first.with_columns(ends=pl.col("starts").shift(-1)).filter(
            pl.col("month").is_between(2023 * 12, 2025 * 12 + 11)
        )
        self.months = months.with_columns(
            name=(pl.col("month") // 12).cast(pl.String)
            + "-"
            + (pl.col("month") % 12 + 1).cast(pl.String).str.zfill(2),
            office_starts=self.office(pl.col("starts")),
            office_ends=self.office(pl.col("ends")),
        )

    def office(self, moment):
        hour = moment // 3600 - self.base
        return pl.lit(self.before).gather(hour) + pl.lit(self.counts).gather(hour) * (moment % 3600)

    def month_of(self, moment):
        return pl.lit(self.month).gather(moment // 3600 - self.base)

    def reached(self, office):
        """The moment at which so many office seconds are used up."""
        nth = (office - 1) // 3600
        return pl.lit(self.starts).gather(nth) + office - 3600 * nth


def seconds(column):
    return pl.col(column).dt.epoch("s")


def tickets(plain, places):
    """(tickets with the codes of their places, repeats by ticket)."""
    incident = pl.col("ticket_type").fill_null("incident") == "incident"
    raw = pl.scan_parquet(plain / "incidents.parquet", row_index_name="id")
    found = (
        raw.join(
            places.lazy(), left_on=["contract_id", pl.col("service_id").fill_null("")], right_on=["contract", "service"]
        )
        .select(
            "id",
            "source",
            "ticket_id",
            "place",
            "initial_priority",
            "ci_id",
            "category",
            "contract_id",
            incident=incident,
            last_priority="priority",
            opened=seconds("opened_at"),
            resolved=seconds("resolved_at"),
            monitored=pl.col("channel").str.to_lowercase() == "monitoring",
            changed=pl.col("caused_by_change_id").is_not_null(),
            reopened=pl.col("reopens").fill_null(0) > 0,
            hold=pl.col("on_hold_s").fill_null(0).cast(pl.Int64),
            child=pl.col("parent_id").is_not_null(),
            share=pl.col("affected_share").cast(pl.Int64),
        )
        .collect()
    )
    items = (
        found.lazy()
        .filter("incident", pl.col("ci_id").is_not_null(), pl.col("category").is_not_null())
        .sort("opened", "source", "ticket_id")
        .select("id", gap=pl.col("opened").diff().over("contract_id", "ci_id", "category"))
        .select("id", repeats=(pl.col("gap") <= 30 * 86400).fill_null(False))
    ).collect()
    return found.drop("ci_id", "category", "contract_id"), items


def history(plain, tickets):
    """Changes of state (0 running, 1 paused, 2 done) and priority, in the order of the file."""
    was = pl.col("to").str.to_lowercase()
    state = pl.when(was.is_in(DONE)).then(2).when(was.is_in(PAUSED)).then(1).otherwise(0).cast(pl.Int8)
    names = tickets.lazy().select("source", "ticket_id", "id", "opened", "incident")
    return (
        pl.scan_parquet(plain / "incident_events.parquet", row_index_name="n")
        .filter(pl.col("field").is_in(["state", "priority"]))
        .select(
            "source",
            "ticket_id",
            n=pl.col("n").cast(pl.Int64),
            at=seconds("at"),
            state=pl.when(pl.col("field") == "state").then(state),
            priority=pl.when(pl.col("field") == "priority").then(
                pl.col("to").str.slice(1).cast(pl.Int32, strict=False)
            ),
        )
        .join(names, on=["source", "ticket_id"], maintain_order="left")
        .filter(pl.col("incident") | pl.col("priority").is_not_null())
        .select(
            "id",
            "n",
            "state",
            "priority",
            "incident",
            at_opening=pl.col("at") <= pl.col("opened"),
            moment=pl.max_horizontal("at", "opened"),
        )
        .collect()
    )


def opened(tickets, events, calendar):
    own = events.group_by("id").agg(
        highest=pl.col("priority").min(),
        first_change=pl.col("priority").drop_nulls().first(),
        at_opening=pl.col("priority").filter("at_opening").drop_nulls().first(),
        done=pl.when(pl.col("state") == 2).then("moment").min(),
        last=pl.col("moment").max(),
    )
    return (
        tickets.join(own, on="id", how="left")
        .with_columns(
            priority=pl.min_horizontal("last_priority", "initial_priority", "highest"),
            begins_as=pl.coalesce("at_opening", "initial_priority", "first_change", "last_priority"),
            only_resolved=pl.col("done").is_null() & pl.col("resolved").is_not_null(),
            ended=pl.coalesce(
                "done", pl.when(pl.col("resolved").is_not_null()).then(pl.max_horizontal("resolved", "opened", "last"))
            ),
            month=calendar.month_of(pl.col("opened")),
            office=calendar.office(pl.col("opened")),
        )
        .select(
            "id",
            "place",
            "incident",
            "opened",
            "monitored",
            "changed",
            "reopened",
            "hold",
            "child",
            "share",
            "priority",
            "begins_as",
            "only_resolved",
            "ended",
            "month",
            "office",
        )
    )


def stretches(opened, events, calendar):
    incidents = opened.filter("incident")
    begins = incidents.select(
        "id", n=pl.lit(-1, pl.Int64), moment="opened", state=pl.lit(0, pl.Int8), priority="begins_as"
    )
    ends = incidents.filter("only_resolved").select(
        "id",
        n=pl.lit(UNTIL_THE_END, pl.Int64),
        moment="ended",
        state=pl.lit(2, pl.Int8),
        priority=pl.lit(None, pl.Int32),
    )
    changes = events.filter("incident").select("id", "n", "moment", "state", "priority")
    same = pl.col("id").shift(-1) == pl.col("id")
    # Every ticket begins with a state and a priority, so filling forward stays within it.
    return (
        pl.concat([begins.cast({"priority": pl.Int32}), changes, ends])
        .lazy()
        .sort("id", "n")
        .with_columns(pl.col("state", "priority").forward_fill(), office=calendar.office(pl.col("moment")))
        .with_columns(
            until=pl.when(same).then(pl.col("moment").shift(-1)),
            until_office=pl.when(same).then(pl.col("office").shift(-1)),
        )
        .with_columns(live=pl.col("state") != 2, long=pl.col("until").is_null() | (pl.col("until") > pl.col("moment")))
        .collect()
    )


def took(until=pl.col("until"), until_office=pl.col("until_office")):
    """Seconds of a stretch: all hours of the two highest priorities, office hours of others."""
    whole = pl.col("priority") <= 2
    return pl.when(whole).then(until - pl.col("moment")).otherwise(until_office - pl.col("office"))


def ran(stretches):
    live, runs = pl.col("live"), pl.col("state") == 0
    rest = live & pl.col("until").is_null()
    return (
        stretches.lazy()
        .group_by("id")
        .agg(
            is_open=rest.any(),
            stop=pl.when(live).then("until").max(),
            stop_office=pl.when(live).then("until_office").max(),
            counts=pl.when(live & pl.col("long")).then("priority").min(),
            last=pl.col("priority").filter(live & pl.col("long") & pl.col("until").is_not_null()).last(),
            business=pl.when(runs).then(took()).sum(),
            wall=pl.when(runs).then(pl.col("until") - pl.col("moment")).sum(),
            pauses=(pl.col("state") == 1).any(),
            again=pl.when(live).then("n").max() > pl.when(~live).then("n").min(),
            now_state=pl.col("state").last(),
            now_priority=pl.col("priority").last(),
            since=pl.col("moment").last(),
            since_office=pl.col("office").last(),
        )
        .collect()
    )


def judged(ran, opened, stretches, calendar, as_of):
    """Restored and open incidents, the latter until now, with when their time was used up."""
    facts = opened.select("id", "place", "priority", "begins_as", "hold")
    runs_on = pl.when(pl.col("now_priority") <= 2).then(as_of - pl.col("since"))
    runs_on = runs_on.otherwise(calendar.office(pl.lit(as_of, pl.Int64)) - pl.col("since_office"))
    is_open = pl.col("is_open")
    clock = ran.join(facts, on="id").with_columns(
        stop=pl.when(is_open).then(as_of).otherwise("stop"),
        stop_office=pl.when(is_open).then(calendar.office(pl.lit(as_of, pl.Int64))).otherwise("stop_office"),
        business=pl.col("business") + pl.when(is_open & (pl.col("now_state") == 0)).then(runs_on).otherwise(0),
        counts=pl.coalesce("counts", "begins_as"),
        last=pl.coalesce("last", "begins_as"),
        hold=pl.when("pauses").then(0).otherwise("hold"),
    )
    target = pl.col("counts").replace_strict(TARGET, return_dtype=pl.Int64)
    clock = clock.with_columns(allowed=target + pl.col("hold"))
    late = clock.filter(pl.col("business") >= pl.col("allowed")).select("id", "allowed", "stop", "stop_office")
    cut = took(pl.min_horizontal("until", "stop"), pl.min_horizontal("until_office", "stop_office"))
    used = (
        stretches.lazy()
        .filter(pl.col("state") == 0)
        .join(late.lazy(), on="id", maintain_order="left")
        .filter(pl.col("moment") < pl.col("stop"))
        .with_columns(took=cut)
        .with_columns(upto=pl.col("took").cum_sum().over("id"))
        .filter(pl.col("upto") >= pl.col("allowed"))
        .unique("id", keep="first", maintain_order=True)
        .select(
            "id",
            p="priority",
            from_at="moment",
            from_office="office",
            rest=pl.col("allowed") - pl.col("upto") + pl.col("took"),
        )
    ).collect()
    rest = pl.coalesce("rest", pl.col("allowed") - pl.col("business"))
    whole = pl.coalesce("from_at", "stop") + rest
    office = calendar.reached(pl.coalesce("from_office", "stop_office") + rest)
    due = pl.when(pl.coalesce("p", "last") <= 2).then(whole).otherwise(office)
    return (
        clock.join(used, on="id", how="left")
        .with_columns(due=due)
        .select(
            "id",
            "place",
            "priority",
            "is_open",
            "stop",
            "due",
            late=pl.col("stop") > pl.col("due"),
            month=calendar.month_of(pl.col("stop")),
            business=pl.col("business") - pl.min_horizontal("hold", "business"),
            wall=pl.col("wall") - pl.min_horizontal("hold", "wall"),
        )
    )


def impact(opened, ran, calendar, as_of):
    """Disruption by the months in which it fell."""
    stops = ran.select("id", until=pl.when(~pl.col("is_open")).then("stop"))
    life = opened.filter("incident", ~pl.col("child"), pl.col("share").is_not_null()).join(stops, on="id")
    life = life.with_columns(pl.col("until").fill_null(as_of)).with_columns(
        until_office=calendar.office(pl.col("until")), until_month=calendar.month_of(pl.col("until"))
    )
    weighed = (
        pl.min_horizontal("until_office", "office_ends") - pl.max_horizontal("office", "office_starts")
    ) * pl.col("share")
    # An incident of several months is one row in each.
    return (
        life.lazy()
        .with_columns(at=pl.int_ranges("month", pl.col("until_month") + 1))
        .explode("at", empty_as_null=False)
        .select("place", "priority", "office", "until", "until_office", "share", month=pl.col("at").cast(pl.Int32))
        .join(calendar.months.lazy(), on="month")
        .filter(pl.col("until") > pl.col("starts"))
        .group_by(CELL)
        .agg(above=weighed.sum(), below=pl.lit(0, pl.Int64))
        .collect()
    )


def buckets(kpi, judged, column):
    value = pl.col(column)
    width = (
        pl.when(value < 128)
        .then(1)
        .otherwise(pl.lit(2, pl.Int64).pow(57 - value.bitwise_leading_zeros().cast(pl.Int64)))
        .cast(pl.Int64)
    )
    middle = judged.with_columns(width=width).with_columns(
        bucket=value // pl.col("width") * pl.col("width") + (pl.col("width") - 1) // 2
    )
    return middle.group_by(*CELL, "bucket").agg(n=pl.len()).with_columns(kpi=pl.lit(kpi))


def cells(plain, as_of):
    calendar = Calendar(plain)
    names = pl.scan_parquet(plain / "incidents.parquet").select(
        contract="contract_id", service=pl.col("service_id").fill_null("")
    )
    places = names.unique().collect().with_row_index("place")
    found, items = tickets(plain, places)
    events = history(plain, found)
    opening = opened(found, events, calendar)
    stretch = stretches(opening, events, calendar)
    del found, events
    clocks = ran(stretch)
    ends = judged(clocks, opening, stretch, calendar, as_of)
    done = ends.filter(~pl.col("is_open"))
    # What is open past its time is a breach; what is open within it is nothing yet.
    breaches = ends.filter(~pl.col("is_open") | pl.col("late"))
    breaches = breaches.with_columns(month=calendar.month_of(pl.col("due")))
    incidents = opening.filter("incident")
    ended = incidents.filter(pl.col("ended").is_not_null()).join(clocks.select("id", "again"), on="id")

    def share(kpi, rows, above, below=pl.len()):
        return (
            rows.group_by(CELL)
            .agg(above=above.cast(pl.Int64), below=below.cast(pl.Int64))
            .with_columns(kpi=pl.lit(kpi))
        )

    known = pl.lit(0, pl.Int64).first()
    sums = [
        share("ticket_count", opening, pl.len(), known),
        share("incidents", incidents, pl.len(), known),
        share("self_detected_share", incidents, pl.col("monitored").sum(), pl.col("monitored").count()),
        share("change_induced_rate", incidents, pl.col("changed").sum()),
        share("repeat_rate", incidents.join(items, on="id"), pl.col("repeats").sum()),
        share("reopen_rate", ended, (pl.col("reopened") | pl.col("again").fill_null(False)).sum()),
        share("time_to_restore", done, pl.col("business").sum()),
        share("time_to_restore_wall", done, pl.col("wall").sum()),
        share("sla_attainment", breaches, (~pl.col("late")).sum()),
        share("breaches", breaches, pl.col("late").sum(), known),
        impact(opening, clocks, calendar, as_of).with_columns(
            pl.col("above").cast(pl.Int64), kpi=pl.lit("impact_minutes")
        ),
    ]
    histogram = pl.concat([buckets("time_to_restore", done, "business"), buckets("time_to_restore_wall", done, "wall")])
    months = calendar.months.select("month", name="name")

    def named(rows):
        rows = rows.join(places, on="place").join(months, on="month").drop("place", "month")
        return rows.rename({"name": "month"})

    return named(pl.concat(sums, how="diagonal")), named(histogram)


def main():
    plain, out, as_of = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
    began = time.perf_counter()
    sums, histogram = cells(plain, as_of)
    print(json.dumps({"seconds": time.perf_counter() - began}))
    sums.write_parquet(out / "kpi_cell.parquet")
    histogram.write_parquet(out / "kpi_bucket.parquet")


if __name__ == "__main__":
    main()
