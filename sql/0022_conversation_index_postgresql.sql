-- engine: postgresql
--
-- The records of a conversation are found by its hash, and then compared: conversations of one hash do no harm, so that
-- a quick one will do. COALESCE keeps the planner from taking both
-- for independent, and one row for what may be very many. TimescaleDB's columnstore is better off with the names.
CREATE FUNCTION usage_text_hash(project text, said text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN hashtextextended((project || E'\x1f' || said) COLLATE "C", 0);

CREATE FUNCTION usage_text_hashes(project text, said text []) RETURNS bigint [] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT usage_text_hash(project, one) FROM unnest(said) AS given (one));

CREATE OR REPLACE FUNCTION usage_in_conversation(
    project text, conversation text, wanted_project text, wanted text
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN usage_text_hash(project, conversation) = usage_text_hash(wanted_project, wanted)
    AND coalesce(conversation COLLATE "C" = wanted, false);

CREATE OR REPLACE FUNCTION usage_in_conversations(
    project text, conversation text, wanted_project text, wanted text []
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN usage_text_hash(project, conversation) = ANY(usage_text_hashes(wanted_project, wanted))
    AND coalesce(conversation COLLATE "C" = ANY(wanted), false);

DROP INDEX usage_record_conversation, usage_record_title;
CREATE INDEX usage_record_conversation ON usage_record (
    usage_text_hash(project, conversation), started_at DESC, id DESC
) WHERE conversation IS NOT NULL;
CREATE INDEX usage_record_title ON usage_record (
    usage_text_hash(project, conversation), started_at DESC, id DESC
) WHERE conversation IS NOT NULL AND name IS NOT NULL;
