-- Which of the staged observations, by any of their identities, are of calls that are stored; $1: one right above or
-- below them is. As it has a parameter, it is planned each time: a plan made for an empty table reads all of a full one.
SELECT s.observation, s.kind, i.started_at, i.record
FROM pg_temp.usage_staging_identity AS s
INNER JOIN usage_identity AS i ON i.project = s.project AND i.kind = s.kind AND i.key = s.key
UNION ALL
SELECT s.observation, $1::smallint, i.started_at, i.record
FROM pg_temp.usage_staging_identity AS s
INNER JOIN usage_identity AS i ON i.project = s.project AND i.kind = 1 AND i.key = s.parent_key
WHERE s.kind = 1
UNION ALL
SELECT s.observation, $1::smallint, i.started_at, i.record
FROM pg_temp.usage_staging_identity AS s
INNER JOIN usage_identity AS i ON i.parent = s.observation AND i.project = s.project
WHERE s.kind = 1
