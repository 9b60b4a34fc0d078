-- How many calls took how long, as entries (usage_histogram in sql/): by point, and by place among some groups, where
-- null is all others.
WITH entry AS (
    SELECT
        {point} AS point,
        named.rank,
        c.sign,
        part.of_first_token,
        part.entry,
        (part.entry + (1::bigint << 39)) >> 40 AS class
    FROM ({cells}) AS c
    {join} JOIN unnest({keys}::text[], {then_keys}::text[]) WITH ORDINALITY AS named (key, then_key, rank)
        ON
            {key} IS NOT DISTINCT FROM named.key COLLATE "C"
            AND {then} IS NOT DISTINCT FROM named.then_key COLLATE "C"
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
