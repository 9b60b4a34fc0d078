"""Histograms: what a quantile may be off by, and that parts add up to the whole."""

import math
from decimal import ROUND_CEILING, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.latency import BASE, Histogram, Times, class_of, latency_of
from usage_graph.usage import MAX_DURATION_US, Totals

times = st.one_of(st.integers(0, 5000), st.integers(0, MAX_DURATION_US))
samples = st.lists(times, min_size=1, max_size=200)


def nearest_rank(sample: list[int], q: float) -> int:
    return sorted(sample)[max(1, math.ceil(q * len(sample))) - 1]


@given(samples, st.sampled_from([0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_quantile_is_less_than_two_percent_off(sample: list[int], q: float) -> None:
    true, answered = nearest_rank(sample, q), Histogram.of(sample).quantile(q)
    assert answered is not None
    assert abs(answered - true) < 0.02 * true if true else answered < 1


@given(samples)
def test_the_maximum_is_a_bound_that_is_less_than_four_percent_off(sample: list[int]) -> None:
    answered = Histogram.of(sample).max
    assert answered is not None
    longest = max(1, *sample)
    assert longest * (1 - 1e-12) <= answered < 1.04 * longest


@given(*[st.lists(times, max_size=50)] * 3)
def test_histograms_of_parts_are_that_of_the_whole(a: list[int], b: list[int], c: list[int]) -> None:
    first, second, third = map(Histogram.of, (a, b, c))
    whole = Histogram.of([*a, *b, *c])
    assert first.plus(second).plus(third) == first.plus(second.plus(third)) == third.plus(first).plus(second) == whole
    assert whole.calls == len(a) + len(b) + len(c)
    parts = (Totals(calls=len(part), durations=Histogram.of(part), first_tokens=Histogram.of(part)) for part in (a, b))
    assert next(parts).plus(next(parts)) == Totals(
        calls=len(a) + len(b), durations=first.plus(second), first_tokens=first.plus(second)
    )


def test_every_time_up_to_a_week_is_in_its_class() -> None:
    """Floating point would be wrong only next to a bound, so the numbers on both sides of every bound are looked at."""
    with localcontext(prec=60):
        base = Decimal("1.04")
        for k in range(1, class_of(MAX_DURATION_US) + 1):
            bound = int(base**k)
            for time in {max(bound, 2), bound + 1}:
                exact = (Decimal(time).ln() / base.ln()).to_integral_value(ROUND_CEILING)
                assert class_of(time) == exact, time
    assert [class_of(time) for time in (0, 1, 2)] == [0, 0, math.ceil(math.log(2, BASE))]


def test_no_time_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None
    assert Histogram().max is None
    nothing = Totals().latency
    assert (nothing.avg_ms, nothing.p50_ms, nothing.p99_ms, nothing.max_ms, nothing.tokens_per_second) == (None,) * 5
    assert nothing.first_token == (0, None, None, None, None, None)


def test_what_cancels_out_is_not_there() -> None:
    assert Histogram.adding([(3, 2), (5, 1), (3, -2)]) == Histogram(((5, 1),))


def test_latency_is_in_milliseconds() -> None:
    slow = Histogram.of([1_000_000] * 99 + [60_000_000])
    answer = latency_of(Times(100, 159_000_000, slow), Times(2, 3_000, Histogram.of([1_000, 2_000])), 12.5)
    assert answer.avg_ms == 1590
    assert answer.p50_ms == pytest.approx(1000, rel=0.02)
    assert answer.p99_ms == pytest.approx(1000, rel=0.02)
    assert answer.max_ms == pytest.approx(60_000, rel=0.04)
    assert answer.first_token.calls == 2
    assert answer.first_token.avg_ms == 1.5
    assert answer.first_token.p50_ms == pytest.approx(1, rel=0.02)
    assert answer.tokens_per_second == 12.5


def test_tokens_per_second_are_of_calls_that_took_time() -> None:
    assert Totals(timed_output_tokens=30, timed_output_us=1_500_000).latency.tokens_per_second == 20
    assert Totals(timed_output_tokens=0, timed_output_us=10).latency.tokens_per_second == 0
