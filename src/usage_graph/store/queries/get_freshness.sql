SELECT data_through, materialized_through
FROM usage_freshness($1)
