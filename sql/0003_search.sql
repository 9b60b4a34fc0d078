-- What `search` looks through, as one text: a unit separator between the fields keeps a match inside one of them.
CREATE FUNCTION usage_search_text(
    name text, agent text, conversation text, user_id text, request_model text, response_model text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN
    coalesce(name, '') || E'\x1f' || coalesce(agent, '') || E'\x1f' || coalesce(conversation, '') || E'\x1f'
    || coalesce(user_id, '') || E'\x1f' || coalesce(response_model, request_model, '');

-- The columns compare by bytes; COLLATE "default" lets the database's locale say what upper and lower case are.
-- Searches find substrings by their trigrams where the extension exists and this role may create it; elsewhere they
-- read the window's records one by one.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE INDEX usage_record_search ON usage_record USING gin (
            (usage_search_text(name, agent, conversation, user_id, request_model, response_model) COLLATE "default")
            gin_trgm_ops
        );
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'pg_trgm may not be created by this role: searches will be slower.';
END $$;
