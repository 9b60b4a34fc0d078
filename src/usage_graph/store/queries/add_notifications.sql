-- $1: channel; $2: payloads, at most 7,999 bytes each. They are told to whoever listens when the transaction ends.
SELECT pg_notify($1, payload) FROM unnest($2::text []) AS payload
