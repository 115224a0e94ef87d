-- The KPIs of the complete example a second time, from the canonical tables in its store: plain
-- SQL, written from docs/kpis.md and the terms of the example (data/complete/terms/gain.toml), and
-- sharing no code with the engine. .ci/kpis.py runs it and compares every value.
--
-- Result: `part` (kpi, contract, service, priority, month, above, below), summed and divided, and
-- `duration` (kpi, contract, service, priority, month, seconds), of which quantiles are taken.

-- A local day of the office calendar each, with the business seconds before it.
CREATE TABLE day AS
WITH d AS (
    SELECT CAST(g AS DATE) AS d FROM generate_series(DATE '2022-06-01', DATE '2027-01-01', INTERVAL 1 DAY) t(g)
), w AS (
    SELECT d,
        CAST(epoch((d + TIME '08:00') AT TIME ZONE 'Europe/Amsterdam') AS BIGINT) AS opens,
        CASE WHEN isodow(d) <= 5 AND d NOT IN (SELECT date FROM calendars WHERE calendar_id = 'office' AND kind = 'holiday')
             THEN 36000 ELSE 0 END AS len
    FROM d
)
SELECT d, opens, len, CAST(coalesce(sum(len) OVER (ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS BIGINT) AS before
FROM w;

SET VARIABLE opens = (SELECT list(opens ORDER BY d) FROM day);
SET VARIABLE len = (SELECT list(len ORDER BY d) FROM day);
SET VARIABLE before = (SELECT list(before ORDER BY d) FROM day);

CREATE MACRO local(s) AS (make_timestamp(CAST(s AS BIGINT) * 1000000) AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Amsterdam';
CREATE MACRO month_of(s) AS strftime(local(s), '%Y-%m');
CREATE MACRO nth(s) AS CAST(date_diff('day', DATE '2022-06-01', CAST(local(s) AS DATE)) + 1 AS INTEGER);
-- Office seconds since the first day.
CREATE MACRO office(s) AS getvariable('before')[nth(s)]
    + greatest(0, least(s - getvariable('opens')[nth(s)], getvariable('len')[nth(s)]));
CREATE MACRO biz(p, a, b) AS CASE WHEN p <= 2 THEN b - a ELSE office(b) - office(a) END;
CREATE MACRO target(p) AS CASE p WHEN 1 THEN 4 WHEN 2 THEN 8 WHEN 3 THEN 16 WHEN 4 THEN 40 ELSE 80 END * 3600;
CREATE MACRO answer(p) AS CASE p WHEN 1 THEN 900 WHEN 2 THEN 1800 WHEN 3 THEN 4 * 3600 WHEN 4 THEN 8 * 3600 ELSE 16 * 3600 END;

CREATE TABLE ticket AS
SELECT row_number() OVER () AS id, source, ticket_id, contract_id AS contract, coalesce(service_id, '') AS service,
    coalesce(ticket_type, 'incident') AS kind, priority AS last_priority, initial_priority,
    CAST(floor(epoch(opened_at)) AS BIGINT) AS opened, CAST(floor(epoch(responded_at)) AS BIGINT) AS responded,
    CAST(floor(epoch(resolved_at)) AS BIGINT) AS resolved, CAST(floor(epoch(detected_at)) AS BIGINT) AS detected,
    ci_id, category, assignee, channel, reassignments, reopens, coalesce(on_hold_s, 0) AS hold,
    parent_id IS NOT NULL AS child, problem_id, caused_by_change_id, affected_share AS share
FROM incidents;

CREATE TABLE event AS
SELECT t.id, CAST(floor(epoch(e."at")) AS BIGINT) AS moment, e.field, e."from" AS was, e."to" AS became, e.n
FROM incident_events e JOIN ticket t ON t.source = e.source AND t.ticket_id = e.ticket_id;

CREATE TABLE held AS
SELECT t.id, least(t.last_priority, coalesce(t.initial_priority, 9),
    coalesce(min(CASE WHEN e.field = 'priority' THEN CAST(substr(e.became, 2) AS INTEGER) END), 9)) AS priority
FROM ticket t LEFT JOIN event e USING (id) GROUP BY t.id, t.last_priority, t.initial_priority;

-- What changed when: state R(unning), P(aused) or D(one), and priority.
CREATE TABLE point AS
WITH first AS (
    SELECT t.id, coalesce(
        arg_min(TRY_CAST(substr(e.became, 2) AS INTEGER), e.n) FILTER (WHERE e.field = 'priority' AND e.moment <= t.opened),
        any_value(t.initial_priority),
        arg_min(TRY_CAST(substr(e.became, 2) AS INTEGER), e.n) FILTER (WHERE e.field = 'priority'),
        any_value(t.last_priority)) AS p
    FROM ticket t LEFT JOIN event e USING (id) WHERE t.kind = 'incident' GROUP BY t.id
), raw AS (
    SELECT t.id, 0 AS n, t.opened AS moment, 'R' AS state, f.p AS priority FROM ticket t JOIN first f USING (id)
    UNION ALL
    SELECT t.id, e.n, greatest(e.moment, t.opened),
        CASE WHEN e.field = 'state' THEN CASE
            WHEN lower(e.became) IN ('resolved', 'closed', 'solved') THEN 'D'
            WHEN lower(e.became) IN ('awaiting user info', 'awaiting vendor', 'waiting for customer', 'waiting for vendor', 'on_hold') THEN 'P'
            ELSE 'R' END END,
        CASE WHEN e.field = 'priority' THEN CAST(substr(e.became, 2) AS INTEGER) END
    FROM event e JOIN ticket t USING (id) WHERE t.kind = 'incident' AND e.field IN ('state', 'priority')
), plain AS (
    SELECT * FROM raw
    UNION ALL
    SELECT t.id, 9000000000, greatest(t.resolved, max(r.moment)), 'D', NULL
    FROM ticket t JOIN raw r USING (id) WHERE t.resolved IS NOT NULL
    GROUP BY t.id, t.resolved HAVING count(*) FILTER (WHERE r.state = 'D') = 0
)
SELECT id, n, moment,
    last_value(state IGNORE NULLS) OVER w AS state, last_value(priority IGNORE NULLS) OVER w AS priority
FROM plain WINDOW w AS (PARTITION BY id ORDER BY n);

CREATE TABLE stretch AS
SELECT *, lead(moment) OVER (PARTITION BY id ORDER BY n) AS until FROM point;

CREATE TABLE ending AS
WITH last AS (SELECT id, arg_max(state, n) AS state, coalesce(max(n) FILTER (WHERE state <> 'D'), -1) AS live FROM point GROUP BY id)
SELECT l.id, min(p.moment) AS stop FROM last l JOIN point p ON p.id = l.id AND p.n > l.live WHERE l.state = 'D' GROUP BY l.id;

-- One clock each: until restoration, and until the first answer.
CREATE TABLE stopped AS
SELECT id, 'restore' AS clock, stop FROM ending
UNION ALL
SELECT t.id, 'respond', least(greatest(t.responded, t.opened), d.moment)
FROM ticket t LEFT JOIN (SELECT id, min(moment) AS moment FROM point WHERE state = 'D' GROUP BY id) d USING (id)
WHERE t.kind = 'incident' AND coalesce(t.responded, d.moment) IS NOT NULL;

CREATE TABLE ran AS
WITH cut AS (
    SELECT s.id, k.clock, k.stop, s.n, s.moment, least(coalesce(s.until, k.stop), k.stop) AS until, s.state, s.priority
    FROM stretch s JOIN stopped k USING (id) WHERE s.moment < k.stop
), paused AS (SELECT id FROM point GROUP BY id HAVING count(*) FILTER (WHERE state = 'P') > 0)
SELECT c.id, clock, stop,
    min(priority) FILTER (WHERE state <> 'D' AND until > moment) AS counts,
    CAST(coalesce(sum(biz(priority, moment, until)) FILTER (WHERE state = 'R'), 0) AS BIGINT) AS business,
    CAST(coalesce(sum(until - moment) FILTER (WHERE state = 'R'), 0) AS BIGINT) AS wall,
    max(CASE WHEN clock = 'respond' OR p.id IS NOT NULL THEN 0 ELSE t.hold END) AS hold,
    arg_max(priority, n) FILTER (WHERE state <> 'D') AS last
FROM cut c JOIN ticket t ON t.id = c.id LEFT JOIN paused p ON p.id = c.id GROUP BY c.id, clock, stop;

-- Those that ended as they began.
INSERT INTO ran
SELECT k.id, k.clock, k.stop, p.priority, 0, 0,
    CASE WHEN k.clock = 'respond' THEN 0 ELSE t.hold END, p.priority
FROM stopped k JOIN ticket t USING (id) JOIN point p ON p.id = k.id AND p.n = 0
WHERE NOT EXISTS (SELECT 1 FROM ran r WHERE r.id = k.id AND r.clock = k.clock);

-- When the time was used up: in the stretch in which the sum reaches it, else after the end.
CREATE TABLE due AS
WITH allowed AS (
    SELECT id, clock, stop, counts, last, business,
        CASE clock WHEN 'restore' THEN target(counts) ELSE answer(counts) END + hold AS allowed FROM ran
), cut AS (
    SELECT a.id, a.clock, a.allowed, s.n, s.moment, s.priority,
        coalesce(sum(biz(s.priority, s.moment, least(coalesce(s.until, a.stop), a.stop)))
            OVER (PARTITION BY a.id, a.clock ORDER BY s.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before,
        biz(s.priority, s.moment, least(coalesce(s.until, a.stop), a.stop)) AS took
    FROM allowed a JOIN stretch s ON s.id = a.id AND s.moment < a.stop AND s.state = 'R'
), place AS (
    SELECT id, clock, arg_min(moment, n) AS from_at, arg_min(priority, n) AS priority, arg_min(allowed - before, n) AS rest
    FROM cut WHERE before + took >= allowed GROUP BY id, clock
    UNION ALL
    SELECT id, clock, stop, last, allowed - business FROM allowed WHERE business < allowed
)
SELECT p.id, p.clock, CAST(CASE WHEN priority <= 2 THEN from_at + rest ELSE d.opens + office(from_at) + rest - d.before END AS BIGINT) AS due
FROM place p LEFT JOIN day d ON priority > 2 AND d.before < office(from_at) + rest AND office(from_at) + rest <= d.before + d.len;

CREATE TABLE judged AS
SELECT t.*, h.priority, r.clock, r.stop, r.counts, d.due, r.stop > d.due AS late,
    r.business - least(r.hold, r.business) AS business, r.wall - least(r.hold, r.wall) AS wall
FROM ran r JOIN ticket t USING (id) JOIN held h USING (id) LEFT JOIN due d ON d.id = r.id AND d.clock = r.clock;

-- Open incidents, and when their time is used up if nothing else happens.
CREATE TABLE still_open AS
WITH o AS (
    SELECT t.*, h.priority FROM ticket t JOIN held h USING (id)
    WHERE t.kind = 'incident' AND t.id NOT IN (SELECT id FROM ending)
), run AS (
    SELECT o.id, min(s.priority) FILTER (WHERE s.state <> 'D' AND (s.until IS NULL OR s.until > s.moment)) AS counts,
        coalesce(sum(biz(s.priority, s.moment, s.until)) FILTER (WHERE s.state = 'R' AND s.until IS NOT NULL), 0) AS ran,
        bool_or(s.state = 'P') AS pauses,
        max(s.moment) FILTER (WHERE s.until IS NULL) AS since, any_value(s.priority) FILTER (WHERE s.until IS NULL) AS p,
        any_value(s.state) FILTER (WHERE s.until IS NULL) AS state
    FROM o JOIN stretch s USING (id) GROUP BY o.id
), rest AS (
    SELECT r.*, target(r.counts) + CASE WHEN pauses THEN 0 ELSE o.hold END AS allowed FROM run r JOIN o USING (id)
), cut AS (
    SELECT r.id, r.allowed, s.n, s.moment, s.priority, biz(s.priority, s.moment, s.until) AS took,
        coalesce(sum(biz(s.priority, s.moment, s.until)) OVER (PARTITION BY r.id ORDER BY s.n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
    FROM rest r JOIN stretch s USING (id) WHERE s.state = 'R' AND s.until IS NOT NULL AND r.ran >= r.allowed
), place AS (
    SELECT id, arg_min(moment, n) AS from_at, arg_min(priority, n) AS p, arg_min(allowed - before, n) AS rest
    FROM cut WHERE before + took >= allowed GROUP BY id
    UNION ALL
    SELECT id, since, p, allowed - ran FROM rest WHERE ran < allowed AND state <> 'P'
)
SELECT o.*, CAST(CASE WHEN p <= 2 THEN from_at + rest ELSE d.opens + office(from_at) + rest - d.before END AS BIGINT) AS due
FROM o LEFT JOIN place USING (id)
LEFT JOIN day d ON p > 2 AND d.before < office(from_at) + rest AND office(from_at) + rest <= d.before + d.len;

CREATE TABLE part (kpi VARCHAR, contract VARCHAR, service VARCHAR, priority INTEGER, month VARCHAR, above HUGEINT, below HUGEINT);
CREATE TABLE duration (kpi VARCHAR, contract VARCHAR, service VARCHAR, priority INTEGER, month VARCHAR, seconds BIGINT);

CREATE VIEW opening AS SELECT t.*, h.priority, month_of(opened) AS month FROM ticket t JOIN held h USING (id);
CREATE VIEW opened_incident AS SELECT * FROM opening WHERE kind = 'incident';
CREATE VIEW restored AS SELECT *, month_of(stop) AS month FROM judged WHERE clock = 'restore';
CREATE VIEW answered AS SELECT *, month_of(stop) AS month FROM judged WHERE clock = 'respond';

INSERT INTO part SELECT 'ticket_count', contract, service, priority, month, 1, 0 FROM opening;
INSERT INTO part SELECT 'self_detected_share', contract, service, priority, month, CAST(lower(channel) = 'monitoring' AS INT), 1 FROM opened_incident WHERE channel IS NOT NULL;
INSERT INTO part SELECT 'change_induced_rate', contract, service, priority, month, CAST(caused_by_change_id IS NOT NULL AS INT), 1 FROM opened_incident;
INSERT INTO part
WITH gap AS (
    SELECT *, opened - lag(opened) OVER (PARTITION BY contract, ci_id, category ORDER BY opened, source, ticket_id) AS gap
    FROM opened_incident WHERE ci_id IS NOT NULL AND category IS NOT NULL)
SELECT 'repeat_rate', contract, service, priority, month, CAST(coalesce(gap <= 30 * 86400, false) AS INT), 1 FROM gap;

INSERT INTO part
WITH done AS (SELECT id, min(n) AS n FROM point WHERE state = 'D' GROUP BY id)
SELECT 'reopen_rate', o.contract, o.service, o.priority, o.month,
    CAST(coalesce(o.reopens, 0) > 0 OR EXISTS (SELECT 1 FROM point p WHERE p.id = o.id AND p.n > d.n AND p.state <> 'D') AS INT), 1
FROM opened_incident o JOIN done d USING (id);

INSERT INTO part SELECT 'time_to_restore', contract, service, priority, month, business, 1 FROM restored;
INSERT INTO part SELECT 'time_to_restore_wall', contract, service, priority, month, wall, 1 FROM restored;
INSERT INTO part SELECT 'time_to_respond', contract, service, priority, month, business, 1 FROM answered;
INSERT INTO part SELECT 'time_to_respond_wall', contract, service, priority, month, wall, 1 FROM answered;
INSERT INTO duration SELECT 'time_to_restore', contract, service, priority, month, business FROM restored;
INSERT INTO duration SELECT 'time_to_restore_wall', contract, service, priority, month, wall FROM restored;
INSERT INTO duration SELECT 'time_to_respond', contract, service, priority, month, business FROM answered;
INSERT INTO duration SELECT 'time_to_respond_wall', contract, service, priority, month, wall FROM answered;

CREATE TABLE breach AS
SELECT id, contract, service, priority, due, late FROM restored
UNION ALL
SELECT id, contract, service, priority, due, true FROM still_open WHERE due < getvariable('as_of');
INSERT INTO part SELECT 'sla_attainment', contract, service, priority, month_of(due), CAST(NOT late AS INT), 1 FROM breach;
INSERT INTO part SELECT 'breaches', contract, service, priority, month_of(due), CAST(late AS INT), 0 FROM breach;
INSERT INTO part SELECT 'respond_attainment', contract, service, priority, month_of(due), CAST(NOT late AS INT), 1 FROM judged WHERE clock = 'respond';
INSERT INTO part
WITH tool AS (
    SELECT t.id, bool_or(c.breached) AS late FROM sla_clocks c JOIN ticket t USING (ticket_id)
    WHERE c.kind = 'restore' AND c.stopped_at IS NOT NULL AND c.breached IS NOT NULL GROUP BY t.id)
SELECT 'tool_verdict_agreement', r.contract, r.service, r.priority, month_of(r.due), CAST(tool.late = r.late AS INT), 1
FROM restored r JOIN tool USING (id);

CREATE TABLE route AS
WITH step AS (
    SELECT id, n * 2 AS n, was AS g FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY n) AS k FROM event WHERE field = 'group') WHERE k = 1 AND was IS NOT NULL
    UNION ALL SELECT id, n * 2 + 1, became FROM event WHERE field = 'group'
), moved AS (
    SELECT *, lag(g) OVER (PARTITION BY id ORDER BY n) IS DISTINCT FROM g AS moved FROM step
)
SELECT id, count(*) - 1 AS handoffs, count(*) <> count(DISTINCT g) AS back FROM moved WHERE moved GROUP BY id;
CREATE VIEW routed AS
SELECT r.*, coalesce(w.handoffs, r.reassignments) AS handoffs,
    CASE WHEN w.id IS NOT NULL THEN w.back WHEN r.reassignments = 0 THEN false END AS back
FROM restored r LEFT JOIN route w USING (id);
INSERT INTO part SELECT 'handoffs', contract, service, priority, month, handoffs, 1 FROM routed WHERE handoffs IS NOT NULL;
INSERT INTO part SELECT 'first_assignment_resolution', contract, service, priority, month, CAST(handoffs = 0 AS INT), 1 FROM routed WHERE handoffs IS NOT NULL;
INSERT INTO part SELECT 'ping_pong', contract, service, priority, month, CAST(back AS INT), 1 FROM routed WHERE back IS NOT NULL;

CREATE TABLE month AS
SELECT strftime(g, '%Y-%m') AS month,
    CAST(epoch(CAST(g AS TIMESTAMP) AT TIME ZONE 'Europe/Amsterdam') AS BIGINT) AS starts,
    CAST(epoch((CAST(g AS TIMESTAMP) + INTERVAL 1 MONTH) AT TIME ZONE 'Europe/Amsterdam') AS BIGINT) AS ends
FROM generate_series(DATE '2023-01-01', DATE '2025-12-01', INTERVAL 1 MONTH) t(g);

CREATE VIEW life AS
SELECT o.*, coalesce(e.stop, getvariable('as_of')) AS until, e.stop FROM opened_incident o LEFT JOIN ending e USING (id);
INSERT INTO part
SELECT 'backlog_age', l.contract, l.service, l.priority, m.month, m.ends - l.opened, 1
FROM life l JOIN month m ON l.opened < m.ends AND (l.stop > m.ends OR (l.stop IS NULL AND m.ends <= getvariable('as_of')));
INSERT INTO part
SELECT 'impact_minutes', l.contract, l.service, l.priority, m.month,
    (office(least(l.until, m.ends)) - office(greatest(l.opened, m.starts))) * share, 0
FROM life l JOIN month m ON l.opened < m.ends AND l.until > m.starts WHERE NOT child AND share IS NOT NULL;

-- Outages: incidents that ever were P1, those of a service united.
CREATE TABLE outage AS
WITH o AS (SELECT contract, service, opened AS a, until AS b FROM life WHERE priority = 1 AND NOT child AND until > opened
), mark AS (
    SELECT *, a > coalesce(max(b) OVER (PARTITION BY contract, service ORDER BY a, b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), -1) AS fresh FROM o
), grp AS (SELECT *, sum(CAST(fresh AS INT)) OVER (PARTITION BY contract, service ORDER BY a, b) AS g FROM mark)
SELECT contract, service, min(a) AS a, max(b) AS b FROM grp GROUP BY contract, service, g;

-- What was told of incidents that ever were P1 or P2.
CREATE TABLE tell AS
SELECT l.*, least(coalesce(detected, opened), opened) AS known,
    CASE priority WHEN 1 THEN 1800 ELSE 3600 END AS first_s, CASE priority WHEN 1 THEN 3600 ELSE 7200 END AS update_s,
    CASE priority WHEN 1 THEN 2 ELSE 1 END AS level
FROM life l WHERE priority <= 2 AND NOT child;
CREATE TABLE said AS
SELECT t.id, CAST(floor(epoch(n.sent_at)) AS BIGINT) AS moment, n.*,
    CASE lower(n.audience_level) WHEN 'operational' THEN 0 WHEN 'tactical' THEN 1 WHEN 'strategic' THEN 2 END AS rank
FROM notices n JOIN ticket t ON t.ticket_id = n.ref_id AND t.contract = n.contract_id
WHERE coalesce(n.about, '') NOT IN ('change', 'breach') AND coalesce(n.kind, '') <> 'breach_warning';
CREATE TABLE told AS
SELECT t.id, min(s.moment) AS first, max(s.rank) AS rank FROM tell t LEFT JOIN said s USING (id) GROUP BY t.id;
INSERT INTO part SELECT 'notify_timely_share', contract, service, priority, month, CAST(coalesce(first - known <= first_s, false) AS INT), 1 FROM tell JOIN told USING (id);
INSERT INTO part SELECT 'time_to_notify', contract, service, priority, month, greatest(first - known, 0), 1 FROM tell JOIN told USING (id) WHERE first IS NOT NULL;
INSERT INTO duration SELECT 'time_to_notify', contract, service, priority, month, greatest(first - known, 0) FROM tell JOIN told USING (id) WHERE first IS NOT NULL;
INSERT INTO part SELECT 'audience_level_share', contract, service, priority, month, CAST(coalesce(rank >= level, false) AS INT), 1 FROM tell JOIN told USING (id) WHERE first IS NULL OR rank IS NOT NULL;
CREATE TABLE gap AS
WITH s AS (
    SELECT t.id, greatest(s.moment, t.known) AS moment, t.stop FROM tell t JOIN said s USING (id) WHERE t.stop > t.known AND greatest(s.moment, t.known) < t.stop
)
SELECT id, coalesce(lead(moment) OVER (PARTITION BY id ORDER BY moment), stop) - moment AS gap, true AS covers FROM s
UNION ALL
SELECT id, stop - known, false FROM tell WHERE stop > known AND id NOT IN (SELECT id FROM s);
INSERT INTO part SELECT 'update_cadence_share', contract, service, priority, month, CAST(gap <= update_s AS INT), 1 FROM tell JOIN gap USING (id);
INSERT INTO duration SELECT 'max_update_gap', contract, service, priority, month, gap FROM tell JOIN gap USING (id);
INSERT INTO part SELECT 'informed_time_share', contract, service, priority, month, sum(CASE WHEN covers THEN least(gap, update_s) ELSE 0 END), any_value(stop - known)
    FROM tell JOIN gap USING (id) GROUP BY id, contract, service, priority, month;
INSERT INTO part SELECT 'notice_completeness', t.contract, t.service, t.priority, month_of(s.moment),
    CAST(coalesce(has_status, false) AS INT) + CAST(coalesce(has_scope, false) AS INT) + CAST(coalesce(has_impact, false) AS INT) + CAST(coalesce(has_eta, false) AS INT) + CAST(coalesce(has_workaround, false) AS INT), 5
    FROM tell t JOIN said s USING (id) WHERE coalesce(has_status, has_scope, has_impact, has_eta, has_workaround) IS NOT NULL;
INSERT INTO part SELECT 'telling_delay_cost', contract, service, priority, month,
    (office(greatest(least(coalesce(first, stop), coalesce(stop, first)), known)) - office(known)) * share, 0
    FROM tell JOIN told USING (id) WHERE coalesce(first, stop) IS NOT NULL AND share IS NOT NULL;
INSERT INTO part
WITH stated AS (
    SELECT t.id, coalesce(arg_max(s.stated_impact, s.moment) FILTER (WHERE s.moment <= t.stop), arg_max(s.stated_impact, s.moment)) AS stated
    FROM tell t JOIN said s USING (id) WHERE s.stated_impact IS NOT NULL AND t.stop IS NOT NULL AND t.share IS NOT NULL GROUP BY t.id
)
SELECT 'impact_statement_error', contract, service, priority, month,
    abs(CAST(trunc(stated * 60000000) AS HUGEINT) - (office(stop) - office(opened)) * share), (office(stop) - office(opened)) * share
FROM tell JOIN stated USING (id);
CREATE TABLE warning AS
SELECT t.id, min(CAST(floor(epoch(n.sent_at)) AS BIGINT)) AS moment FROM notices n JOIN ticket t ON t.ticket_id = n.ref_id AND t.contract = n.contract_id
WHERE n.kind = 'breach_warning' OR n.about = 'breach' GROUP BY t.id;
INSERT INTO part SELECT 'breach_warned_share', contract, service, priority, month_of(due), CAST(coalesce(due - w.moment >= 1800, false) AS INT), 1 FROM breach b LEFT JOIN warning w USING (id) WHERE late;
INSERT INTO duration SELECT 'breach_warning_lead', contract, service, priority, month_of(due), due - w.moment FROM breach b JOIN warning w USING (id) WHERE late AND w.moment < due;

-- Outages by month in which they fell and began; the hours of every service that has tickets, in
-- the months in which it has exposure (a service without any of its own: always).
CREATE TABLE up AS
WITH service AS (SELECT DISTINCT contract, service FROM opening WHERE service <> ''
), served AS (
    SELECT s.*, m.* FROM service s, month m
    WHERE EXISTS (SELECT 1 FROM exposure e WHERE e.contract_id = s.contract AND e.service_id = s.service AND e.month = m.month AND e.users > 0)
        OR NOT EXISTS (SELECT 1 FROM exposure e WHERE e.contract_id = s.contract AND e.service_id = s.service AND e.users > 0)
), relief AS (
    SELECT contract_id AS contract, coalesce(service_id, '') AS service, CAST(epoch("from") AS BIGINT) AS a, CAST(epoch("to") AS BIGINT) AS b
    FROM relief_events WHERE accepted_at IS NOT NULL AND list_contains(string_split_regex(kpis, '[;, ]'), 'availability')
), relieved AS (
    SELECT s.contract, s.service, s.month, sum(least(r.b, s.ends) - greatest(r.a, s.starts)) AS seconds
    FROM served s JOIN relief r ON r.contract = s.contract AND r.service IN ('', s.service) AND r.a < s.ends AND r.b > s.starts
    GROUP BY ALL
), down AS (
    SELECT s.contract, s.service, s.month, sum(least(o.b, s.ends) - greatest(o.a, s.starts)) AS seconds,
        -- An outage that relief covers whole is none.
        count(*) FILTER (WHERE o.a >= s.starts AND o.b - o.a > coalesce((
            SELECT sum(least(r.b, o.b) - greatest(r.a, o.a)) FROM relief r
            WHERE r.contract = o.contract AND r.service IN ('', o.service) AND r.a < o.b AND r.b > o.a), 0)) AS began
    FROM served s JOIN outage o ON o.contract = s.contract AND o.service = s.service AND o.a < s.ends AND o.b > s.starts
    GROUP BY ALL
), both_of AS (
    SELECT s.contract, s.service, s.month, sum(least(o.b, r.b, s.ends) - greatest(o.a, r.a, s.starts)) AS seconds
    FROM served s JOIN outage o ON o.contract = s.contract AND o.service = s.service
    JOIN relief r ON r.contract = s.contract AND r.service IN ('', s.service)
    WHERE least(o.b, r.b, s.ends) > greatest(o.a, r.a, s.starts)
    GROUP BY ALL
)
SELECT s.contract, s.service, s.month, s.ends - s.starts - coalesce(r.seconds, 0) AS agreed,
    coalesce(d.seconds, 0) - coalesce(b.seconds, 0) AS down, coalesce(d.began, 0) AS began
FROM served s LEFT JOIN relieved r USING (contract, service, month) LEFT JOIN down d USING (contract, service, month)
LEFT JOIN both_of b USING (contract, service, month);
INSERT INTO part SELECT 'availability', contract, service, NULL, month, agreed - down, agreed FROM up;
INSERT INTO part SELECT 'mtbf', contract, service, NULL, month, agreed - down, began FROM up;
INSERT INTO part SELECT 'outage_duration', contract, service, NULL, month, down, began FROM up;

-- Who restored what.
CREATE TABLE solved AS SELECT contract, service, month, assignee, count(*) AS n FROM restored WHERE assignee IS NOT NULL GROUP BY ALL;

-- The small tables. Hours and money in hundredths.
INSERT INTO part SELECT 'proactive_hours', contract_id, NULL, NULL, month, CAST(hours * 100 AS BIGINT), 0 FROM proactive_hours;
INSERT INTO part SELECT 'proactive_reimbursed_share', contract_id, NULL, NULL, month, CAST(hours * 100 AS BIGINT) * CAST(reimbursed AS INT), CAST(hours * 100 AS BIGINT) FROM proactive_hours WHERE reimbursed IS NOT NULL;
INSERT INTO part SELECT 'experience_score', contract_id, coalesce(service_id, ''), NULL, month_of(floor(epoch("at"))),
    100 * (CAST(score_0_10 >= 9 AS INT) - CAST(score_0_10 <= 6 AS INT)), 1 FROM satisfaction WHERE score_0_10 IS NOT NULL;
INSERT INTO part SELECT 'experience_lost_minutes', contract_id, coalesce(service_id, ''), NULL, month_of(floor(epoch("at"))), lost_minutes, 1 FROM satisfaction WHERE lost_minutes IS NOT NULL;
CREATE VIEW talk AS SELECT contract_id AS contract, month_of(floor(epoch("at"))) AS month, initiator, type = 'answer' AS answers,
    coalesce(epoch(answered_at) < getvariable('as_of'), false) AS answered FROM interactions;
INSERT INTO part SELECT 'proactivity_' || p.party, contract, NULL, NULL, month, CAST(initiator = p.party AND NOT answers AS INT),
    CAST(initiator = p.party OR (NOT answers AND answered) AS INT) FROM talk, (VALUES ('supplier'), ('customer')) p(party);
INSERT INTO part SELECT 'initiatives_proposed', contract_id, coalesce(service_id, ''), NULL, month_of(floor(epoch(proposed_at))), 1, 0 FROM initiatives WHERE proposed_at IS NOT NULL;
INSERT INTO part SELECT 'initiatives_accepted', contract_id, coalesce(service_id, ''), NULL, month_of(floor(epoch(decided_at))), 1, 0 FROM initiatives WHERE decision = 'accepted' AND decided_at IS NOT NULL;
INSERT INTO part SELECT 'initiatives_implemented', contract_id, coalesce(service_id, ''), NULL, month_of(floor(epoch(implemented_at))), 1, 0 FROM initiatives WHERE implemented_at IS NOT NULL AND epoch(implemented_at) < getvariable('as_of');
CREATE VIEW disruptive AS
SELECT c.contract_id AS contract, coalesce(c.service_id, '') AS service, month_of(floor(epoch(coalesce(c.planned_start, c.actual_start)))) AS month, c.emergency,
    CAST(floor(epoch(coalesce(c.actual_start, c.planned_start))) AS BIGINT) AS starts,
    CAST(floor(epoch(least(c.announced_at, (SELECT min(n.sent_at) FROM notices_rest n WHERE n.about = 'change' AND n.ref_id = c.change_id)))) AS BIGINT) AS announced
FROM changes c WHERE c.disruptive AND coalesce(c.outcome, '') <> 'cancelled';
INSERT INTO part SELECT 'unannounced_disruptive_changes', contract, service, NULL, month, CAST(announced IS NULL OR announced >= starts AS INT), 0 FROM disruptive;
INSERT INTO duration SELECT 'change_notice_lead', contract, service, NULL, month, greatest(coalesce(starts - announced, 0), 0) FROM disruptive WHERE NOT coalesce(emergency, false);

-- What waits or waited: since, until.
CREATE TABLE wait AS
SELECT 'answer_time_' || CASE initiator WHEN 'customer' THEN 'supplier' ELSE 'customer' END AS kpi, contract_id AS contract, NULL AS service,
    CAST(floor(epoch("at")) AS BIGINT) AS since, CAST(floor(epoch(answered_at)) AS BIGINT) AS until FROM interactions WHERE type <> 'answer'
UNION ALL
SELECT 'blocker_age_' || waiting_on, contract_id, NULL, CAST(floor(epoch(raised_at)) AS BIGINT), CAST(floor(epoch(cleared_at)) AS BIGINT) FROM blockers
UNION ALL
SELECT 'decision_latency', contract_id, coalesce(service_id, ''), CAST(floor(epoch(proposed_at)) AS BIGINT), CAST(floor(epoch(decided_at)) AS BIGINT)
FROM initiatives WHERE proposed_by = 'supplier' AND proposed_at IS NOT NULL;
