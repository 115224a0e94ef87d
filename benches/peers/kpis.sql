-- The KPIs of the large tables from `ticket`, `event`, `said`, `tool` and `invoice_line`, whichever
-- way those were made. As fast as we could write it: every stage touches the rows once, keys are
-- whole numbers, calendars are joins, and only what is late is walked through twice.
--
-- Result: `kpi_cell`, `kpi_bucket` and `kpi_solved` by contract, service, priority (or person) and month.

-- A ticket's own events: highest and first priority, when it was first done.
CREATE TABLE history AS
SELECT id, min(priority) AS highest, arg_min(priority, n) AS first_change, arg_min(priority, n) FILTER (at_opening) AS at_opening,
    min(moment) FILTER (state = 2) AS done, max(moment) AS last
FROM event WHERE state IS NOT NULL OR priority IS NOT NULL GROUP BY id;

CREATE TABLE opening AS
WITH t AS (
    SELECT t.*, least(last_priority, initial_priority, highest) AS priority,
        coalesce(at_opening, initial_priority, first_change, last_priority) AS begins_as,
        coalesce(done, CASE WHEN resolved IS NOT NULL THEN greatest(resolved, opened, last) END) AS done,
        done IS NULL AND resolved IS NOT NULL AS only_resolved
    FROM ticket t LEFT JOIN history USING (id)
), a AS (
    SELECT *, CASE WHEN responded IS NULL THEN done ELSE least(greatest(responded, opened), done) END AS answered FROM t
)
SELECT a.* EXCLUDE (last_priority, initial_priority, responded, resolved), h.month, h.before + h.counts * (opened % 3600) AS office,
    w.before + w.counts * (answered % 3600) AS answered_office
FROM a JOIN hour h ON h.hour = opened // 3600 LEFT JOIN hour w ON w.hour = answered // 3600;

-- Stretches of one state (0 running, 1 paused, 2 done) and priority.
CREATE TABLE stretch AS
WITH point AS (
    SELECT id, -1 AS n, opened AS moment, 0 AS state, begins_as AS priority FROM opening WHERE incident
    UNION ALL
    SELECT id, 9000000000000000000, done, 2, NULL FROM opening WHERE incident AND only_resolved
    UNION ALL
    SELECT e.id, n, moment, state, e.priority FROM event e SEMI JOIN (SELECT id FROM opening WHERE incident) USING (id)
    WHERE state IS NOT NULL OR e.priority IS NOT NULL
)
SELECT id, n, moment, before + counts * (moment % 3600) AS office,
    last_value(state IGNORE NULLS) OVER w AS state, last_value(priority IGNORE NULLS) OVER w AS priority,
    lead(moment) OVER w AS until, lead(before + counts * (moment % 3600)) OVER w AS until_office
FROM point JOIN hour ON hour.hour = moment // 3600
WINDOW w AS (PARTITION BY id ORDER BY n);

CREATE TABLE ran AS
SELECT id, bool_or(state <> 2 AND until IS NULL) AS is_open, max(until) FILTER (state <> 2) AS stop, max(until_office) FILTER (state <> 2) AS stop_office,
    min(s.priority) FILTER (state <> 2 AND (until IS NULL OR until > moment)) AS counts,
    arg_max(s.priority, n) FILTER (state <> 2 AND until > moment) AS last,
    coalesce(sum(CASE WHEN s.priority <= 2 THEN until - moment ELSE until_office - s.office END) FILTER (state = 0), 0) AS business,
    coalesce(sum(until - moment) FILTER (state = 0), 0) AS wall,
    bool_or(state = 1) AS pauses, coalesce(max(n) FILTER (state <> 2) > min(n) FILTER (state = 2), false) AS again,
    max(state) FILTER (until IS NULL) AS now_state, max(s.priority) FILTER (until IS NULL) AS now_priority,
    max(moment) FILTER (until IS NULL) AS since, max(s.office) FILTER (until IS NULL) AS since_office,
    min(s.priority) FILTER (state <> 2 AND least(until, answered) > moment) AS answer_counts,
    arg_max(s.priority, n) FILTER (state <> 2 AND moment < answered) AS answer_last,
    coalesce(sum(CASE WHEN s.priority <= 2 THEN least(until, answered) - moment ELSE least(until_office, answered_office) - s.office END)
        FILTER (state = 0 AND moment < answered), 0) AS answer_business,
    coalesce(sum(least(until, answered) - moment) FILTER (state = 0 AND moment < answered), 0) AS answer_wall
FROM stretch s JOIN (SELECT id, answered, answered_office FROM opening WHERE incident) USING (id) GROUP BY id;

-- One clock each (kind): until restoration (1), until the first answer (2), of what is open until now (3).
CREATE TABLE clock AS
WITH now AS (SELECT getvariable('as_of') AS now, before + counts * (getvariable('as_of') % 3600) AS now_office FROM hour WHERE hour = getvariable('as_of') // 3600
), all_of AS (
    SELECT id, 1 AS kind, stop, stop_office, coalesce(counts, begins_as) AS counts, coalesce(last, begins_as) AS last, business, wall,
        CASE WHEN pauses THEN 0 ELSE hold END AS hold
    FROM ran JOIN opening USING (id) WHERE NOT is_open
    UNION ALL
    SELECT id, 2, answered, answered_office, coalesce(answer_counts, begins_as), coalesce(answer_last, begins_as), answer_business, answer_wall, 0
    FROM ran JOIN opening USING (id) WHERE answered IS NOT NULL
    UNION ALL
    SELECT id, 3, now, now_office, counts, now_priority,
        business + CASE WHEN now_state = 1 THEN 0 WHEN now_priority <= 2 THEN now - since ELSE now_office - since_office END, 0,
        CASE WHEN pauses THEN 0 ELSE hold END
    FROM ran JOIN opening USING (id), now WHERE is_open
)
SELECT *, CASE WHEN kind = 2 THEN answer(counts) ELSE target(counts) END + hold AS allowed FROM all_of;

-- When the time was used up: in the stretch in which the sum reaches it, else after the end.
CREATE TABLE judged AS
WITH cut AS (
    SELECT c.id, kind, allowed, n, moment, s.priority, office,
        CASE WHEN s.priority <= 2 THEN least(until, c.stop) - moment ELSE least(until_office, c.stop_office) - office END AS took,
        sum(took) OVER (PARTITION BY c.id, kind ORDER BY n ROWS UNBOUNDED PRECEDING) AS upto
    FROM clock c JOIN stretch s ON s.id = c.id AND s.state = 0 AND s.moment < c.stop WHERE business >= allowed
), used AS (
    SELECT id, kind, arg_min(moment, n) AS moment, arg_min(office, n) AS office, arg_min(priority, n) AS priority,
        arg_min(allowed - upto + took, n) AS rest
    FROM cut WHERE upto >= allowed GROUP BY id, kind
), placed AS (
    SELECT c.*, coalesce(u.priority, last) AS p, coalesce(u.moment, stop) AS from_at, coalesce(u.office, stop_office) AS from_office,
        coalesce(u.rest, allowed - business) AS rest
    FROM clock c LEFT JOIN used u USING (id, kind)
), due AS (
    SELECT p.* EXCLUDE (counts, last, p, from_at, from_office, rest, allowed),
        CAST(CASE WHEN p <= 2 THEN from_at + rest ELSE o.starts + from_office + rest - 3600 * o.nth END AS BIGINT) AS due
    FROM placed p LEFT JOIN office_hour o ON p > 2 AND o.nth = (from_office + rest - 1) // 3600
)
SELECT d.id, kind, stop, due, stop > due AS late, CAST(business - least(hold, business) AS BIGINT) AS business, CAST(wall - least(hold, wall) AS BIGINT) AS wall,
    h.month, w.month AS due_month
FROM due d JOIN hour h ON h.hour = stop // 3600 JOIN hour w ON w.hour = due // 3600;

-- What is open past its time is a breach; what is open within it is nothing yet.
CREATE TABLE breach AS
SELECT id, place, priority, due, due_month, late FROM judged JOIN opening USING (id) WHERE kind = 1 OR (kind = 3 AND late);

CREATE TABLE cell (kpi VARCHAR, place INTEGER, priority INTEGER, month INTEGER, above HUGEINT, below HUGEINT);
CREATE TABLE bucket_cell (kpi VARCHAR, place INTEGER, priority INTEGER, month INTEGER, bucket BIGINT, n BIGINT);

CREATE TABLE opened_cell AS
SELECT place, priority, month, count(*) AS tickets, count(*) FILTER (incident) AS incidents,
    count(*) FILTER (incident AND monitored) AS monitored, count(monitored) FILTER (incident) AS channels,
    count(*) FILTER (incident AND changed) AS changed, count(*) FILTER (repeats) AS repeats, count(repeats) AS items
FROM opening GROUP BY ALL;
INSERT INTO cell
SELECT 'ticket_count', place, priority, month, tickets, 0 FROM opened_cell UNION ALL
SELECT 'incidents', place, priority, month, incidents, 0 FROM opened_cell UNION ALL
SELECT 'self_detected_share', place, priority, month, monitored, channels FROM opened_cell UNION ALL
SELECT 'change_induced_rate', place, priority, month, changed, incidents FROM opened_cell UNION ALL
SELECT 'repeat_rate', place, priority, month, repeats, items FROM opened_cell;
INSERT INTO cell
SELECT 'reopen_rate', place, priority, month, count(*) FILTER (reopened OR again), count(*) FROM opening JOIN ran USING (id) WHERE done IS NOT NULL GROUP BY ALL;

-- The ways of tickets through groups.
CREATE TABLE route AS
WITH step AS (
    SELECT id, was, became, row_number() OVER w AS k, CASE WHEN row_number() OVER w = 1 THEN was ELSE lag(became) OVER w END AS before
    FROM event WHERE grouped WINDOW w AS (PARTITION BY id ORDER BY n)
)
SELECT id, count(*) FILTER (k = 1 AND was IS NOT NULL) + count(*) FILTER (became IS DISTINCT FROM before) AS moves, min(became) = max(became) AND count(*) = 1 AS one
FROM step GROUP BY id;
CREATE TABLE back AS
WITH passed AS (
    SELECT id, became AS g FROM event JOIN route USING (id) WHERE grouped AND moves > 2
    UNION SELECT id, arg_min(was, n) FROM event JOIN route USING (id) WHERE grouped AND moves > 2 GROUP BY id
)
SELECT id, any_value(moves) <> count(g) AS back FROM passed JOIN route USING (id) GROUP BY id;

CREATE TABLE restored_cell AS
WITH r AS (
    SELECT o.place, o.priority, j.*, coalesce(w.moves - 1, reassignments) AS handoffs,
        CASE WHEN w.id IS NOT NULL THEN coalesce(b.back, false) WHEN reassignments = 0 THEN false END AS back
    FROM judged j JOIN opening o USING (id) LEFT JOIN route w USING (id) LEFT JOIN back b USING (id) WHERE kind = 1
)
SELECT place, priority, month, count(*) AS n, sum(business) AS business, sum(wall) AS wall, sum(handoffs) AS handoffs, count(handoffs) AS routed,
    count(*) FILTER (handoffs = 0) AS straight, count(*) FILTER (back) AS back, count(back) AS ways
FROM r GROUP BY ALL;
INSERT INTO cell
SELECT 'time_to_restore', place, priority, month, business, n FROM restored_cell UNION ALL
SELECT 'time_to_restore_wall', place, priority, month, wall, n FROM restored_cell UNION ALL
SELECT 'handoffs', place, priority, month, handoffs, routed FROM restored_cell UNION ALL
SELECT 'first_assignment_resolution', place, priority, month, straight, routed FROM restored_cell UNION ALL
SELECT 'ping_pong', place, priority, month, back, ways FROM restored_cell;
CREATE TABLE answered_cell AS
SELECT place, priority, j.month, count(*) AS n, sum(business) AS business, sum(wall) AS wall
FROM judged j JOIN opening o USING (id) WHERE kind = 2 GROUP BY ALL;
INSERT INTO cell
SELECT 'time_to_respond', place, priority, month, business, n FROM answered_cell UNION ALL
SELECT 'time_to_respond_wall', place, priority, month, wall, n FROM answered_cell;
INSERT INTO bucket_cell
SELECT CASE kind WHEN 1 THEN 'time_to_restore' ELSE 'time_to_respond' END, place, priority, j.month, bucket(business), count(*)
FROM judged j JOIN opening USING (id) WHERE kind < 3 GROUP BY kind, place, priority, j.month, bucket(business);
INSERT INTO bucket_cell
SELECT CASE kind WHEN 1 THEN 'time_to_restore_wall' ELSE 'time_to_respond_wall' END, place, priority, j.month, bucket(wall), count(*)
FROM judged j JOIN opening USING (id) WHERE kind < 3 GROUP BY kind, place, priority, j.month, bucket(wall);

CREATE TABLE breach_cell AS SELECT place, priority, due_month AS month, count(*) FILTER (NOT late) AS kept, count(*) FILTER (late) AS late, count(*) AS n FROM breach GROUP BY ALL;
INSERT INTO cell
SELECT 'sla_attainment', place, priority, month, kept, n FROM breach_cell UNION ALL
SELECT 'breaches', place, priority, month, late, 0 FROM breach_cell;
INSERT INTO cell
SELECT 'respond_attainment', place, priority, due_month, count(*) FILTER (NOT late), count(*) FROM judged JOIN opening USING (id) WHERE kind = 2 GROUP BY ALL;
INSERT INTO cell
SELECT 'tool_verdict_agreement', place, priority, due_month, count(*) FILTER (tool.late = j.late), count(*)
FROM judged j JOIN tool USING (id) JOIN opening USING (id) WHERE kind = 1 GROUP BY ALL;

-- Disruption by the months in which it fell: most incidents lie in one month and need no join.
CREATE TABLE life AS
SELECT o.id, o.place, o.priority, o.month, o.opened, o.detected, o.office, o.child, o.share, coalesce(r.stop, getvariable('as_of')) AS until, r.stop, coalesce(r.stop_office, a.before + a.counts * (getvariable('as_of') % 3600)) AS until_office,
    coalesce(s.month, a.month) AS until_month
FROM opening o JOIN ran USING (id) LEFT JOIN (SELECT id, stop, stop_office FROM ran WHERE NOT is_open) r USING (id)
LEFT JOIN hour s ON s.hour = r.stop // 3600 JOIN hour a ON a.hour = getvariable('as_of') // 3600 WHERE incident;
INSERT INTO cell
SELECT 'impact_minutes', place, priority, month, sum((until_office - office) * share), 0
FROM life WHERE until_month = month AND NOT child AND share IS NOT NULL GROUP BY ALL;
INSERT INTO cell
SELECT 'impact_minutes', place, priority, m.month, sum((least(until_office, m.office_ends) - greatest(office, m.office_starts)) * share), 0
FROM life l JOIN month m ON m.month BETWEEN l.month AND l.until_month
WHERE l.until_month > l.month AND NOT child AND share IS NOT NULL AND l.until > m.starts GROUP BY ALL;
INSERT INTO cell
SELECT 'backlog_age', place, priority, m.month, sum(m.ends - opened), count(*)
FROM life l JOIN month m ON m.month BETWEEN l.month AND l.until_month
WHERE l.until_month > l.month AND (l.stop > m.ends OR (l.stop IS NULL AND m.ends <= getvariable('as_of'))) GROUP BY ALL;

-- Outages: incidents that ever were P1, those of a service united.
CREATE TABLE outage AS
WITH o AS (SELECT place, opened AS a, until AS b FROM life WHERE priority = 1 AND NOT child AND until > opened
), mark AS (
    SELECT *, a > coalesce(max(b) OVER (PARTITION BY place ORDER BY a, b ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), -1) AS fresh FROM o
), grp AS (SELECT *, sum(CAST(fresh AS INT)) OVER (PARTITION BY place ORDER BY a, b) AS g FROM mark)
SELECT contract, service, min(a) AS a, max(b) AS b FROM grp JOIN place USING (place) GROUP BY contract, service, g;
CREATE TABLE up AS
WITH served AS (
    SELECT s.contract, s.service, s.place, m.month, m.starts, m.ends FROM place s, month m
    WHERE s.service <> '' AND (EXISTS (SELECT 1 FROM exposure e WHERE e.contract_id = s.contract AND e.service_id = s.service AND e.month = m.name AND e.users > 0)
        OR NOT EXISTS (SELECT 1 FROM exposure e WHERE e.contract_id = s.contract AND e.service_id = s.service AND e.users > 0))
), relief AS (
    SELECT contract_id AS contract, coalesce(service_id, '') AS service, seconds("from") AS a, seconds("to") AS b
    FROM relief_events WHERE accepted_at IS NOT NULL AND list_contains(string_split_regex(kpis, '[;, ]'), 'availability')
), relieved AS (
    SELECT s.place, s.month, sum(least(r.b, s.ends) - greatest(r.a, s.starts)) AS seconds
    FROM served s JOIN relief r ON r.contract = s.contract AND r.service IN ('', s.service) AND r.a < s.ends AND r.b > s.starts GROUP BY ALL
), eased AS (
    SELECT o.contract, o.service, o.a, sum(least(r.b, o.b) - greatest(r.a, o.a)) AS seconds
    FROM outage o JOIN relief r ON r.contract = o.contract AND r.service IN ('', o.service) AND r.a < o.b AND r.b > o.a GROUP BY ALL
), down AS (
    -- An outage that relief covers whole is none.
    SELECT s.place, s.month, sum(least(o.b, s.ends) - greatest(o.a, s.starts)) AS seconds, count(*) FILTER (o.a >= s.starts AND o.b - o.a > coalesce(e.seconds, 0)) AS began
    FROM served s JOIN outage o ON o.contract = s.contract AND o.service = s.service AND o.a < s.ends AND o.b > s.starts
    LEFT JOIN eased e ON e.contract = o.contract AND e.service = o.service AND e.a = o.a GROUP BY ALL
), both_of AS (
    SELECT s.place, s.month, sum(least(o.b, r.b, s.ends) - greatest(o.a, r.a, s.starts)) AS seconds
    FROM served s JOIN outage o ON o.contract = s.contract AND o.service = s.service AND o.a < s.ends AND o.b > s.starts
    JOIN relief r ON r.contract = s.contract AND r.service IN ('', s.service) WHERE least(o.b, r.b, s.ends) > greatest(o.a, r.a, s.starts) GROUP BY ALL
)
SELECT s.place, s.month, s.ends - s.starts - coalesce(r.seconds, 0) AS agreed, coalesce(d.seconds, 0) - coalesce(b.seconds, 0) AS down, coalesce(d.began, 0) AS began
FROM served s LEFT JOIN relieved r USING (place, month) LEFT JOIN down d USING (place, month) LEFT JOIN both_of b USING (place, month);
INSERT INTO cell
SELECT 'availability', place, NULL, month, agreed - down, agreed FROM up UNION ALL
SELECT 'mtbf', place, NULL, month, agreed - down, began FROM up UNION ALL
SELECT 'outage_duration', place, NULL, month, down, began FROM up;

-- What was told of incidents that ever were P1 or P2.
CREATE TABLE tell AS
SELECT *, least(detected, opened) AS known, CASE priority WHEN 1 THEN 1800 ELSE 3600 END AS first_s,
    CASE priority WHEN 1 THEN 3600 ELSE 7200 END AS update_s, CASE priority WHEN 1 THEN 2 ELSE 1 END AS level
FROM life WHERE priority <= 2 AND NOT child;
CREATE TABLE heard AS
SELECT s.id, s.moment, CASE s.level WHEN 'operational' THEN 0 WHEN 'tactical' THEN 1 WHEN 'strategic' THEN 2 END AS rank, stated_impact,
    CAST(coalesce(has_status, false) AS INT) + CAST(coalesce(has_scope, false) AS INT) + CAST(coalesce(has_impact, false) AS INT)
        + CAST(coalesce(has_eta, false) AS INT) + CAST(coalesce(has_workaround, false) AS INT) AS parts,
    coalesce(has_status, has_scope, has_impact, has_eta, has_workaround) IS NOT NULL AS has_parts
FROM said s SEMI JOIN tell USING (id) WHERE coalesce(about, '') <> 'breach' AND coalesce(kind, '') <> 'breach_warning';
CREATE TABLE told AS
WITH first AS (SELECT id, min(moment) AS first, max(rank) AS rank FROM heard GROUP BY id
), t AS (
    SELECT t.*, first, rank, greatest(least(first, stop), known) AS told_at FROM tell t LEFT JOIN first USING (id)
)
SELECT t.*, k.before + k.counts * (known % 3600) AS known_office, h.before + h.counts * (told_at % 3600) AS told_office
FROM t JOIN hour k ON k.hour = known // 3600 JOIN hour h ON h.hour = told_at // 3600;
CREATE TABLE told_cell AS
SELECT place, priority, month, count(*) FILTER (first - known <= first_s) AS timely, count(*) AS n,
    coalesce(sum(greatest(first - known, 0)), 0) AS waited, count(first) AS firsts,
    count(*) FILTER (rank >= level) AS right_level, count(*) FILTER (first IS NULL OR rank IS NOT NULL) AS levels,
    sum((told_office - known_office) * share) FILTER (coalesce(first, stop) IS NOT NULL) AS delayed
FROM told GROUP BY ALL;
INSERT INTO cell
SELECT 'notify_timely_share', place, priority, month, timely, n FROM told_cell UNION ALL
SELECT 'time_to_notify', place, priority, month, waited, firsts FROM told_cell UNION ALL
SELECT 'audience_level_share', place, priority, month, right_level, levels FROM told_cell UNION ALL
SELECT 'telling_delay_cost', place, priority, month, delayed, 0 FROM told_cell WHERE delayed IS NOT NULL;
INSERT INTO bucket_cell
SELECT 'time_to_notify', place, priority, month, bucket(greatest(first - known, 0)), count(*) FROM told WHERE first IS NOT NULL GROUP BY ALL;
CREATE TABLE gap AS
WITH s AS (
    SELECT h.id, greatest(h.moment, t.known) AS moment, t.stop, t.known FROM heard h JOIN tell t USING (id) WHERE greatest(h.moment, t.known) < t.stop
)
SELECT id, coalesce(lead(moment) OVER (PARTITION BY id ORDER BY moment), stop) - moment AS gap, true AS covers FROM s
UNION ALL
SELECT id, stop - known, false FROM tell WHERE stop > known AND id NOT IN (SELECT id FROM s);
CREATE TABLE gap_cell AS
WITH t AS (
    SELECT place, priority, month, count(*) FILTER (gap <= update_s) AS kept, count(*) AS n, max(gap) AS longest,
        sum(CASE WHEN covers THEN least(gap, update_s) ELSE 0 END) AS informed, any_value(stop - known) AS lasted
    FROM tell JOIN gap USING (id) GROUP BY id, place, priority, month
)
SELECT place, priority, month, sum(kept) AS kept, sum(n) AS n, max(longest) AS longest, sum(informed) AS informed, sum(lasted) AS lasted FROM t GROUP BY ALL;
INSERT INTO cell
SELECT 'update_cadence_share', place, priority, month, kept, n FROM gap_cell UNION ALL
SELECT 'informed_time_share', place, priority, month, informed, lasted FROM gap_cell UNION ALL
SELECT 'max_update_gap', place, priority, month, longest, 1 FROM gap_cell;
INSERT INTO cell
SELECT 'notice_completeness', place, priority, hour.month, sum(parts), 5 * count(*)
FROM heard h JOIN tell t USING (id) JOIN hour ON hour.hour = h.moment // 3600 WHERE has_parts GROUP BY ALL;
INSERT INTO cell
WITH stated AS (
    SELECT id, coalesce(arg_max(stated_impact, moment) FILTER (WHERE moment <= stop), arg_max(stated_impact, moment)) AS stated
    FROM tell JOIN heard USING (id) WHERE stated_impact IS NOT NULL AND stop IS NOT NULL AND share IS NOT NULL GROUP BY id
)
SELECT 'impact_statement_error', place, priority, month,
    sum(abs(CAST(trunc(stated * 60000000) AS HUGEINT) - (until_office - office) * share)), sum((until_office - office) * share)
FROM tell JOIN stated USING (id) GROUP BY ALL;
CREATE TABLE warned AS
WITH warning AS (SELECT id, min(moment) AS moment FROM said WHERE kind = 'breach_warning' OR about = 'breach' GROUP BY id)
SELECT place, priority, due_month AS month, due - w.moment AS lead FROM breach b LEFT JOIN warning w USING (id) WHERE late;
INSERT INTO cell SELECT 'breach_warned_share', place, priority, month, count(*) FILTER (lead >= 1800), count(*) FROM warned GROUP BY ALL;
INSERT INTO bucket_cell SELECT 'breach_warning_lead', place, priority, month, bucket(lead), count(*) FROM warned WHERE lead > 0 GROUP BY ALL;

-- Who restored what, by service; and what was invoiced, in cents, by days over the months of a
-- line's period. Most lines bill one month and need no division.
CREATE TABLE solved AS
SELECT place, month, assignee, count(*) AS n FROM (SELECT id, month FROM judged WHERE kind = 1) j JOIN (SELECT id, place, assignee FROM opening) o USING (id)
WHERE assignee IS NOT NULL GROUP BY ALL;
CREATE MACRO down(a, b) AS (a - ((a % b) + b) % b) // b;
CREATE MACRO half_even(a, b) AS down(a, b) + CASE
    WHEN 2 * (a - down(a, b) * b) > b OR (2 * (a - down(a, b) * b) = b AND down(a, b) % 2 <> 0) THEN 1 ELSE 0 END;
CREATE TABLE billed AS
WITH line AS (
    SELECT contract_id AS contract, coalesce(service_id, '') AS service, CAST(amount * 100 AS HUGEINT) AS cents,
        s.day AS a, greatest(e.day, s.day + 1) AS b, s.month, CASE WHEN e.day > s.day THEN l.month ELSE s.month END AS last
    FROM invoice_line JOIN hour s ON s.hour = seconds(period_start) // 3600 JOIN hour e ON e.hour = seconds(period_end) // 3600
    JOIN hour l ON l.hour = (seconds(period_end) - 1) // 3600
    WHERE settlement_ref IS NULL AND coalesce(charge_category, 'usage') IN ('usage', 'purchase', 'adjustment')
)
SELECT contract, service, month, sum(cents) AS cents FROM line WHERE month = last GROUP BY ALL
UNION ALL
SELECT contract, service, m.month, sum(half_even(cents * (least(b, CAST(m.first_day + INTERVAL 1 MONTH AS DATE)) - a), CAST(b - a AS HUGEINT))
    - half_even(cents * (greatest(a, m.first_day) - a), CAST(b - a AS HUGEINT)))
FROM line l JOIN month m ON m.month BETWEEN l.month AND l.last WHERE l.month < l.last GROUP BY ALL;

CREATE TABLE kpi_cell AS
SELECT kpi, contract, service, priority, month.name AS month, sum(above) AS above, sum(below) AS below
FROM cell JOIN place USING (place) JOIN month USING (month) GROUP BY ALL
UNION ALL
SELECT 'actual_cost', contract, service, NULL, month.name, sum(cents), 0 FROM billed JOIN month USING (month) GROUP BY ALL;
CREATE TABLE kpi_bucket AS
SELECT kpi, contract, service, priority, month.name AS month, bucket, n FROM bucket_cell JOIN place USING (place) JOIN month USING (month);
CREATE TABLE kpi_solved AS
SELECT contract, service, month.name AS month, assignee, n FROM solved JOIN place USING (place) JOIN month USING (month);
