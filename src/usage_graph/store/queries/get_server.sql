-- TimescaleDB can be installed only where its library is loaded at start, which shows by its settings.
SELECT
    current_setting('server_version') AS postgresql,
    coalesce(installed.extversion, available.default_version) AS timescaledb,
    installed.extversion IS NOT NULL AS installed,
    CASE WHEN installed.extversion IS NOT NULL THEN current_setting('timescaledb.license', true) END AS licence
FROM (SELECT) AS one
LEFT JOIN pg_extension AS installed ON installed.extname = 'timescaledb'
LEFT JOIN pg_available_extensions AS available
    ON available.name = 'timescaledb' AND EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%')
