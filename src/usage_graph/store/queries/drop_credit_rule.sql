DELETE FROM usage_credit_rule
WHERE project = $1 AND model IS NOT DISTINCT FROM $2 AND channel IS NOT DISTINCT FROM $3
    AND since IS NOT DISTINCT FROM $4
RETURNING project, model, channel, since, per_call, per_1k_tokens
