-- The values of a dimension that begin with a text, and how many calls have them: those of most calls first.
SELECT c.key AS value, usage_sum(c.calls) AS calls
FROM (SELECT v.{key} AS key, v.calls FROM ({cells}) AS v) AS c
WHERE c.key IS NOT NULL AND {begins}
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT {first}
