-- Tickets, events, notices and clocks from our prepared store: files by contract and month, the row
-- of the ticket beside its events, notices and clocks, and the gap to the item's former opening. So
-- joins are on whole numbers and no window over items is left; only the borders of months are.

-- A partition each, with the paths of its files as they come with the rows.
CREATE TABLE part AS
SELECT row_number() OVER (ORDER BY name) << 32 AS base, CAST(dense_rank() OVER (ORDER BY split_part(name, '/', 1)) AS INTEGER) AS contract,
    '{store}/incidents/' || name AS incidents, '{store}/incident_events/' || name AS events,
    '{store}/notices/' || name AS notices, '{store}/sla_clocks/' || name AS clocks
FROM (SELECT replace(file, '{store}/incidents/', '') AS name FROM glob('{store}/incidents/*/*.parquet'));

CREATE TABLE place AS
SELECT contract, service, CAST(row_number() OVER (ORDER BY contract, service) AS INTEGER) AS place
FROM (SELECT DISTINCT contract_id AS contract, coalesce(service_id, '') AS service FROM read_parquet('{store}/incidents/*/*.parquet'));

CREATE TABLE ticket AS
WITH raw AS (
    SELECT *, coalesce(service_id, '') AS service, coalesce(ticket_type, 'incident') = 'incident' AS incident
    FROM read_parquet('{store}/incidents/*/*.parquet', filename = true, file_row_number = true) JOIN part ON incidents = filename
), edge AS (
    -- The last opening of an item in the contract's former partitions that have one.
    SELECT base, ci_id, category, lag(max(opened_at)) OVER (PARTITION BY contract, ci_id, category ORDER BY base) AS former
    FROM raw WHERE incident AND ci_id IS NOT NULL AND category IS NOT NULL GROUP BY base, contract, ci_id, category
)
SELECT r.base + file_row_number AS id, p.place, incident, priority AS last_priority, initial_priority,
    seconds(opened_at) AS opened, seconds(responded_at) AS responded, seconds(resolved_at) AS resolved, seconds(detected_at) AS detected,
    CASE WHEN item_gap_s IS NOT NULL THEN item_gap_s <= 30 * 86400
        WHEN e.base IS NOT NULL THEN coalesce(opened_at - former < INTERVAL '30 days 1 second', false) END AS repeats,
    assignee, lower(channel) = 'monitoring' AS monitored, caused_by_change_id IS NOT NULL AS changed, reassignments,
    coalesce(reopens, 0) > 0 AS reopened, coalesce(on_hold_s, 0) AS hold, parent_id IS NOT NULL AS child, affected_share AS share
FROM raw r JOIN place p ON p.contract = r.contract_id AND p.service = r.service
LEFT JOIN edge e ON r.item_gap_s IS NULL AND r.incident AND e.base = r.base AND e.ci_id = r.ci_id AND e.category = r.category;

CREATE TABLE event AS
WITH e AS (
    SELECT base + ticket_row AS id, file_row_number AS n, seconds("at") AS moment,
        CASE WHEN field = 'state' THEN state_of("to") END AS state,
        CASE WHEN field = 'priority' THEN TRY_CAST(substr("to", 2) AS INTEGER) END AS priority,
        CASE WHEN field = 'group' THEN "from" END AS was, CASE WHEN field = 'group' THEN "to" END AS became, field = 'group' AS grouped
    FROM read_parquet('{store}/incident_events/*/*.parquet', filename = true, file_row_number = true)
    JOIN part ON events = filename WHERE field IN ('state', 'priority', 'group')
)
SELECT t.id, n, greatest(moment, t.opened) AS moment, moment <= t.opened AS at_opening, state, priority, was, became, grouped
FROM e JOIN ticket t USING (id) WHERE t.incident OR priority IS NOT NULL;

CREATE TABLE said AS
SELECT base + ticket_row AS id, seconds(sent_at) AS moment, kind, about, lower(audience_level) AS level, stated_impact, has_status, has_scope, has_impact, has_eta, has_workaround
FROM read_parquet('{store}/notices/*/*.parquet', filename = true) JOIN part ON notices = filename;

CREATE TABLE tool AS
SELECT base + ticket_row AS id, bool_or(breached) AS late
FROM read_parquet('{store}/sla_clocks/*/*.parquet', filename = true) JOIN part ON clocks = filename
WHERE kind = 'restore' AND stopped_at IS NOT NULL AND breached IS NOT NULL GROUP BY base + ticket_row;

CREATE VIEW invoice_line AS FROM read_parquet('{store}/billing/*/*.parquet');
