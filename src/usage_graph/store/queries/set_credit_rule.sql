INSERT INTO usage_credit_rule (project, model, channel, since, per_call, per_1k_tokens)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (project, model, channel, since) DO UPDATE SET
    set_at = now(), per_call = excluded.per_call, per_1k_tokens = excluded.per_1k_tokens
