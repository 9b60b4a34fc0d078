-- The user's own prices, of the whole database. Rates are USD per million tokens, `per_call` is USD; null: cache reads
-- and writes as input, writes for an hour as writes, reasoning as output. In force from `since` on; null: since ever.
-- Names are folded by the program: models and providers in lower case.
CREATE TABLE usage_price (
    since timestamptz,
    set_at timestamptz NOT NULL DEFAULT now(),
    model text COLLATE "C" NOT NULL,
    provider text COLLATE "C",
    input numeric NOT NULL CHECK (input >= 0),
    output numeric NOT NULL CHECK (output >= 0),
    cache_read numeric CHECK (cache_read >= 0),
    cache_write numeric CHECK (cache_write >= 0),
    cache_write_1h numeric CHECK (cache_write_1h >= 0),
    reasoning numeric CHECK (reasoning >= 0),
    per_call numeric NOT NULL CHECK (per_call >= 0),
    UNIQUE NULLS NOT DISTINCT (model, provider, since)
);
