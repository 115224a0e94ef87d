-- What both ways into DuckDB share first: the calendars as tables, so that no row needs a zone
-- conversion or a search, only a join on a whole number. The terms are those of the complete example
-- (data/complete/terms/gain.toml).

-- An hour each: the office seconds before it, whether it counts, its day and month in the contracts' zone.
CREATE TABLE hour AS
WITH hour AS (
    SELECT CAST(epoch(g) AS BIGINT) // 3600 AS hour, timezone('Europe/Amsterdam', g) AS local
    FROM generate_series(TIMESTAMPTZ '2022-06-01 00:00:00+00', TIMESTAMPTZ '2027-12-31 23:00:00+00', INTERVAL 1 HOUR) t(g)
), counted AS (
    SELECT *, CAST(isodow(local) <= 5 AND hour(local) BETWEEN 8 AND 17 AND CAST(local AS DATE) NOT IN (
        SELECT date FROM calendars WHERE calendar_id = 'office' AND kind = 'holiday') AS BIGINT) AS counts
    FROM hour
)
SELECT hour, CAST(coalesce(sum(counts * 3600) OVER (ORDER BY hour ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS BIGINT) AS before,
    counts, CAST(local AS DATE) AS day, CAST(year(local) * 12 + month(local) - 1 AS INTEGER) AS month
FROM counted;

-- The n-th hour that counts, and back to the moment.
CREATE TABLE office_hour AS SELECT before // 3600 AS nth, hour * 3600 AS starts FROM hour WHERE counts = 1;

-- The months that are published, with the moments and office seconds at which they begin and end.
CREATE TABLE month AS
SELECT CAST(year(g) * 12 + month(g) - 1 AS INTEGER) AS month, strftime(g, '%Y-%m') AS name, CAST(g AS DATE) AS first_day, s.hour * 3600 AS starts, e.hour * 3600 AS ends,
    s.before AS office_starts, e.before AS office_ends
FROM (SELECT g, CAST(epoch(timezone('Europe/Amsterdam', CAST(g AS TIMESTAMP))) AS BIGINT) // 3600 AS a,
        CAST(epoch(timezone('Europe/Amsterdam', CAST(g AS TIMESTAMP) + INTERVAL 1 MONTH)) AS BIGINT) // 3600 AS b
    FROM generate_series(DATE '2023-01-01', DATE '2025-12-01', INTERVAL 1 MONTH) t(g)) m
JOIN hour s ON s.hour = m.a JOIN hour e ON e.hour = m.b;

CREATE MACRO seconds(moment) AS epoch_us(moment) // 1000000;
CREATE MACRO state_of(text) AS CASE lower(text)
    WHEN 'resolved' THEN 2 WHEN 'closed' THEN 2 WHEN 'solved' THEN 2
    WHEN 'awaiting user info' THEN 1 WHEN 'awaiting vendor' THEN 1 WHEN 'waiting for customer' THEN 1
    WHEN 'waiting for vendor' THEN 1 WHEN 'on_hold' THEN 1 ELSE 0 END;
CREATE MACRO target(p) AS CASE p WHEN 1 THEN 4 WHEN 2 THEN 8 WHEN 3 THEN 16 WHEN 4 THEN 40 ELSE 80 END * 3600;
CREATE MACRO answer(p) AS CASE p WHEN 1 THEN 900 WHEN 2 THEN 1800 WHEN 3 THEN 4 * 3600 WHEN 4 THEN 8 * 3600 ELSE 16 * 3600 END;
-- The bucket of a duration (docs/kpis.md, time_to_restore_p50), by the value that stands for it.
CREATE MACRO width(s) AS CASE WHEN s < 128 THEN 1 ELSE CAST(1 AS BIGINT) << (CAST(floor(log2(s)) AS BIGINT) - 6) END;
CREATE MACRO bucket(s) AS s // width(s) * width(s) + (width(s) - 1) // 2;
