-- Models with calls whose cost is unknown, and how many calls there are in all.
WITH grouped AS (
    SELECT
        c.model,
        c.provider,
        usage_sum(c.calls) AS all_calls,
        usage_sum(c.unpriced_calls) AS calls,
        usage_sum(c.unpriced_input_tokens) AS input_tokens,
        usage_sum(c.unpriced_output_tokens) AS output_tokens
    FROM ({cells}) AS c
    GROUP BY 1, 2
)

SELECT
    g.model, g.provider, g.calls, g.all_calls, g.input_tokens, g.output_tokens,
    (SELECT usage_sum(w.all_calls) FROM grouped AS w) AS whole
FROM grouped AS g
WHERE g.calls > 0
ORDER BY g.calls DESC, g.input_tokens + g.output_tokens DESC, g.model NULLS LAST, g.provider NULLS LAST
LIMIT {first}
