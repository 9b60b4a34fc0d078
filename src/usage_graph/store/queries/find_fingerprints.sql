-- Stored observations of other instrumentations that may be of the same calls as those given: of one size, one within
-- the other's time (5 ms are within what clocks are read apart), of a call that the given one's has not told of yet. Of
-- many that run at once the nearest few, as one of them is as good as another.
SELECT
    given.observation, near.started_at, near.ended_at, near.output_tokens, near.scope, near.response_id,
    near.call_started_at, near.call
FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    AS given (observation, project, size, scope, started_at, ended_at)
CROSS JOIN LATERAL (
    SELECT f.*
    FROM usage_fingerprint AS f
    WHERE
        f.project = given.project COLLATE "C" AND f.size = given.size
        AND f.started_at BETWEEN given.started_at - INTERVAL '1 hour' AND given.ended_at + INTERVAL '5 milliseconds'
        AND f.scope <> given.scope
        AND (
            (
                f.started_at >= given.started_at - INTERVAL '5 milliseconds'
                AND f.ended_at <= given.ended_at + INTERVAL '5 milliseconds'
            )
            OR (
                given.started_at >= f.started_at - INTERVAL '5 milliseconds'
                AND given.ended_at <= f.ended_at + INTERVAL '5 milliseconds'
            )
        )
        AND NOT EXISTS (
            SELECT FROM usage_fingerprint AS told
            WHERE
                told.project = f.project AND told.call_started_at = f.call_started_at AND told.call = f.call
                AND told.scope = given.scope
        )
    -- Of those that are as near, others for each of the given ones.
    ORDER BY abs(extract(epoch FROM f.started_at - given.started_at)), f.call # given.observation
    LIMIT 100
) AS near
