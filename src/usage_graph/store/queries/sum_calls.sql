SELECT usage_sum(c.calls) AS calls
FROM ({cells}) AS c
