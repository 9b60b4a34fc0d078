-- Records from before the time since when they are kept are gone, even where they have not been removed yet.
SELECT freshness.data_through, freshness.materialized_through
FROM usage_retention AS retention
LEFT JOIN usage_freshness($1) AS freshness
    ON freshness.data_through >= coalesce(retention.kept_since, '-infinity')
