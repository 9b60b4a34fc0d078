SELECT {columns}
FROM {rollup}
WHERE bucket < $1
