INSERT INTO pg_temp.usage_staging_identity
SELECT *
FROM unnest(
    $1::smallint[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::smallint[], $6::bigint[], $7::uuid[], $8::bigint[]
)
