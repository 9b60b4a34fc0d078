"""What becomes of everything that is sent here, counted: for the server's own metrics and for whoever wonders."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from usage_graph.observation import MergeReason, Written

MAX_DETAIL = 200
MAX_DETAILS = 64
"""Details that are told apart in one outcome of one project: senders choose them, so there could be any number."""
MAX_COUNTS = 10_000
"""Counts that are kept at once, of all projects together."""
OTHER = "(other)"
"""What is counted in place of a detail that came when there were enough."""


class Outcome(StrEnum):
    """What became of a span, a log record or a data point. The detail that is counted with it is given in brackets."""

    ACCEPTED = "accepted"
    """Received, whatever became of it then. [signal]"""
    STORED = "stored"
    """A call of its own."""
    REPEATED = "repeated"
    """Known already."""
    MERGED = "merged"
    """Told of a call that is known. [reason]"""
    COMPLETED = "completed"
    """A call that learned from a span above it whom it was for."""
    NOT_LLM = "not_llm"
    """No LLM call."""
    REJECTED = "rejected"
    """[reason]"""
    UNRECOGNISED = "unrecognised"
    """Has token counts, and no rule says what it is. [scope]"""


Tell = Callable[[str, Outcome, str, int], None]
"""Takes project, outcome, detail (empty where there is none) and how many; never raises, and never waits."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many of one outcome and detail a project had, and between when."""

    project: str
    outcome: Outcome
    detail: str
    count: int
    first_seen: datetime
    last_seen: datetime

    def plus(self, other: "Count") -> "Count":
        """Both together; they are of the same project, outcome and detail."""
        return Count(
            self.project,
            self.outcome,
            self.detail,
            self.count + other.count,
            min(self.first_seen, other.first_seen),
            max(self.last_seen, other.last_seen),
        )


class Tally:
    """Counts since they were last taken, in bounded memory.

    Of one project's outcome the first ``MAX_DETAILS`` details are told apart and the others counted as ``OTHER``.
    Where ``MAX_COUNTS`` wait to be taken, what would be another one is only added to ``lost``.
    """

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self.lost = 0
        self._clock = clock
        self._counts: dict[tuple[str, Outcome, str], Count] = {}
        self._details: Counter[tuple[str, Outcome]] = Counter()

    def tell(self, project: str, outcome: Outcome, detail: str, count: int) -> None:
        """A ``Tell``."""
        now = self._clock()
        self._add(Count(project, outcome, detail, count, now, now))

    def take(self) -> list[Count]:
        """All counts; none are left."""
        counts = [*self._counts.values()]
        self._counts.clear()
        self._details.clear()
        return counts

    def give_back(self, counts: Iterable[Count]) -> None:
        """Counts that were taken, to be taken again with what came meanwhile."""
        for count in counts:
            self._add(count)

    def _add(self, told: Count) -> None:
        found = self._counts.get((told.project, told.outcome, told.detail))
        if found is None and told.detail != OTHER and self._details[told.project, told.outcome] >= MAX_DETAILS:
            told = Count(told.project, told.outcome, OTHER, told.count, told.first_seen, told.last_seen)
            found = self._counts.get((told.project, told.outcome, told.detail))
        if found is None:
            if len(self._counts) >= MAX_COUNTS:
                self.lost += told.count
                return
            self._details[told.project, told.outcome] += 1
        self._counts[told.project, told.outcome, told.detail] = told if found is None else found.plus(told)


class Health:
    """Tells each of ``listeners`` what it is told, in words that can be stored and shown."""

    def __init__(self, *listeners: Tell) -> None:
        self._listeners = listeners

    def tell(self, project: str, outcome: Outcome, detail: str, count: int) -> None:
        """A ``Tell``."""
        if count <= 0:
            return
        detail = _shown(detail)
        for listener in self._listeners:
            listener(project, outcome, detail, count)

    def tell_written(self, project: str, written: Written) -> None:
        """The same of what became of the observations of ``project`` that were written."""
        self.tell(project, Outcome.STORED, "", written.stored)
        self.tell(project, Outcome.REPEATED, "", written.repeated)
        self.tell(project, Outcome.COMPLETED, "", written.completed)
        for reason, count in written.merged.items():
            self.tell(project, Outcome.MERGED, reason, count)


def _shown(detail: str) -> str:
    """At most ``MAX_DETAIL`` characters, all of which can be printed."""
    detail = detail[:MAX_DETAIL]
    return detail if detail.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in detail)


class Merged(NamedTuple):
    """How many observations told of known calls, and why they were taken for theirs."""

    reason: MergeReason
    number: int


class Rejected(NamedTuple):
    """How many were rejected for one reason, and when last; ``OTHER`` stands for many reasons."""

    reason: str
    number: int
    last_seen: datetime


class Unrecognised(NamedTuple):
    """How many with token counts no rule knew, by who made them, and when last; ``OTHER`` stands for many."""

    scope: str
    number: int
    last_seen: datetime


class IngestHealth(NamedTuple):
    """What became of everything that was sent to one project since ``since``; largest first in each list."""

    since: datetime | None
    last_seen: datetime | None
    accepted: int
    stored: int
    repeated: int
    merged: int
    merged_by: list[Merged]
    completed: int
    not_llm: int
    rejected: int
    rejected_by: list[Rejected]
    unrecognised: int
    unrecognised_by: list[Unrecognised]


def health_of(counts: Iterable[Count]) -> IngestHealth:
    """The counts of one project, told in the way in which they are asked for."""
    found = sorted(counts, key=lambda count: (-count.count, count.detail))
    of = {outcome: [count for count in found if count.outcome is outcome] for outcome in Outcome}
    number = {outcome: sum(count.count for count in of[outcome]) for outcome in Outcome}
    reasons = frozenset(MergeReason)
    return IngestHealth(
        since=min((count.first_seen for count in found), default=None),
        last_seen=max((count.last_seen for count in found), default=None),
        accepted=number[Outcome.ACCEPTED],
        stored=number[Outcome.STORED],
        repeated=number[Outcome.REPEATED],
        merged=number[Outcome.MERGED],
        # A newer server on the same database may know more reasons.
        merged_by=[Merged(MergeReason(c.detail), c.count) for c in of[Outcome.MERGED] if c.detail in reasons],
        completed=number[Outcome.COMPLETED],
        not_llm=number[Outcome.NOT_LLM],
        rejected=number[Outcome.REJECTED],
        rejected_by=[Rejected(c.detail, c.count, c.last_seen) for c in of[Outcome.REJECTED]],
        unrecognised=number[Outcome.UNRECOGNISED],
        unrecognised_by=[Unrecognised(c.detail, c.count, c.last_seen) for c in of[Outcome.UNRECOGNISED]],
    )
