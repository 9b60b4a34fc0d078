-- Flags of the spans of stored calls: key $1 gets $2.
UPDATE usage_identity AS i
SET flags = nullif(given.flags, 0)
FROM unnest($1::uuid[], $2::smallint[]) AS given (key, flags)
WHERE i.key = given.key
