-- What was consumed from each of some instants until the next.
SELECT width_bucket(c.at, {bounds}::timestamptz[]) AS stretch, sum(c.credits_nano) AS credits_nano
FROM ({cells}) AS c
GROUP BY 1
