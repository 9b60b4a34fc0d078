-- The sums of some groups, by their places in the lists, and of all others as one row whose rank is null.
WITH grouped AS (
    SELECT {key} AS key, {then} AS then_key, {sums}
    FROM ({cells}) AS c
    GROUP BY 1, 2
    HAVING usage_sum(c.calls) > 0
)

SELECT named.rank, {sums}
FROM grouped AS c
LEFT JOIN unnest({keys}::text[], {then_keys}::text[]) WITH ORDINALITY AS named (key, then_key, rank)
    ON
        c.key IS NOT DISTINCT FROM named.key COLLATE "C"
        AND c.then_key IS NOT DISTINCT FROM named.then_key COLLATE "C"
GROUP BY 1
ORDER BY 1 NULLS LAST
