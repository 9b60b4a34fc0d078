-- Prices of one project: they go before those of all projects, whose `project` is null.
ALTER TABLE usage_price ADD COLUMN project text COLLATE "C";
ALTER TABLE usage_price DROP CONSTRAINT usage_price_model_provider_since_key;
ALTER TABLE usage_price ADD UNIQUE NULLS NOT DISTINCT (project, model, provider, since);
