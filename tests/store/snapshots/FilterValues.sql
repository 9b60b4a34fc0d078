-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

-- The values of a dimension that begin with a text, and how many calls have them: those of most calls first.
SELECT c.key AS value, usage_sum(c.calls) AS calls
FROM (SELECT v.agent AS key, v.calls FROM (SELECT r.bucket AS at, r.agent AS agent, r.calls AS calls
FROM usage_by_agent_1d($2::text, $3::timestamptz, $4::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.agent AS agent, r.calls AS calls
FROM usage_by_agent_1h($2::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, r.agent AS agent, (1)::bigint AS calls
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $7::timestamptz AND r.started_at < $8::timestamptz
UNION ALL
SELECT r.started_at AS at, r.agent AS agent, (1)::bigint AS calls
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $9::timestamptz AND r.started_at < $10::timestamptz) AS v) AS c
WHERE c.key IS NOT NULL AND c.key COLLATE "default" ILIKE $1::text
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT $11
