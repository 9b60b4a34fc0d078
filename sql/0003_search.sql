-- What `search` looks through, as one text: a unit separator between the fields keeps a match inside one of them.
CREATE FUNCTION usage_search_text(
    name text, agent text, conversation text, user_id text, request_model text, response_model text
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN
    coalesce(name, '') || E'\x1f' || coalesce(agent, '') || E'\x1f' || coalesce(conversation, '') || E'\x1f'
    || coalesce(user_id, '') || E'\x1f' || coalesce(response_model, request_model, '');

CREATE FUNCTION usage_search_key(
    name text, agent text, conversation text, user_id text, request_model text, response_model text
) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN md5(usage_search_text(name, agent, conversation, user_id, request_model, response_model))::uuid;

-- Calls are many, the texts that they can be found by are few (about one per conversation and model). So the texts
-- are kept once each, and a search finds texts first, then their calls. Trigrams of every call's text would cost a
-- third of all writing, and twice the room of the index by key.
CREATE TABLE usage_label (
    key uuid NOT NULL,
    project text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    PRIMARY KEY (project, key)
);

CREATE INDEX usage_record_label ON usage_record (
    project, usage_search_key(name, agent, conversation, user_id, request_model, response_model), started_at, id
);

-- Ordered by key, so that concurrent batches never wait for each other in a circle.
CREATE FUNCTION usage_label_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_label (project, key, label)
    SELECT DISTINCT
        a.project,
        usage_search_key(a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model),
        usage_search_text(a.name, a.agent, a.conversation, a.user_id, a.request_model, a.response_model)
    FROM added AS a
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER usage_label_insert AFTER INSERT ON usage_record REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added();

CREATE TRIGGER usage_label_update AFTER UPDATE ON usage_record REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION usage_label_added();

-- Texts compare by bytes; COLLATE "default" lets the database's locale say what upper and lower case are.
-- Searches find substrings by their trigrams where the extension exists and this role may create it; elsewhere they
-- read the texts one by one.
DO $$
DECLARE
    home regnamespace;
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        -- It may be there already, in a schema that is not searched.
        SELECT extnamespace INTO home FROM pg_extension WHERE extname = 'pg_trgm';
        EXECUTE format(
            'CREATE INDEX usage_label_search ON usage_label USING gin ((label COLLATE "default") %s.gin_trgm_ops)', home
        );
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'pg_trgm may not be created by this role: searches will be slower.';
END $$;
