"""Counts of what was received: nothing gets lost between tally and whoever takes it, and nothing grows without end."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph import health
from usage_graph.health import MAX_DETAIL, MAX_DETAILS, OTHER, Count, Health, Outcome, Tally, health_of
from usage_graph.observation import MergeReason, Written

START = datetime(2026, 4, 1, tzinfo=UTC)

Told = tuple[str, Outcome, str, int]
TOLD = st.tuples(
    st.sampled_from(["a", "b"]), st.sampled_from(Outcome), st.sampled_from(["", "x", "y"]), st.integers(1, 9)
)


def ticking() -> Callable[[], datetime]:
    """A clock that is a second later each time."""
    now = START

    def tick() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    return tick


@given(st.lists(TOLD | st.just("take") | st.just("give back"), max_size=60))
def test_whatever_is_taken_and_given_back_the_sums_are_those_of_what_was_told(steps: list[Told | str]) -> None:
    tally = Tally(clock=ticking())
    told: dict[tuple[str, Outcome, str], list[tuple[int, datetime]]] = {}
    taken: list[Count] = []
    when = START
    for step in steps:
        match step:
            case "take":
                taken += tally.take()
            case "give back":
                tally.give_back(taken)
                taken = []
            case (project, outcome, detail, count):
                when += timedelta(seconds=1)
                told.setdefault((project, outcome, detail), []).append((count, when))
                tally.tell(project, outcome, detail, count)

    found: dict[tuple[str, Outcome, str], Count] = {}
    for one in [*taken, *tally.take()]:
        key = (one.project, one.outcome, one.detail)
        found[key] = found[key].plus(one) if key in found else one
    assert found == {
        key: Count(*key, sum(count for count, _ in ones), min(t for _, t in ones), max(t for _, t in ones))
        for key, ones in told.items()
    }
    assert tally.take() == []


def test_details_beyond_the_first_are_counted_together() -> None:
    tally = Tally(clock=ticking())
    for number in range(3 * MAX_DETAILS):
        tally.tell("a", Outcome.UNRECOGNISED, f"scope {number}", 1)
        tally.tell("a", Outcome.REJECTED, f"reason {number % 3}", 1)
    counts = Counter({(c.outcome, c.detail): c.count for c in tally.take()})

    assert counts[Outcome.UNRECOGNISED, OTHER] == 2 * MAX_DETAILS
    assert counts[Outcome.UNRECOGNISED, "scope 0"] == 1
    assert counts[Outcome.REJECTED, "reason 0"] == MAX_DETAILS
    assert len(counts) == MAX_DETAILS + 1 + 3
    assert counts.total() == 6 * MAX_DETAILS


def test_they_stay_so_few_when_they_are_given_back() -> None:
    tally = Tally(clock=ticking())
    for _ in range(3):
        taken = tally.take()
        for number in range(2 * MAX_DETAILS):
            tally.tell("a", Outcome.UNRECOGNISED, f"scope {number}", 1)
        tally.give_back(taken)
    counts = tally.take()
    assert len(counts) == MAX_DETAILS + 1
    assert sum(count.count for count in counts) == 6 * MAX_DETAILS


def test_projects_beyond_the_bound_are_lost_and_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MAX_COUNTS", 5)
    tally = Tally(clock=ticking())
    for number in range(8):
        tally.tell(f"project {number}", Outcome.ACCEPTED, "traces", 2)
    tally.tell("project 0", Outcome.ACCEPTED, "traces", 1)

    assert [count.count for count in tally.take()] == [3, 2, 2, 2, 2]
    assert tally.lost == 6


@given(st.text(max_size=300))
def test_every_listener_hears_words_that_can_be_shown(detail: str) -> None:
    heard: list[Told] = []

    def listen(*told: str | Outcome | int) -> None:
        heard.append(told)  # type: ignore[arg-type]

    Health(listen, listen).tell("p", Outcome.REJECTED, detail, 2)

    assert heard[0] == heard[1]
    (_, outcome, shown, count), _ = heard
    assert (outcome, count) == (Outcome.REJECTED, 2)
    assert shown.isprintable()
    assert len(shown) <= MAX_DETAIL
    shown.encode()
    if detail.isprintable():
        assert shown == detail[:MAX_DETAIL]


def test_what_was_written_is_told_but_not_that_nothing_was() -> None:
    tally = Tally(clock=ticking())
    told = Health(tally.tell)
    told.tell_written("p", Written(stored=3, merged={MergeReason.NESTED: 2, MergeReason.REQUEST_ID: 1}))
    told.tell_written("p", Written(repeated=4, completed=5))

    assert {(c.project, c.outcome, c.detail): c.count for c in tally.take()} == {
        ("p", Outcome.STORED, ""): 3,
        ("p", Outcome.MERGED, "nested"): 2,
        ("p", Outcome.MERGED, "request_id"): 1,
        ("p", Outcome.REPEATED, ""): 4,
        ("p", Outcome.COMPLETED, ""): 5,
    }


def test_what_nobody_was_told_of_is_nothing() -> None:
    assert health_of([]) == (None, None, 0, 0, 0, 0, [], 0, 0, 0, [], 0, [])


def test_a_reason_that_this_program_does_not_know_is_in_the_sum_alone() -> None:
    found = health_of(Count("p", Outcome.MERGED, detail, 1, START, START) for detail in ("nested", "telepathy"))
    assert (found.merged, found.merged_by) == (2, [(MergeReason.NESTED, 1)])
