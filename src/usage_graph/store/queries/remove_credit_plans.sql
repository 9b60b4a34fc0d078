-- Those of a project; if given, from one time on.
DELETE FROM usage_credit_plan
WHERE project = $1 AND ($2::timestamptz IS NULL OR since = $2)
RETURNING project, since, period, zone, included_nano, price
