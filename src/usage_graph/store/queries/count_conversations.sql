SELECT count(*)
FROM (
    SELECT c.conversation
    FROM ({cells}) AS c
    WHERE c.conversation IS NOT NULL
    GROUP BY c.conversation
    HAVING usage_sum(c.calls) > 0
) AS c
LEFT JOIN {known} AS k ON k.conversation = c.conversation
WHERE {searched}
