-- engine: postgresql
-- Whether the newest call that has a label is found without reading its others: usage_record_label is kept of every call.
CREATE FUNCTION usage_finds_by_label() RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN true;
