INSERT INTO pg_temp.usage_staging
SELECT *
FROM unnest(
    $1::text[], $2::timestamptz[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bigint[],
    $7::boolean[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
    $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::text[],
    $20::text[], $21::bigint[], $22::bigint[], $23::bigint[],
    $24::bigint[], $25::bigint[], $26::bigint[], $27::boolean[], $28::bigint[],
    $29::bigint[], $30::bigint[], $31::bigint[], $32::bigint[], $33::bigint[], $34::text[], $35::boolean[],
    $36::bigint[], $37::boolean[], $38::text[], $39::jsonb[]
)
