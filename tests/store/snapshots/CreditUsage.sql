-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

-- Those of a project; of all where none is named.
SELECT project, since, period, zone, included_nano, price
FROM usage_credit_plan
WHERE $1::text IS NULL OR project = $1
ORDER BY project, since NULLS FIRST

;

-- What was consumed from each of some instants until the next.
SELECT width_bucket(c.at, $12::timestamptz[]) AS stretch, sum(c.credits_nano) AS credits_nano
FROM (SELECT r.bucket AS at, r.credits_nano AS credits_nano
FROM usage_by_model_1d($1::text, $2::timestamptz, $3::timestamptz) AS r
UNION ALL
SELECT in_span.*
FROM unnest($4::timestamptz[], $5::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.credits_nano AS credits_nano
FROM usage_by_model_1h($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT in_span.*
FROM unnest($6::timestamptz[], $7::timestamptz[]) AS span (start, stop), LATERAL (
SELECT r.bucket AS at, r.credits_nano AS credits_nano
FROM usage_by_model_15m($1::text, span.start, span.stop) AS r
OFFSET 0
) AS in_span
UNION ALL
SELECT r.started_at AS at, (r.credits_nano)::numeric AS credits_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $8::timestamptz AND r.started_at < $9::timestamptz
UNION ALL
SELECT r.started_at AS at, (r.credits_nano)::numeric AS credits_nano
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c
GROUP BY 1
