-- Flags of the spans of stored calls: key $2 of project $1 gets $3.
UPDATE usage_identity AS i
SET flags = given.flags
FROM unnest($1::text[], $2::bytea[], $3::smallint[]) AS given (project, key, flags)
WHERE i.project = given.project COLLATE "C" AND i.kind = 1 AND i.key = given.key
