INSERT INTO usage_conversation AS kept (project, conversation, first_at, last_at, title, agent, channel, user_id)
SELECT
    given.project,
    given.conversation,
    given.first_at,
    given.last_at,
    CASE WHEN given.title IS NOT NULL THEN (given.title_at, given.title_record, given.title)::usage_quote END,
    CASE WHEN given.agent IS NOT NULL THEN (given.agent_at, given.agent_record, given.agent)::usage_quote END,
    CASE WHEN given.channel IS NOT NULL THEN (given.channel_at, given.channel_record, given.channel)::usage_quote END,
    CASE WHEN given.user_id IS NOT NULL THEN (given.user_id_at, given.user_id_record, given.user_id)::usage_quote END
FROM unnest(
    $1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::bigint[],
    $7::text[], $8::timestamptz[], $9::bigint[], $10::text[], $11::timestamptz[], $12::bigint[],
    $13::text[], $14::timestamptz[], $15::bigint[], $16::text[]
) AS given (
    project, conversation, first_at, last_at,
    title_at, title_record, title,
    agent_at, agent_record, agent,
    channel_at, channel_record, channel,
    user_id_at, user_id_record, user_id
)
ON CONFLICT (project, conversation) DO UPDATE SET
    first_at = least(kept.first_at, excluded.first_at),
    last_at = greatest(kept.last_at, excluded.last_at),
    title = greatest(kept.title, excluded.title),
    agent = greatest(kept.agent, excluded.agent),
    channel = greatest(kept.channel, excluded.channel),
    user_id = greatest(kept.user_id, excluded.user_id)
