INSERT INTO usage_fingerprint (
    project, size, started_at, ended_at, output_tokens, scope, response_id, call_started_at, call
)
SELECT *
FROM unnest(
    $1::text[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[],
    $8::timestamptz[], $9::bigint[]
)
