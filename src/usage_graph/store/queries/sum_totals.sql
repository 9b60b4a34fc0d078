SELECT {sums}
FROM ({cells}) AS c
