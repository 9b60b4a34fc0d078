SELECT {count} AS calls
FROM ({cells}) AS c
