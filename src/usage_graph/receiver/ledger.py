"""What becomes of one request: items for the store, an answer for its sender, counts for the server's own health."""

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from usage_graph.exporter.bisect import Rejected
from usage_graph.health import Outcome, Tell
from usage_graph.observation import Item, Observation
from usage_graph.processor.span import Resource, Scope, project_of
from usage_graph.project import DEFAULT_PROJECT
from usage_graph.receiver.request import Signal

_log = logging.getLogger("usage_graph.receiver")

_REASONS_TOLD = 5
_TOO_OLD = "{} starts before {:%Y-%m-%d}, since when records are kept (USAGE_GRAPH_RETENTION)"
_TOO_OLD_DETAIL = "starts before records are kept (USAGE_GRAPH_RETENTION)"
_UNKNOWN_SCOPE = "unknown"


class PartialSuccess(NamedTuple):
    """How many parts of a stored request were rejected, and why; empty for none."""

    rejected: int = 0
    message: str = ""


class Ledger:
    """The account of one request that came ``now``.

    ``project`` is the one that its sender named, if any; records are kept since ``since``, ``None``: since ever.
    """

    def __init__(self, signal: Signal, *, project: str | None, now: datetime, since: datetime | None) -> None:
        self.now = now
        self.now_ns = int(now.timestamp() * 10**9)
        self.sender = project or DEFAULT_PROJECT
        """The project of what does not say, or not readably, whose it is."""
        self.items: list[Item] = []
        self._signal = signal
        self._named = project
        self._since = since
        self._origin: tuple[Resource, Scope, str] | None = None
        self._reasons: Counter[str] = Counter()
        # By project: nearly all that comes is counted in these two alone.
        self._accepted: Counter[str] = Counter()
        self._not_llm: Counter[str] = Counter()
        self._others: Counter[tuple[str, Outcome, str]] = Counter()

    def project(self, resource: Resource, scope: Scope) -> str:
        """Whose the parts from there are. They come in runs, so the last answer is nearly always the next."""
        if self._named is not None:
            return self._named
        last = self._origin
        if last is None or last[0] is not resource or last[1] is not scope:
            self._origin = last = resource, scope, project_of(resource, scope, None)
        return last[2]

    def accept(self, project: str, parts: int = 1) -> None:
        """Count what was received, whatever becomes of it then."""
        self._accepted[project] += parts

    def observe(self, observation: Observation) -> bool:
        """Store a call, unless it is older than what is kept; returns whether."""
        if self._since is not None and observation.record.started_at < self._since:
            reason = _TOO_OLD.format(self._signal.noun, self._since)
            self.reject(observation.record.project, reason, detail=f"{self._signal.noun} {_TOO_OLD_DETAIL}")
            return False
        self.items.append(observation)
        return True

    def pass_over(self, project: str, scope: Scope, *, unrecognised: bool = False, parts: int = 1) -> None:
        """Count what is no call; ``unrecognised`` if it looks like one all the same."""
        if unrecognised:
            self._others[project, Outcome.UNRECOGNISED, scope.name or _UNKNOWN_SCOPE] += parts
        else:
            self._not_llm[project] += parts

    def reject(self, project: str, reason: str, *, detail: str | None = None) -> None:
        """Count a part that can be no record. ``detail`` stands for a ``reason`` that has many forms."""
        self._reasons[reason] += 1
        self._others[project, Outcome.REJECTED, detail or reason] += 1

    def settle(self, refused: Iterable[Rejected]) -> PartialSuccess:
        """The answer to the sender, once the items are stored, but those that the store ``refused``."""
        for item, reason in refused:
            if isinstance(item, Observation):
                why = "the store refused the call"
                self.reject(item.record.project, f"{why}: {reason}", detail=why)
            else:
                # It may be another request's, and no call is lost with it.
                _log.warning("the store refused a span above calls: %s", reason)
        return self._partial_success()

    def tell(self, tell: Tell) -> None:
        """Pass the counts on."""
        for project, parts in self._accepted.items():
            tell(project, Outcome.ACCEPTED, self._signal, parts)
        for project, parts in self._not_llm.items():
            tell(project, Outcome.NOT_LLM, "", parts)
        for (project, outcome, detail), parts in self._others.items():
            tell(project, outcome, detail, parts)

    def __str__(self) -> str:
        noun = self._signal.noun
        return f"{self._accepted.total()} {noun}s, {len(self.items)} items to store, {self._reasons.total()} rejected"

    def _partial_success(self) -> PartialSuccess:
        """Of many reasons the most frequent are told, so that the message stays short."""
        total = self._reasons.total()
        if not total:
            return PartialSuccess()
        told = [f"{count} x {reason}" for reason, count in self._reasons.most_common(_REASONS_TOLD)]
        if len(self._reasons) > _REASONS_TOLD:
            told.append("and other reasons")
        noun = self._signal.noun if total == 1 else f"{self._signal.noun}s"
        return PartialSuccess(total, f"{total} {noun} rejected: {'; '.join(told)}")
