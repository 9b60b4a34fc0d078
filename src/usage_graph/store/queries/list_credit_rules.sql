-- Those of a project; of all where none is named.
SELECT project, model, channel, since, per_call, per_1k_tokens
FROM usage_credit_rule
WHERE $1::text IS NULL OR project = $1
ORDER BY project, model NULLS FIRST, channel NULLS FIRST, since NULLS FIRST
