SELECT
    agent,
    sum(calls)::bigint AS calls,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    sum(cost_nano)::bigint AS cost_nano
FROM usage_by_agent_{grain}('default', $1, $2)
WHERE agent IS NOT NULL
GROUP BY agent
ORDER BY cost_nano DESC, agent
LIMIT 10
