-- Since when records are kept; and of a project, which buckets the rollups have that settle.
SELECT retention.kept_since, settled.until, ARRAY(
    SELECT DISTINCT u.day FROM usage_unsettled AS u WHERE u.project = settled.project AND u.day < settled.until ORDER BY u.day
) AS unsettled
FROM usage_retention AS retention
LEFT JOIN usage_settled AS settled ON settled.project = $1

;

SELECT usage_sum(c.calls) AS calls, usage_sum(c.duration_us) AS duration_us, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
FROM (SELECT (1)::bigint AS calls, (r.duration_us)::bigint AS duration_us, ((r.duration_us > 0)::int)::bigint AS timed_calls, (CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, (CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, ((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, (coalesce(r.first_token_us, 0))::bigint AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $2::timestamptz AND r.started_at < $3::timestamptz
UNION ALL
SELECT r.calls AS calls, r.duration_us AS duration_us, r.timed_calls AS timed_calls, r.timed_output_tokens AS timed_output_tokens, r.timed_output_us AS timed_output_us, r.first_token_calls AS first_token_calls, r.first_token_us AS first_token_us
FROM usage_by_model_15m($1::text, $4::timestamptz, $5::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.duration_us AS duration_us, r.timed_calls AS timed_calls, r.timed_output_tokens AS timed_output_tokens, r.timed_output_us AS timed_output_us, r.first_token_calls AS first_token_calls, r.first_token_us AS first_token_us
FROM usage_by_model_1h($1::text, $6::timestamptz, $7::timestamptz) AS r
UNION ALL
SELECT r.calls AS calls, r.duration_us AS duration_us, r.timed_calls AS timed_calls, r.timed_output_tokens AS timed_output_tokens, r.timed_output_us AS timed_output_us, r.first_token_calls AS first_token_calls, r.first_token_us AS first_token_us
FROM usage_by_model_1d($1::text, $8::timestamptz, $9::timestamptz) AS r
UNION ALL
SELECT -(1)::bigint AS calls, -(r.duration_us)::bigint AS duration_us, -((r.duration_us > 0)::int)::bigint AS timed_calls, -(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, -(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, -((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, -(coalesce(r.first_token_us, 0))::bigint AS first_token_us
FROM usage_record AS r
WHERE r.project = $1::text AND r.started_at >= $10::timestamptz AND r.started_at < $11::timestamptz) AS c

;

-- The first groups by weight, then the rest as one row whose rank is null.
WITH grouped AS (
    SELECT c.model AS key, NULL::text AS then_key, usage_sum(c.calls) AS calls, usage_sum(c.duration_us) AS duration_us, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us, usage_sum(c.calls) AS weight
    FROM (SELECT coalesce(r.response_model, r.request_model) AS model, (1)::bigint AS calls, (r.duration_us)::bigint AS duration_us, ((r.duration_us > 0)::int)::bigint AS timed_calls, (CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, (CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, ((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, (coalesce(r.first_token_us, 0))::bigint AS first_token_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $3::timestamptz AND r.started_at < $4::timestamptz
UNION ALL
SELECT r.model AS model, r.calls AS calls, r.duration_us AS duration_us, r.timed_calls AS timed_calls, r.timed_output_tokens AS timed_output_tokens, r.timed_output_us AS timed_output_us, r.first_token_calls AS first_token_calls, r.first_token_us AS first_token_us
FROM usage_by_model_15m($2::text, $5::timestamptz, $6::timestamptz) AS r
UNION ALL
SELECT r.model AS model, r.calls AS calls, r.duration_us AS duration_us, r.timed_calls AS timed_calls, r.timed_output_tokens AS timed_output_tokens, r.timed_output_us AS timed_output_us, r.first_token_calls AS first_token_calls, r.first_token_us AS first_token_us
FROM usage_by_model_1h($2::text, $7::timestamptz, $8::timestamptz) AS r
UNION ALL
SELECT r.model AS model, r.calls AS calls, r.duration_us AS duration_us, r.timed_calls AS timed_calls, r.timed_output_tokens AS timed_output_tokens, r.timed_output_us AS timed_output_us, r.first_token_calls AS first_token_calls, r.first_token_us AS first_token_us
FROM usage_by_model_1d($2::text, $9::timestamptz, $10::timestamptz) AS r
UNION ALL
SELECT coalesce(r.response_model, r.request_model) AS model, -(1)::bigint AS calls, -(r.duration_us)::bigint AS duration_us, -((r.duration_us > 0)::int)::bigint AS timed_calls, -(CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END)::bigint AS timed_output_tokens, -(CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END)::bigint AS timed_output_us, -((r.first_token_us IS NOT NULL)::int)::bigint AS first_token_calls, -(coalesce(r.first_token_us, 0))::bigint AS first_token_us
FROM usage_record AS r
WHERE r.project = $2::text AND r.started_at >= $11::timestamptz AND r.started_at < $12::timestamptz) AS c
    GROUP BY 1, 2
    HAVING usage_sum(c.calls) > 0
),

ranked AS (
    SELECT *, row_number() OVER (ORDER BY weight DESC NULLS LAST, key NULLS LAST, then_key NULLS LAST) AS rank
    FROM grouped
)

SELECT
    CASE WHEN c.rank <= $1 THEN c.rank END AS rank,
    CASE WHEN c.rank <= $1 THEN c.key END AS key,
    CASE WHEN c.rank <= $1 THEN c.then_key END AS then_key,
    usage_sum(c.calls) AS calls, usage_sum(c.duration_us) AS duration_us, usage_sum(c.timed_calls) AS timed_calls, usage_sum(c.timed_output_tokens) AS timed_output_tokens, usage_sum(c.timed_output_us) AS timed_output_us, usage_sum(c.first_token_calls) AS first_token_calls, usage_sum(c.first_token_us) AS first_token_us
FROM ranked AS c
GROUP BY 1, 2, 3
ORDER BY 1 NULLS LAST

;

WITH RECURSIVE typeinfo_tree(
    oid, ns, name, kind, basetype, elemtype, elemdelim,
    range_subtype, attrtypoids, attrnames, depth)
AS (
    SELECT
        ti.oid, ti.ns, ti.name, ti.kind, ti.basetype,
        ti.elemtype, ti.elemdelim, ti.range_subtype,
        ti.attrtypoids, ti.attrnames, 0
    FROM
            (
        SELECT
            t.oid                           AS oid,
            ns.nspname                      AS ns,
            t.typname                       AS name,
            t.typtype                       AS kind,
            (CASE WHEN t.typtype = 'd' THEN
                (WITH RECURSIVE typebases(oid, depth) AS (
                    SELECT
                        t2.typbasetype      AS oid,
                        0                   AS depth
                    FROM
                        pg_type t2
                    WHERE
                        t2.oid = t.oid

                    UNION ALL

                    SELECT
                        t2.typbasetype      AS oid,
                        tb.depth + 1        AS depth
                    FROM
                        pg_type t2,
                        typebases tb
                    WHERE
                       tb.oid = t2.oid
                       AND t2.typbasetype != 0
               ) SELECT oid FROM typebases ORDER BY depth DESC LIMIT 1)

               ELSE NULL
            END)                            AS basetype,
            t.typelem                       AS elemtype,
            elem_t.typdelim                 AS elemdelim,
            COALESCE(
                range_t.rngsubtype,
                multirange_t.rngsubtype)    AS range_subtype,
            (CASE WHEN t.typtype = 'c' THEN
                (SELECT
                    array_agg(ia.atttypid ORDER BY ia.attnum)
                FROM
                    pg_attribute ia
                    INNER JOIN pg_class c
                        ON (ia.attrelid = c.oid)
                WHERE
                    ia.attnum > 0 AND NOT ia.attisdropped
                    AND c.reltype = t.oid)

                ELSE NULL
            END)                            AS attrtypoids,
            (CASE WHEN t.typtype = 'c' THEN
                (SELECT
                    array_agg(ia.attname::text ORDER BY ia.attnum)
                FROM
                    pg_attribute ia
                    INNER JOIN pg_class c
                        ON (ia.attrelid = c.oid)
                WHERE
                    ia.attnum > 0 AND NOT ia.attisdropped
                    AND c.reltype = t.oid)

                ELSE NULL
            END)                            AS attrnames
        FROM
            pg_catalog.pg_type AS t
            INNER JOIN pg_catalog.pg_namespace ns ON (
                ns.oid = t.typnamespace)
            LEFT JOIN pg_type elem_t ON (
                t.typlen = -1 AND
                t.typelem != 0 AND
                t.typelem = elem_t.oid
            )
            LEFT JOIN pg_range range_t ON (
                t.oid = range_t.rngtypid
            )
            LEFT JOIN pg_range multirange_t ON (
                t.oid = multirange_t.rngmultitypid
            )
    )
 AS ti
    WHERE
        ti.oid = any($1::oid[])

    UNION ALL

    SELECT
        ti.oid, ti.ns, ti.name, ti.kind, ti.basetype,
        ti.elemtype, ti.elemdelim, ti.range_subtype,
        ti.attrtypoids, ti.attrnames, tt.depth + 1
    FROM
            (
        SELECT
            t.oid                           AS oid,
            ns.nspname                      AS ns,
            t.typname                       AS name,
            t.typtype                       AS kind,
            (CASE WHEN t.typtype = 'd' THEN
                (WITH RECURSIVE typebases(oid, depth) AS (
                    SELECT
                        t2.typbasetype      AS oid,
                        0                   AS depth
                    FROM
                        pg_type t2
                    WHERE
                        t2.oid = t.oid

                    UNION ALL

                    SELECT
                        t2.typbasetype      AS oid,
                        tb.depth + 1        AS depth
                    FROM
                        pg_type t2,
                        typebases tb
                    WHERE
                       tb.oid = t2.oid
                       AND t2.typbasetype != 0
               ) SELECT oid FROM typebases ORDER BY depth DESC LIMIT 1)

               ELSE NULL
            END)                            AS basetype,
            t.typelem                       AS elemtype,
            elem_t.typdelim                 AS elemdelim,
            COALESCE(
                range_t.rngsubtype,
                multirange_t.rngsubtype)    AS range_subtype,
            (CASE WHEN t.typtype = 'c' THEN
                (SELECT
                    array_agg(ia.atttypid ORDER BY ia.attnum)
                FROM
                    pg_attribute ia
                    INNER JOIN pg_class c
                        ON (ia.attrelid = c.oid)
                WHERE
                    ia.attnum > 0 AND NOT ia.attisdropped
                    AND c.reltype = t.oid)

                ELSE NULL
            END)                            AS attrtypoids,
            (CASE WHEN t.typtype = 'c' THEN
                (SELECT
                    array_agg(ia.attname::text ORDER BY ia.attnum)
                FROM
                    pg_attribute ia
                    INNER JOIN pg_class c
                        ON (ia.attrelid = c.oid)
                WHERE
                    ia.attnum > 0 AND NOT ia.attisdropped
                    AND c.reltype = t.oid)

                ELSE NULL
            END)                            AS attrnames
        FROM
            pg_catalog.pg_type AS t
            INNER JOIN pg_catalog.pg_namespace ns ON (
                ns.oid = t.typnamespace)
            LEFT JOIN pg_type elem_t ON (
                t.typlen = -1 AND
                t.typelem != 0 AND
                t.typelem = elem_t.oid
            )
            LEFT JOIN pg_range range_t ON (
                t.oid = range_t.rngtypid
            )
            LEFT JOIN pg_range multirange_t ON (
                t.oid = multirange_t.rngmultitypid
            )
    )
 ti,
        typeinfo_tree tt
    WHERE
        (tt.elemtype IS NOT NULL AND ti.oid = tt.elemtype)
        OR (tt.attrtypoids IS NOT NULL AND ti.oid = any(tt.attrtypoids))
        OR (tt.range_subtype IS NOT NULL AND ti.oid = tt.range_subtype)
        OR (tt.basetype IS NOT NULL AND ti.oid = tt.basetype)
)

SELECT DISTINCT
    *,
    basetype::regtype::text AS basetype_name,
    elemtype::regtype::text AS elemtype_name,
    range_subtype::regtype::text AS range_subtype_name
FROM
    typeinfo_tree
ORDER BY
    depth DESC

;

-- How many calls took how long, as entries (usage_histogram in sql/): by point, and by place among some groups, where
-- null is all others.
WITH entry AS (
    SELECT
        NULL::int AS point,
        named.rank,
        c.sign,
        part.of_first_token,
        part.entry,
        (part.entry + (1::bigint << 39)) >> 40 AS class
    FROM (SELECT 1 AS sign, array_remove(ARRAY[(usage_time_class(nullif(r.duration_us, 0)) << 40) + 1], NULL) AS durations, array_remove(ARRAY[(usage_time_class(r.first_token_us) << 40) + 1], NULL) AS first_tokens
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $4::timestamptz AND r.started_at < $5::timestamptz
UNION ALL
SELECT 1 AS sign, r.durations AS durations, r.first_tokens AS first_tokens
FROM usage_by_model_15m($3::text, $6::timestamptz, $7::timestamptz) AS r
UNION ALL
SELECT 1 AS sign, r.durations AS durations, r.first_tokens AS first_tokens
FROM usage_by_model_1h($3::text, $8::timestamptz, $9::timestamptz) AS r
UNION ALL
SELECT 1 AS sign, r.durations AS durations, r.first_tokens AS first_tokens
FROM usage_by_model_1d($3::text, $10::timestamptz, $11::timestamptz) AS r
UNION ALL
SELECT -1 AS sign, array_remove(ARRAY[(usage_time_class(nullif(r.duration_us, 0)) << 40) + 1], NULL) AS durations, array_remove(ARRAY[(usage_time_class(r.first_token_us) << 40) + 1], NULL) AS first_tokens
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $12::timestamptz AND r.started_at < $13::timestamptz) AS c
    LEFT JOIN unnest($1::text[], $2::text[]) WITH ORDINALITY AS named (key, then_key, rank)
        ON
            NULL::text IS NOT DISTINCT FROM named.key COLLATE "C"
            AND NULL::text IS NOT DISTINCT FROM named.then_key COLLATE "C"
    CROSS JOIN LATERAL (
        SELECT false AS of_first_token, unnest(c.durations) AS entry
        UNION ALL
        SELECT true AS of_first_token, unnest(c.first_tokens) AS entry
    ) AS part
    WHERE part.entry IS NOT NULL
),

counted AS (
    SELECT e.point, e.rank, e.of_first_token, (e.class << 40) + usage_sum(e.sign * (e.entry - (e.class << 40))) AS entry
    FROM entry AS e
    GROUP BY e.point, e.rank, e.of_first_token, e.class
)

SELECT c.point, c.rank, c.of_first_token, array_agg(c.entry) AS entries
FROM counted AS c
GROUP BY c.point, c.rank, c.of_first_token

;

-- How many calls took how long, as entries (usage_histogram in sql/): by point, and by place among some groups, where
-- null is all others.
WITH entry AS (
    SELECT
        NULL::int AS point,
        named.rank,
        c.sign,
        part.of_first_token,
        part.entry,
        (part.entry + (1::bigint << 39)) >> 40 AS class
    FROM (SELECT coalesce(r.response_model, r.request_model) AS model, 1 AS sign, array_remove(ARRAY[(usage_time_class(nullif(r.duration_us, 0)) << 40) + 1], NULL) AS durations, array_remove(ARRAY[(usage_time_class(r.first_token_us) << 40) + 1], NULL) AS first_tokens
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $4::timestamptz AND r.started_at < $5::timestamptz
UNION ALL
SELECT r.model AS model, 1 AS sign, r.durations AS durations, r.first_tokens AS first_tokens
FROM usage_by_model_15m($3::text, $6::timestamptz, $7::timestamptz) AS r
UNION ALL
SELECT r.model AS model, 1 AS sign, r.durations AS durations, r.first_tokens AS first_tokens
FROM usage_by_model_1h($3::text, $8::timestamptz, $9::timestamptz) AS r
UNION ALL
SELECT r.model AS model, 1 AS sign, r.durations AS durations, r.first_tokens AS first_tokens
FROM usage_by_model_1d($3::text, $10::timestamptz, $11::timestamptz) AS r
UNION ALL
SELECT coalesce(r.response_model, r.request_model) AS model, -1 AS sign, array_remove(ARRAY[(usage_time_class(nullif(r.duration_us, 0)) << 40) + 1], NULL) AS durations, array_remove(ARRAY[(usage_time_class(r.first_token_us) << 40) + 1], NULL) AS first_tokens
FROM usage_record AS r
WHERE r.project = $3::text AND r.started_at >= $12::timestamptz AND r.started_at < $13::timestamptz) AS c
    LEFT JOIN unnest($1::text[], $2::text[]) WITH ORDINALITY AS named (key, then_key, rank)
        ON
            c.model IS NOT DISTINCT FROM named.key COLLATE "C"
            AND NULL::text IS NOT DISTINCT FROM named.then_key COLLATE "C"
    CROSS JOIN LATERAL (
        SELECT false AS of_first_token, unnest(c.durations) AS entry
        UNION ALL
        SELECT true AS of_first_token, unnest(c.first_tokens) AS entry
    ) AS part
    WHERE part.entry IS NOT NULL
),

counted AS (
    SELECT e.point, e.rank, e.of_first_token, (e.class << 40) + usage_sum(e.sign * (e.entry - (e.class << 40))) AS entry
    FROM entry AS e
    GROUP BY e.point, e.rank, e.of_first_token, e.class
)

SELECT c.point, c.rank, c.of_first_token, array_agg(c.entry) AS entries
FROM counted AS c
GROUP BY c.point, c.rank, c.of_first_token
