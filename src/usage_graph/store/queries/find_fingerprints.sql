-- Stored observations of other instrumentations that may be of the same calls as those given: of one size, one within
-- the other's time (5 ms are within what clocks are read apart), of a call that the given one's has not told of yet and
-- that has no other response id. Of many such calls the nearest, as many as are asked for, with all that was seen of
-- them.
SELECT
    seen.project, seen.size, seen.started_at, seen.ended_at, seen.output_tokens, seen.scope, seen.response_id,
    seen.call_started_at, seen.call
FROM (
    SELECT DISTINCT given.project, near.call_started_at, near.call
    FROM unnest(
        $1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::bigint[], $7::text[],
        $8::text[], $9::bigint[]
    ) AS given (observation, project, size, started_at, ended_at, output_tokens, scope, response_id, most)
    CROSS JOIN LATERAL (
        SELECT f.call_started_at, f.call
        FROM usage_fingerprint AS f
        WHERE
            f.project = given.project COLLATE "C" AND f.size = given.size
            AND f.started_at BETWEEN given.started_at - INTERVAL '1 hour' AND given.ended_at + INTERVAL '5 milliseconds'
            AND f.scope <> given.scope
            AND abs(coalesce(f.output_tokens, 0) - coalesce(given.output_tokens, 0)) <= 1
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
                    AND (told.scope = given.scope OR told.response_id <> given.response_id)
            )
        GROUP BY f.call_started_at, f.call
        -- Of those that are as near, others for each of the given ones.
        ORDER BY min(abs(extract(epoch FROM f.started_at - given.started_at))), f.call # given.observation
        LIMIT given.most
    ) AS near
) AS known
JOIN usage_fingerprint AS seen
    ON
        seen.project = known.project COLLATE "C" AND seen.call_started_at = known.call_started_at
        AND seen.call = known.call
