-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT c.{key} AS key, {weight} AS weight, {sums}
    FROM ({cells}) AS c
    GROUP BY 1
),

ranked AS (
    SELECT *, row_number() OVER (ORDER BY weight DESC NULLS LAST, key NULLS LAST) AS rank
    FROM grouped
)

SELECT
    CASE WHEN c.rank <= {first} THEN c.rank END AS rank,
    CASE WHEN c.rank <= {first} THEN c.key END AS key,
    {sums}
FROM ranked AS c
GROUP BY 1, 2
ORDER BY 1 NULLS LAST
