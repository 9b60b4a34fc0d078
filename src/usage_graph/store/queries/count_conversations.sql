SELECT count(*)
FROM (SELECT DISTINCT c.conversation FROM ({cells}) AS c WHERE c.conversation IS NOT NULL) AS c
LEFT JOIN {known} AS k ON k.conversation = c.conversation
WHERE {searched}
