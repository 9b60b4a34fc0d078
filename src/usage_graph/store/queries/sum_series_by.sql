-- One row per point and group; rank is null for the groups after the first ones, which are summed into one.
WITH point AS (
    SELECT
        width_bucket(c.at, {bounds}::timestamptz[]) - 1 AS point,
        c.{key} AS key,
        {sums}
    FROM ({cells}) AS c
    GROUP BY 1, 2
),

weighed AS (
    SELECT c.*, {weight} AS weight
    FROM point AS c
),

ranked AS (
    SELECT *, dense_rank() OVER (ORDER BY weight DESC NULLS LAST, key NULLS LAST) AS rank
    FROM weighed
)

SELECT
    CASE WHEN c.rank <= {top} THEN c.rank END AS rank,
    CASE WHEN c.rank <= {top} THEN c.key END AS key,
    c.point,
    {sums}
FROM ranked AS c
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST, 3
