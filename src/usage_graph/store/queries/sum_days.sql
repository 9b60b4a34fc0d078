-- What the records of a project add up to, day by day in UTC.
SELECT c.bucket, {sums}
FROM usage_by_model_1d($1, $2, 'infinity') AS c
GROUP BY c.bucket
