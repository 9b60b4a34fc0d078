-- The first consumers by weight, and one row whose rank is null: the whole that shares are of.
-- A conversation is labelled by the name of its newest call in the window that has one, of those the caller may see.
WITH of_source AS (
    SELECT c.key, c.dimension, c.source, {sums}
    FROM ({cells}) AS c
    GROUP BY 1, 2, 3
    HAVING usage_sum(c.calls) > 0
),

grouped AS (
    SELECT
        c.key,
        c.dimension,
        CASE WHEN count(*) = 1 THEN min(c.source) END AS source,
        {weight} AS weight,
        {sums}
    FROM of_source AS c
    GROUP BY 1, 2
),

top AS (
    SELECT *
    FROM grouped
    WHERE key IS NOT NULL
    ORDER BY weight DESC NULLS LAST, key, dimension
    LIMIT {first}
)

SELECT
    row_number() OVER (ORDER BY c.weight DESC NULLS LAST, c.key, c.dimension) AS rank,
    c.key,
    c.dimension,
    coalesce(title.name, c.key) AS label,
    c.source,
    {measures}
FROM top AS c
LEFT JOIN LATERAL (
    SELECT r.name
    FROM usage_record AS r
    WHERE
        c.dimension = {conversation} AND r.project = {project}::text
        AND usage_in_conversation(r.project, r.conversation, {project}::text, c.key)
        AND r.started_at >= {start}::timestamptz AND r.started_at < {end}::timestamptz AND r.name IS NOT NULL
        AND {bound}
    ORDER BY r.started_at DESC, r.id DESC
    LIMIT 1
) AS title ON true
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, {sums}
FROM grouped AS c
ORDER BY 1 NULLS LAST
