-- What was said before $1 is quoted: later calls have records, and say it again wherever these are copied to.
SELECT
    project,
    conversation,
    first_at,
    last_at,
    CASE WHEN (title).at < $1 THEN (title).at END,
    CASE WHEN (title).at < $1 THEN (title).record END,
    CASE WHEN (title).at < $1 THEN (title).said END,
    CASE WHEN (agent).at < $1 THEN (agent).at END,
    CASE WHEN (agent).at < $1 THEN (agent).record END,
    CASE WHEN (agent).at < $1 THEN (agent).said END,
    CASE WHEN (channel).at < $1 THEN (channel).at END,
    CASE WHEN (channel).at < $1 THEN (channel).record END,
    CASE WHEN (channel).at < $1 THEN (channel).said END,
    CASE WHEN (user_id).at < $1 THEN (user_id).at END,
    CASE WHEN (user_id).at < $1 THEN (user_id).record END,
    CASE WHEN (user_id).at < $1 THEN (user_id).said END
FROM usage_conversation
WHERE first_at < $1
ORDER BY project, conversation
