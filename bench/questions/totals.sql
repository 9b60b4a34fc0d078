SELECT
    sum(calls)::bigint AS calls,
    sum(input_tokens)::bigint AS input_tokens,
    sum(output_tokens)::bigint AS output_tokens,
    sum(cost_nano)::bigint AS cost_nano
FROM usage_by_model_{grain}('default', $1, $2)
