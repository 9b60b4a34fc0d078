-- What the records of a project add up to, day by day in UTC, and how many identities they have.
SELECT day.bucket, coalesce(claimed.identities, 0) AS identities, {measures}
FROM (
    SELECT c.bucket, {sums}
    FROM usage_by_model_1d($1, $2, 'infinity') AS c
    GROUP BY c.bucket
) AS day
LEFT JOIN (
    SELECT date_bin('1 day', i.started_at, '2000-01-01 00:00:00+00') AS bucket, count(*) AS identities
    FROM usage_identity AS i
    WHERE i.project = $1 AND i.started_at >= $2
    GROUP BY 1
) AS claimed ON claimed.bucket = day.bucket
