-- Those of a project that name this model and channel, or none where it is null; if given, from one time on.
DELETE FROM usage_credit_rule
WHERE project = $1 AND model IS NOT DISTINCT FROM $2::text AND channel IS NOT DISTINCT FROM $3::text
    AND ($4::timestamptz IS NULL OR since = $4)
RETURNING project, model, channel, since, per_call, per_1k_tokens
