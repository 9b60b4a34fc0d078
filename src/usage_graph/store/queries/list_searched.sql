-- The first records that have a text, in the order of time. A text may be in any part of them, and nothing says in how
-- large a one: unless its labels are few, some records are looked through first, among which a frequent one is found.
(
    WITH few AS MATERIALIZED (
        SELECT {alone} AND usage_finds_by_label() AND (
            SELECT count(*) <= {few} FROM (SELECT FROM usage_label AS l WHERE {labels} LIMIT {few} + 1) AS l
        ) AS are
    ),
    near AS MATERIALIZED (
        SELECT r.*
        FROM (
            SELECT r.* FROM usage_record AS r
            WHERE {within}
            ORDER BY {order}
            LIMIT {looked_through}
        ) AS r
        WHERE NOT (SELECT are FROM few) AND {met}
            AND (SELECT {has_text} FROM usage_label AS l WHERE l.project = {project}::text AND l.key = {key})
        ORDER BY {order}
        LIMIT {limit}
    )
    SELECT r.* FROM near AS r WHERE (SELECT count(*) FROM near) = {limit}
    UNION ALL
    SELECT r.* FROM {found} AS r WHERE (SELECT count(*) FROM near) < {limit}
)
