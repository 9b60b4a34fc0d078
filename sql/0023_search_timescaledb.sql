-- engine: timescaledb
-- Whether the newest call that has a label is found without reading its others: no index tells that of the columnstore.
CREATE FUNCTION usage_finds_by_label() RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN false;
