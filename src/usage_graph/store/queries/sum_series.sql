SELECT
    width_bucket(c.at, {bounds}::timestamptz[]) - 1 AS point,
    {sums}
FROM ({cells}) AS c
GROUP BY 1
