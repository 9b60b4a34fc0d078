-- One row per point and group; rank is null for the groups after the first ones, which are summed into one.
WITH point AS MATERIALIZED (
    SELECT
        width_bucket(c.at, {bounds}::timestamptz[]) - 1 AS point,
        c.{key} AS key,
        {sums}
    FROM ({cells}) AS c
    GROUP BY 1, 2
),

ranked AS (
    SELECT c.key, row_number() OVER (ORDER BY {weight} DESC NULLS LAST, c.key NULLS LAST) AS rank
    FROM point AS c
    GROUP BY c.key
),

top AS (
    SELECT *
    FROM ranked
    ORDER BY rank
    LIMIT {top}
)

SELECT top.rank, top.key, c.point, {sums}
FROM point AS c
-- Equal, or both null: told apart as the planner can hash them.
LEFT JOIN top ON coalesce(top.key, '') = coalesce(c.key, '') AND (top.key IS NULL) = (c.key IS NULL)
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST, 3
