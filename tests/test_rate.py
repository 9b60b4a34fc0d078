"""What one caller may take in a minute, on a clock that a test turns."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usage_graph import rate
from usage_graph.grant import Access, Grant, attach
from usage_graph.rate import Allowance, RateLimits, caller_of


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_bucket_is_emptied_and_fills_again(clock: Clock) -> None:
    limits = RateLimits(600, clock=clock)
    assert limits.take("a", 400) == Allowance(200, 0)
    assert limits.take("a", 200) == Allowance(0, 0)
    # Ten points a second.
    assert limits.take("a", 1) == Allowance(0, 1)
    assert limits.take("a", 95) == Allowance(0, 10)
    clock.seconds += 9.4
    assert limits.take("a", 95) == Allowance(94, 1)
    assert limits.take("a", 94) == Allowance(0, 0)
    clock.seconds += 3600
    assert limits.take("a", 0) == Allowance(600, 0)


def test_each_caller_has_a_bucket(clock: Clock) -> None:
    limits = RateLimits(10, clock=clock)
    assert limits.take("a", 10).granted
    assert not limits.take("a", 10).granted
    assert limits.take("b", 10) == Allowance(0, 0)


def test_what_is_refused_takes_nothing(clock: Clock) -> None:
    limits = RateLimits(60, clock=clock)
    limits.take("a", 50)
    for _ in range(100):
        assert limits.take("a", 20) == Allowance(10, 10)
    assert limits.take("a", 10).granted


def test_more_than_a_minute_s_points_are_granted_once_and_paid_off(clock: Clock) -> None:
    limits = RateLimits(60, clock=clock)
    assert limits.take("a", 1) == Allowance(59, 0)
    assert limits.take("a", 300) == Allowance(59, 1)
    clock.seconds += 1
    assert limits.take("a", 300) == Allowance(0, 0)
    assert limits.take("a", 1) == Allowance(0, 241)
    clock.seconds += 241
    assert limits.take("a", 1) == Allowance(0, 0)


def test_none_is_no_limit(clock: Clock) -> None:
    limits = RateLimits(0, clock=clock)
    assert all(limits.take("a", 10**9).granted for _ in range(100))
    assert not limits._left


def test_those_who_are_silent_are_forgotten(clock: Clock) -> None:
    limits = RateLimits(60, clock=clock)
    for number in range(1000):
        limits.take(str(number), 60)
    assert len(limits._left) == 1000
    clock.seconds += 60
    limits.take("a", 1)
    assert list(limits._left) == ["a"]


def test_of_too_many_the_one_who_was_silent_longest_is_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_CALLERS", 100)
    limits = RateLimits(60, clock=clock)
    limits.take("busy", 60)
    for number in range(250):
        limits.take(str(number), 60)
        assert not limits.take("busy", 1).granted
        assert len(limits._left) <= 101
    assert limits.take("0", 60).granted


@given(st.integers(1, 10_000), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20_000)), max_size=40))
@settings(max_examples=200)
def test_nobody_gets_more_than_the_rate_and_whoever_waits_as_told_is_served(
    per_minute: int, wishes: list[tuple[int, int]]
) -> None:
    clock = Clock()
    limits = RateLimits(per_minute, clock=clock)
    granted: list[tuple[float, int]] = []
    for pause, cost in wishes:
        clock.seconds += pause
        allowance = limits.take("a", cost)
        if not allowance.granted:
            before = clock.seconds
            clock.seconds += allowance.retry_after - 1
            if allowance.retry_after > 1:
                assert not limits.take("a", cost).granted
            clock.seconds = before + allowance.retry_after
            assert limits.take("a", cost).granted
        granted.append((clock.seconds, cost))
    # From any grant on: a bucketful, what the time brought, and what the last one may owe.
    for number, (start, _) in enumerate(granted):
        for end_number in range(number, len(granted)):
            end, last = granted[end_number]
            took = sum(cost for _, cost in granted[number:end_number])
            brought = per_minute + Fraction(end - start) * per_minute / 60
            assert took + min(last, per_minute) <= brought + 1


def scope(client: tuple[str, int] | None, grant: Grant | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "http", "client": client}
    attach(made, grant or Grant(Access.ADMIN))
    return made


@pytest.mark.parametrize(
    ("client", "who"),
    [
        (("192.0.2.7", 5), "address 192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5), "address 2001:db8:1:2::"),
        (("fe80::1%eth0", 5), "address fe80::"),
        (("::ffff:192.0.2.7", 5), "address ::ffff:192.0.2.7"),
        (("testclient", 5), "address testclient"),
        (None, "address "),
    ],
)
def test_callers_without_a_key_are_told_apart_by_address(client: tuple[str, int] | None, who: str) -> None:
    assert caller_of(scope(client)) == who


def test_callers_with_a_key_are_told_apart_by_it_alone() -> None:
    found = {caller_of(scope((host, 5), Grant(Access.READ, key="one"))) for host in ("192.0.2.7", "192.0.2.8")}
    assert found == {"key one"}


def test_whoever_did_not_come_in_through_the_door_is_nobody() -> None:
    with pytest.raises(KeyError):
        caller_of({"type": "http", "client": ("192.0.2.7", 5)})
