-- engine: postgresql
-- The histogram of all parts, as TimescaleDB has it since 0012.
CREATE AGGREGATE usage_histogram_sum(bigint[]) (
    SFUNC = array_cat, STYPE = bigint[], COMBINEFUNC = array_cat, FINALFUNC = usage_histogram, INITCOND = '{}',
    PARALLEL = SAFE
);
