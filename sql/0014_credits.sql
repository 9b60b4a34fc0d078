-- Credits, by project. Rules: what calls consume that do not say so themselves, in credits per call and per 1,000
-- tokens; null in a name: any, null in an amount: not stated. Plans: how many nano-credits are included in each period
-- of the zone's calendar, and what an additional credit costs in USD. Each is in force from `since` on; null: since ever.
-- Names of models are folded by the program.
CREATE TABLE usage_credit_rule (
    since timestamptz,
    set_at timestamptz NOT NULL DEFAULT now(),
    project text COLLATE "C" NOT NULL,
    model text COLLATE "C",
    channel text COLLATE "C",
    per_call numeric CHECK (per_call >= 0),
    per_1k_tokens numeric CHECK (per_1k_tokens >= 0),
    CHECK (per_call IS NOT NULL OR per_1k_tokens IS NOT NULL),
    UNIQUE NULLS NOT DISTINCT (project, model, channel, since)
);

CREATE TABLE usage_credit_plan (
    since timestamptz,
    set_at timestamptz NOT NULL DEFAULT now(),
    project text COLLATE "C" NOT NULL,
    period text COLLATE "C" NOT NULL CHECK (period IN ('DAY', 'WEEK', 'MONTH', 'YEAR')),
    zone text COLLATE "C" NOT NULL,
    included_nano numeric NOT NULL CHECK (included_nano >= 0),
    price numeric NOT NULL CHECK (price >= 0),
    UNIQUE NULLS NOT DISTINCT (project, since)
);
