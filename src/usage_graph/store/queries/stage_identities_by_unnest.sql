INSERT INTO pg_temp.usage_staging_identity
SELECT *
FROM unnest(
    $1::text[], $2::smallint[], $3::bytea[], $4::timestamptz[], $5::bigint[], $6::smallint[], $7::bigint[],
    $8::bytea[], $9::bigint[]
)
