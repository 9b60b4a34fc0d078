INSERT INTO usage_ancestor (project, span, parent, conversation, user_id, agent, channel)
SELECT DISTINCT ON (given.project COLLATE "C", given.span) given.*
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS given (project, span, parent, conversation, user_id, agent, channel)
ORDER BY given.project COLLATE "C", given.span
ON CONFLICT DO NOTHING
