-- How many identities the records have, by day in UTC and project.
SELECT date_bin('1 day', r.started_at, '2000-01-01 00:00:00+00') AS bucket, r.project, count(*) AS identities
FROM usage_identity AS i
INNER JOIN usage_record AS r ON r.started_at = i.started_at AND r.id = i.record
WHERE i.started_at >= $1 AND r.started_at >= $1
GROUP BY 1, 2
