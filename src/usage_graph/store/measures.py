"""What rollups sum, and what one record adds to it, in SQL. Pure."""

MEASURES = {
    "calls": "1",
    "failed_calls": "r.failed::int",
    "unpriced_calls": "(r.cost_nano IS NULL)::int",
    "unmeasured_calls": "(r.input_tokens IS NULL AND r.output_tokens IS NULL)::int",
    "input_tokens": "coalesce(r.input_tokens, 0)",
    "output_tokens": "coalesce(r.output_tokens, 0)",
    "cache_read_tokens": "coalesce(r.cache_read_tokens, 0)",
    "cache_write_tokens": "coalesce(r.cache_write_tokens, 0)",
    "reasoning_tokens": "coalesce(r.reasoning_tokens, 0)",
    "cost_nano": "coalesce(r.cost_nano, 0)",
    "credits_nano": "r.credits_nano",
    "duration_us": "r.duration_us",
    "suspect_calls": "r.suspect::int",
    "cache_write_1h_tokens": "coalesce(r.cache_write_1h_tokens, 0)",
    "input_cost_nano": "coalesce(r.input_cost_nano, 0)",
    "cache_read_cost_nano": "coalesce(r.cache_read_cost_nano, 0)",
    "cache_write_cost_nano": "coalesce(r.cache_write_cost_nano, 0)",
    "output_cost_nano": "coalesce(r.output_cost_nano, 0)",
    "unpriced_input_tokens": "CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END",
    "unpriced_output_tokens": "CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END",
    "timed_calls": "(r.duration_us > 0)::int",
    "timed_output_tokens": "CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END",
    "timed_output_us": "CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END",
    "first_token_calls": "(r.first_token_us IS NOT NULL)::int",
    "first_token_us": "coalesce(r.first_token_us, 0)",
    "durations": "usage_time_class(nullif(r.duration_us, 0))",
    "first_tokens": "usage_time_class(r.first_token_us)",
}
"""The measures of the rollups, and what one record adds to each: ``usage_measure`` in ``sql/``. To a histogram it adds
one to a class, or with null nothing."""

HISTOGRAMS = ("durations", "first_tokens")
"""Those measures that are arrays of entries, class * 2^40 + calls (``usage_histogram`` in ``sql/``)."""

NUMERIC = ("credits_nano",)
"""Those that rollups hold as ``numeric``: a credit may be as small as a token is, and sums of 1e-9 credits can leave
64 bits."""


def amount(measure: str, *, mixed: bool) -> str:
    """What a record has where a rollup has ``measure``; where both are ``mixed``, of the same type: else the planner
    would convert each row of the whole, and read columns that nobody needs."""
    added = MEASURES[measure]
    if measure in HISTOGRAMS:
        return f"array_remove(ARRAY[({added} << 40) + 1], NULL)"
    return f"({added})::{'numeric' if mixed and measure in NUMERIC else 'bigint'}"
