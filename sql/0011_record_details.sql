-- More of a call: how long it took until its first token, the user's turn that it belongs to where the application says
-- so (else that is its trace), whether the application said its credits, and the values of declared attributes
-- (USAGE_GRAPH_ATTRIBUTES) as an object of texts.
ALTER TABLE usage_record ADD COLUMN first_token_us bigint;
ALTER TABLE usage_record ADD COLUMN credits_reported boolean NOT NULL DEFAULT false;
ALTER TABLE usage_record ADD COLUMN turn text COLLATE "C";
ALTER TABLE usage_record ADD COLUMN attributes jsonb;

ALTER TABLE usage_observation ADD COLUMN first_token_us bigint;
ALTER TABLE usage_observation ADD COLUMN credits_reported boolean NOT NULL DEFAULT false;
ALTER TABLE usage_observation ADD COLUMN turn text COLLATE "C";
ALTER TABLE usage_observation ADD COLUMN attributes jsonb;

-- Until now credits came from applications alone.
UPDATE usage_record SET credits_reported = true WHERE credits_nano > 0;
UPDATE usage_observation SET credits_reported = true WHERE credits_nano > 0;
