-- Keys of another database, by columns. One that is here already is revoked here, too, where it is there.
INSERT INTO usage_key (id, access, project, user_id, agent, label, created_at, expires_at, revoked_at, digest)
SELECT *
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
    $9::timestamptz[], $10::bytea[]
)
ON CONFLICT (id) DO UPDATE SET revoked_at = coalesce(usage_key.revoked_at, excluded.revoked_at)
