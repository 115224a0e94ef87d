-- Tickets, events, notices and clocks from the plain canonical Parquet: everything that lies beside
-- each other in our store has to be joined and sorted here. Rows stand in the files in the order of
-- ingest, so the number of a row decides between events of one second.

CREATE TABLE place AS
SELECT contract, service, CAST(row_number() OVER (ORDER BY contract, service) AS INTEGER) AS place
FROM (SELECT DISTINCT contract_id AS contract, coalesce(service_id, '') AS service FROM read_parquet('{plain}/incidents.parquet'));

CREATE TABLE ticket AS
WITH raw AS (
    SELECT *, coalesce(service_id, '') AS service, coalesce(ticket_type, 'incident') = 'incident' AS incident
    FROM read_parquet('{plain}/incidents.parquet', file_row_number = true)
), gap AS (
    SELECT file_row_number, opened_at - lag(opened_at) OVER (PARTITION BY contract_id, ci_id, category ORDER BY opened_at, source, ticket_id) AS gap
    FROM raw WHERE incident AND ci_id IS NOT NULL AND category IS NOT NULL
)
SELECT r.file_row_number AS id, source, ticket_id, p.place, incident, priority AS last_priority, initial_priority,
    seconds(opened_at) AS opened, seconds(responded_at) AS responded, seconds(resolved_at) AS resolved, seconds(detected_at) AS detected,
    CASE WHEN g.file_row_number IS NOT NULL THEN coalesce(gap < INTERVAL '30 days 1 second', false) END AS repeats,
    assignee, lower(channel) = 'monitoring' AS monitored, caused_by_change_id IS NOT NULL AS changed, reassignments,
    coalesce(reopens, 0) > 0 AS reopened, coalesce(on_hold_s, 0) AS hold, parent_id IS NOT NULL AS child, affected_share AS share
FROM raw r JOIN place p ON p.contract = r.contract_id AND p.service = r.service LEFT JOIN gap g USING (file_row_number);

CREATE TABLE event AS
WITH e AS (
    SELECT source, ticket_id, file_row_number AS n, seconds("at") AS moment,
        CASE WHEN field = 'state' THEN state_of("to") END AS state,
        CASE WHEN field = 'priority' THEN TRY_CAST(substr("to", 2) AS INTEGER) END AS priority,
        CASE WHEN field = 'group' THEN "from" END AS was, CASE WHEN field = 'group' THEN "to" END AS became, field = 'group' AS grouped
    FROM read_parquet('{plain}/incident_events.parquet', file_row_number = true) WHERE field IN ('state', 'priority', 'group')
)
SELECT t.id, n, greatest(moment, t.opened) AS moment, moment <= t.opened AS at_opening, state, priority, was, became, grouped
FROM e JOIN ticket t USING (source, ticket_id) WHERE t.incident OR priority IS NOT NULL;

CREATE TABLE said AS
SELECT t.id, seconds(sent_at) AS moment, kind, about, lower(audience_level) AS level, stated_impact, has_status, has_scope, has_impact, has_eta, has_workaround
FROM read_parquet('{plain}/notices.parquet') n JOIN place p ON p.contract = n.contract_id JOIN ticket t ON t.ticket_id = n.ref_id AND t.place = p.place
WHERE n.about IS DISTINCT FROM 'change';

CREATE TABLE tool AS
SELECT t.id, bool_or(breached) AS late FROM read_parquet('{plain}/sla_clocks.parquet') c JOIN ticket t USING (ticket_id)
WHERE kind = 'restore' AND stopped_at IS NOT NULL AND breached IS NOT NULL GROUP BY t.id;

CREATE VIEW invoice_line AS FROM read_parquet('{plain}/billing.parquet');
