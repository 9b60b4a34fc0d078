SELECT project, conversation, turn, model, first_at, last_at
FROM usage_turn
WHERE first_at < $1
ORDER BY project, conversation, turn, model
