-- Those of a project; of all where none is named.
SELECT project, since, period, zone, included_nano, price
FROM usage_credit_plan
WHERE $1::text IS NULL OR project = $1
ORDER BY project, since NULLS FIRST
