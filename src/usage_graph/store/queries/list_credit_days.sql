-- The days in UTC, from $2 until $3, on which a project consumed credits.
SELECT DISTINCT r.bucket
FROM usage_by_model_1d($1, $2, $3) AS r
WHERE r.credits_nano > 0
ORDER BY r.bucket
