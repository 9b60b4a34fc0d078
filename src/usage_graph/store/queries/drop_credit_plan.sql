DELETE FROM usage_credit_plan
WHERE project = $1 AND since IS NOT DISTINCT FROM $2
RETURNING project, since, period, zone, included_nano, price
