INSERT INTO {table} ({columns})
SELECT {values}
FROM unnest({arrays}) AS p ({columns})
