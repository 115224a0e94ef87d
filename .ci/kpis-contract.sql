-- The second half of the KPIs in SQL, run after kpis.sql: what rests on exposure, on the frozen
-- baseline, on invoices, initiatives, meetings and people. Written from docs/kpis.md, docs/baseline.md
-- and the terms of the example; shares no code with the engine.
--
-- Result: more rows of `part`, and tables that kpis.py sums over periods: `exposed`, `counted`,
-- `stream_month`, `cost`, `benchmark`, `adjusted_money`, `pipeline`, `met`, `kind`, `skill`.

CREATE MACRO in_baseline(month) AS month < '2025-01';
CREATE MACRO first_day(month) AS CAST(month || '-01' AS DATE);
CREATE MACRO agreed(customer, supplier) AS
    coalesce(epoch(customer) <= getvariable('as_of') AND epoch(supplier) <= getvariable('as_of'), false);
-- a ÷ b of whole numbers, b > 0, to whole numbers: rounded down, half-even, half away from zero.
CREATE MACRO down(a, b) AS (a - ((a % b) + b) % b) // b;
CREATE MACRO half_even(a, b) AS down(a, b) + CASE
    WHEN 2 * (a - down(a, b) * b) > b OR (2 * (a - down(a, b) * b) = b AND down(a, b) % 2 <> 0) THEN 1 ELSE 0 END;
CREATE MACRO half_up(a, b) AS sign(a) * ((2 * abs(a) + b) // (2 * b));

-- Users: a service has its own, a contract the sum of them.
CREATE TABLE exposed AS
SELECT contract_id AS contract, 'service' AS scope, service_id AS value, month, CAST(max(users) AS HUGEINT) AS users
FROM exposure WHERE users > 0 GROUP BY ALL;
INSERT INTO exposed SELECT contract, 'contract', '', month, sum(users) FROM exposed GROUP BY ALL;

CREATE TABLE counted AS
SELECT contract, service, priority, month, count(*) AS n FROM opened_incident GROUP BY ALL;
INSERT INTO part SELECT 'incidents', contract, service, priority, month, n, 0 FROM counted;

-- Streams: every month of every service and priority that ever had an incident.
CREATE TABLE stream AS
SELECT s.contract, s.service, s.priority, m.month, coalesce(c.n, 0) AS n, e.users
FROM (SELECT DISTINCT contract, service, priority FROM counted) s CROSS JOIN month m
LEFT JOIN counted c ON (c.contract, c.service, c.priority, c.month) = (s.contract, s.service, s.priority, m.month)
LEFT JOIN exposed e ON e.scope = 'service' AND (e.contract, e.value, e.month) = (s.contract, s.service, m.month);

-- Agreed adjustments of incidents: of counts by largest remainder in proportion to the month's own,
-- of expectations (in the performance period) in proportion to the baseline's.
CREATE TABLE agreed_incidents AS
SELECT a.contract_id AS contract, m.month, a.measure = 'incidents_expected' AND NOT in_baseline(m.month) AS expects,
    CAST(sum(a.amount) AS BIGINT) AS amount
FROM adjustments a JOIN month m ON first_day(m.month) >= a."from" AND first_day(m.month) < a."to"
WHERE a.measure IN ('incidents_expected', 'incidents_actual') AND agreed(a.agreed_by_customer_at, a.agreed_by_supplier_at)
GROUP BY ALL;
CREATE TABLE adjusted AS
WITH w AS (
    SELECT s.*, a.amount, coalesce(sum(s.n) FILTER (in_baseline(s.month)) OVER (PARTITION BY s.contract, s.service, s.priority), 0) AS total,
        sum(s.n) OVER (PARTITION BY s.contract, s.month) AS of_month
    FROM stream s LEFT JOIN agreed_incidents a ON a.contract = s.contract AND a.month = s.month AND NOT a.expects
), v AS (
    SELECT *, CASE WHEN of_month > 0 THEN n ELSE total END AS weight,
        CASE WHEN amount < 0 THEN least(-amount, of_month) ELSE amount END AS size FROM w
), p AS (
    SELECT *, CAST(size * weight AS HUGEINT) AS above, CAST(sum(weight) OVER (PARTITION BY contract, month) AS HUGEINT) AS below FROM v
), q AS (
    SELECT *, above // below AS share, row_number() OVER (PARTITION BY contract, month ORDER BY above % below DESC, service, priority) AS place FROM p
)
SELECT contract, service, priority, month, users, total,
    n + coalesce(sign(amount) * (share + CAST(place <= size - sum(share) OVER (PARTITION BY contract, month) AS INT)), 0) AS n
FROM q;

-- The model of the terms, seasonal_mean: incidents ÷ exposure of the same month of the year. Streams
-- under 24 months of baseline have none; those under 50 incidents are modelled together by priority,
-- and pools still under 50 together with one rate for all months.
CREATE TABLE cell AS
SELECT contract, service, priority, coalesce(sum(n) FILTER (in_baseline(month) AND users > 0), 0) AS total,
    count(*) FILTER (in_baseline(month) AND users > 0) AS months, avg(users) FILTER (in_baseline(month) AND users > 0) AS mean_users
FROM adjusted GROUP BY ALL;
CREATE TABLE pooled AS
WITH p AS (
    SELECT *, CASE WHEN total >= 50 THEN service || '/' || priority
        WHEN sum(total) FILTER (total < 50) OVER (PARTITION BY contract, priority) >= 50 THEN '*/' || priority
        ELSE '*' END AS pool
    FROM cell WHERE months >= 24
)
SELECT *, sum(total) OVER w AS together, (total + 1 / count(*) OVER w) / (sum(total) OVER w + 1) AS weight
FROM p WINDOW w AS (PARTITION BY contract, pool);
CREATE TABLE line AS
SELECT p.contract, p.pool, a.month, CASE WHEN any_value(p.together) < 50 THEN '' ELSE substr(a.month, 6) END AS season,
    sum(a.n) AS n, sum(p.weight * a.users / p.mean_users) AS exposure, bool_and(coalesce(a.users > 0, false)) AS usable
FROM pooled p JOIN adjusted a USING (contract, service, priority) GROUP BY p.contract, p.pool, a.month;
CREATE TABLE stream_month AS
WITH level AS (
    SELECT contract, pool, season, sum(n) / sum(exposure) AS rate FROM line WHERE usable AND in_baseline(month) GROUP BY ALL
), all_of AS (SELECT contract, sum(total) AS total FROM (SELECT DISTINCT contract, service, priority, total FROM adjusted) GROUP BY ALL
)
SELECT p.contract, p.service, p.priority, a.month, a.n AS actual,
    p.weight * a.users / p.mean_users * v.rate + coalesce(x.amount * a.total / t.total, 0) AS expected
FROM pooled p JOIN adjusted a USING (contract, service, priority) JOIN line l ON (l.contract, l.pool, l.month) = (p.contract, p.pool, a.month)
JOIN level v ON (v.contract, v.pool, v.season) = (l.contract, l.pool, l.season) JOIN all_of t ON t.contract = p.contract
LEFT JOIN agreed_incidents x ON x.contract = p.contract AND x.month = a.month AND x.expects
WHERE l.usable AND NOT in_baseline(a.month) AND p.together > 0;

-- Invoices in cents: net usage, purchases and corrections, by days over the months of their period.
CREATE TABLE cost AS
WITH l AS (
    SELECT contract_id AS contract, coalesce(service_id, '') AS service, CAST(amount * 100 AS HUGEINT) AS cents,
        CAST(local(epoch(period_start)) AS DATE) AS a, greatest(CAST(local(epoch(period_end)) AS DATE), CAST(local(epoch(period_start)) AS DATE) + 1) AS b
    FROM billing WHERE settlement_ref IS NULL AND coalesce(charge_category, 'usage') IN ('usage', 'purchase', 'adjustment')
)
SELECT l.contract, l.service, m.month, sum(
    half_even(l.cents * (least(l.b, CAST(first_day(m.month) + INTERVAL 1 MONTH AS DATE)) - l.a), CAST(l.b - l.a AS HUGEINT))
    - half_even(l.cents * (greatest(l.a, first_day(m.month)) - l.a), CAST(l.b - l.a AS HUGEINT))) AS cents
FROM l JOIN month m ON l.a < CAST(first_day(m.month) + INTERVAL 1 MONTH AS DATE) AND l.b > first_day(m.month) GROUP BY ALL;
-- What the above leaves out, and the example does not have.
SELECT error('an invoice line is in another currency than its contract, or has parts of a cent') FROM billing
WHERE currency <> CASE contract_id WHEN 'CT-B2' THEN 'USD' ELSE 'EUR' END OR amount * 100 <> trunc(amount * 100);

-- Unit price × users × index. Prices follow the index of each January; all of it as published by then.
CREATE TABLE factor AS
WITH level AS (
    SELECT month, arg_max(CAST(value * 1000000 AS HUGEINT), revision) AS value FROM indices
    WHERE index_id = 'SERVICES-PRICE' AND epoch(published_at) <= getvariable('as_of') GROUP BY month
)
SELECT m.month, half_up(l.value * 100000000, b.value) AS e8
FROM month m JOIN level l ON l.month = substr(m.month, 1, 4) || '-01' JOIN level b ON b.month = '2023-01';
CREATE TABLE price AS
WITH life AS (
    SELECT contract, service, min(month) FILTER (in_baseline(month)) AS first, max(month) FILTER (in_baseline(month)) AS last,
        count(*) FILTER (NOT in_baseline(month)) AS later FROM cost GROUP BY ALL
)
SELECT l.contract, l.service, half_up(sum(coalesce(c.cents, 0)) * CAST(100000000000000 AS HUGEINT), sum(e.users * f.e8)) AS e8, count(*) AS months
FROM life l JOIN exposed e ON e.contract = l.contract AND e.value = l.service AND e.month >= l.first AND in_baseline(e.month)
JOIN factor f ON f.month = e.month LEFT JOIN cost c ON (c.contract, c.service, c.month) = (l.contract, l.service, e.month)
WHERE (l.later > 0 OR l.last >= '2024-10') AND EXISTS (SELECT 1 FROM cost b WHERE b.contract = l.contract AND b.month = e.month)
GROUP BY l.contract, l.service;
-- In 10^-16 of the currency.
CREATE TABLE benchmark AS
SELECT p.contract, p.service, e.month, p.e8 * f.e8 * e.users AS e16
FROM price p JOIN exposed e ON e.contract = p.contract AND e.value = p.service JOIN factor f ON f.month = e.month
WHERE NOT in_baseline(e.month);
-- Cents by which a saving is lower; those outside the routine are capped together.
CREATE TABLE adjusted_money AS
SELECT a.contract_id AS contract, m.month, coalesce(a.kind, '') <> 'routine' AS capped,
    CAST(sum(CASE a.measure WHEN 'actual_cost' THEN a.amount ELSE -a.amount END * 100) AS HUGEINT) AS cents
FROM adjustments a JOIN month m ON first_day(m.month) >= a."from" AND first_day(m.month) < a."to"
WHERE a.measure IN ('benchmark_cost', 'gross_saving', 'verified_saving', 'actual_cost') AND agreed(a.agreed_by_customer_at, a.agreed_by_supplier_at)
GROUP BY ALL;

-- Euros for a dollar at the end of each month, in 10^-15: the last rate, at most ten days old.
CREATE TABLE dollar AS
SELECT m.month, arg_max(CAST(r.rate * 1000000000000000 AS HUGEINT), r.date) AS e15
FROM month m JOIN fx_rates r ON r."from" = 'USD' AND r."to" = 'EUR' AND r.date < CAST(first_day(m.month) + INTERVAL 1 MONTH AS DATE)
    AND r.date >= CAST(first_day(m.month) + INTERVAL 1 MONTH AS DATE) - 11
GROUP BY m.month;
-- In 10^-12 of the contract's currency: the customer's own cost is in euros everywhere.
INSERT INTO part SELECT 'retained_cost', c.contract_id, NULL, NULL, c.month, sum(CASE c.contract_id
    WHEN 'CT-B2' THEN half_up(CAST(c.amount * 100 AS HUGEINT) * CAST(10000000000000000000000000 AS HUGEINT), d.e15)
    ELSE CAST(c.amount * 100 AS HUGEINT) * 10000000000 END), 0
FROM retained_costs c JOIN dollar d USING (month) WHERE c.currency = 'EUR' GROUP BY ALL;

-- Savings proposals in cents: in the pipeline at each month's end, and promised a year while in effect.
CREATE VIEW proposal AS
SELECT contract_id AS contract, coalesce(service_id, '') AS service, decision, CAST(expected_saving * 100 AS HUGEINT) AS cents,
    CAST(floor(epoch(proposed_at)) AS BIGINT) AS proposed, CAST(floor(epoch(decided_at)) AS BIGINT) AS decided,
    CAST(floor(epoch(implemented_at)) AS BIGINT) AS implemented
FROM initiatives;
CREATE TABLE pipeline AS
SELECT p.contract, p.service, m.month, sum(p.cents) AS cents FROM proposal p JOIN month m ON p.proposed < m.ends
WHERE NOT coalesce(p.decision = 'rejected' AND p.decided < m.ends, false) AND NOT coalesce(p.implemented < m.ends, false) GROUP BY ALL;
INSERT INTO part SELECT 'saving_promised', p.contract, p.service, NULL, m.month, sum(p.cents), 0
FROM proposal p JOIN month m ON p.implemented < m.ends AND p.implemented < getvariable('as_of') AND m.ends <= getvariable('as_of')
WHERE p.decision = 'accepted' AND p.cents IS NOT NULL GROUP BY ALL;

-- Meetings with both sides.
CREATE TABLE met AS
SELECT contract_id AS contract, cadence, CAST(floor(epoch(held_at)) AS BIGINT) AS moment FROM contact_moments
WHERE held_at IS NOT NULL AND coalesce(customer_present, true) AND coalesce(supplier_present, true);

INSERT INTO part
WITH g AS (
    SELECT g.contract_id AS contract, CAST(floor(epoch(g.shared_at)) AS BIGINT) AS shared,
        (SELECT CAST(floor(epoch(min(i.proposed_at))) AS BIGINT) FROM initiatives i WHERE i.goal_id = g.goal_id) AS answered
    FROM customer_goals g WHERE g.shared_at IS NOT NULL
)
SELECT 'challenge_response', contract, NULL, NULL, month_of(shared), CAST(coalesce(answered <= shared + 30 * 86400, false) AS INT), 1
FROM g WHERE coalesce(answered <= shared + 30 * 86400, false) OR shared + 30 * 86400 <= getvariable('as_of');

-- Fixed problems: incidents on their item and category in the 180 days before and the 90 after.
INSERT INTO part
WITH f AS (
    SELECT problem_id, contract_id AS contract, ci_id, category, CAST(floor(epoch(fixed_at)) AS BIGINT) AS fixed
    FROM problems WHERE fixed_at IS NOT NULL
), n AS (
    SELECT f.contract, f.problem_id, f.fixed,
        count(i.id) FILTER (i.opened >= f.fixed - 180 * 86400 AND i.opened < f.fixed) AS before,
        count(i.id) FILTER (i.opened >= f.fixed AND i.opened < f.fixed + 90 * 86400) AS after
    FROM f LEFT JOIN opened_incident i ON (i.contract, i.ci_id, i.category) = (f.contract, f.ci_id, f.category)
    GROUP BY ALL
)
SELECT 'structural_fix_share', contract, NULL, NULL, month_of(fixed), CAST(after = 0 AS INT), 1
FROM n WHERE fixed < getvariable('as_of') AND fixed + 90 * 86400 <= getvariable('as_of') AND before * 90 >= 3 * 180;
INSERT INTO part SELECT 'structural_fixes', contract, service, priority, month, above, 0 FROM part WHERE kpi = 'structural_fix_share';

CREATE TABLE kind AS
SELECT contract, service, category, month, count(*) FILTER (kind = 'incident') AS incidents, count(*) FILTER (kind = 'request') AS requests
FROM opening WHERE category IS NOT NULL GROUP BY ALL;

CREATE TABLE skill AS
SELECT contract, service, month, assignee, ci_id, category, count(*) AS n FROM restored
WHERE assignee IS NOT NULL AND ci_id IS NOT NULL AND category IS NOT NULL GROUP BY ALL;
