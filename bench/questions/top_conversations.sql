SELECT
    conversation,
    sum(calls)::bigint AS calls,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    sum(cost_nano)::bigint AS cost_nano
FROM usage_by_conversation_{grain}('default', $1, $2)
WHERE conversation IS NOT NULL
GROUP BY conversation
ORDER BY cost_nano DESC, conversation
LIMIT 10
