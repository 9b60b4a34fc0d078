-- Which of the staged observations, by any of their identities, are of calls that are stored; $1: one right above or
-- below them is. OFFSET 0 has each looked up by itself: the planner would rather read all that is stored. With a
-- parameter the statement is planned each time: a plan made while hardly anything was stored would be kept.
SELECT s.observation, s.kind, known.started_at, known.record
FROM pg_temp.usage_staging_identity AS s
CROSS JOIN LATERAL (
    SELECT i.started_at, i.record
    FROM usage_identity AS i
    WHERE i.key = s.key
    OFFSET 0
) AS known
UNION ALL
SELECT s.observation, $1::smallint, above.started_at, above.record
FROM pg_temp.usage_staging_identity AS s
CROSS JOIN LATERAL (
    SELECT i.started_at, i.record
    FROM usage_identity AS i
    WHERE i.key = s.parent_key
    OFFSET 0
) AS above
WHERE s.parent_key IS NOT NULL
UNION ALL
SELECT s.observation, $1::smallint, below.started_at, below.record
FROM pg_temp.usage_staging_identity AS s
CROSS JOIN LATERAL (
    SELECT i.started_at, i.record
    FROM usage_identity AS i
    WHERE i.parent = s.observation
    -- More than a few below a span cannot be the same call as it.
    LIMIT 16
) AS below
WHERE s.kind = 1
