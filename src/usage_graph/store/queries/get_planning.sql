-- How small questions are best planned here: a plan for any window considers all chunks of a hypertable each time.
SELECT CASE
    WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN 'force_custom_plan'
    ELSE 'force_generic_plan'
END AS plan_cache_mode
