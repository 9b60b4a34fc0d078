-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT {key} AS key, {then} AS then_key, {sums}, {weight} AS weight
    FROM ({cells}) AS c
    GROUP BY 1, 2
    HAVING usage_sum(c.calls) > 0
),

ranked AS (
    SELECT *, row_number() OVER (ORDER BY weight DESC NULLS LAST, key NULLS LAST, then_key NULLS LAST) AS rank
    FROM grouped
)

SELECT
    CASE WHEN c.rank <= {first} THEN c.rank END AS rank,
    CASE WHEN c.rank <= {first} THEN c.key END AS key,
    CASE WHEN c.rank <= {first} THEN c.then_key END AS then_key,
    {sums}
FROM ranked AS c
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST
