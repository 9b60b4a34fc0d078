"""What a call's record takes from which of its observations. Pure.

What a record is made of is a function of the set of its observations: their order of arrival changes when it began to
be known (``started_at`` and ``id``, which never move), and nothing else.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from usage_graph.observation import derived_source
from usage_graph.store.linking import Seen, measured
from usage_graph.usage import UsageRecord

Price = Callable[[UsageRecord], UsageRecord]
"""The record with the cost and the credits that follow from its tokens, but for those that were reported."""

_DATE = re.compile(r"[-@:]\d{4}")


def fold(observations: Sequence[Seen], price: Price) -> UsageRecord:
    """The record of a call with these observations, as if the outermost of them had been the first.

    Whom the call was for is said best by the outermost observation, what it used by the one that measured best: one
    that measured at all, then one that the provider's own SDK made, then the one that counted most kinds of tokens. A
    call failed if all say so, or if one does and none measured tokens. A reported cost goes before a computed one.
    """
    if len(observations) == 1:
        return observations[0].record
    outermost = from_outside(observations)
    records = [one.record for one in outermost]
    by_measure = [one.record for one in sorted(outermost, key=_measure)]
    failures = [record for record in records if record.failed]
    failed = len(failures) == len(records) or (bool(failures) and not any(map(measured, records)))
    agent = _first(record.agent for record in records)
    operation = next((record.operation for record in records if record.operation != "other"), records[0].operation)
    named = next((one.record.source for one in outermost if not one.source_derived), None)
    reported = next((record for record in by_measure if record.cost_reported), None)
    folded = (
        records[0]
        ._replace(
            duration_us=max(record.duration_us for record in records),
            failed=failed,
            error_type=_first(record.error_type for record in failures) if failed else None,
            source=named or derived_source(agent, operation),
            operation=operation,
            name=_first(record.name for record in records),
            service=_first(record.service for record in records),
            environment=_first(record.environment for record in records),
            provider=_first(record.provider for record in by_measure),
            request_model=_first(record.request_model for record in records),
            response_model=_dated(record.response_model for record in by_measure),
            service_tier=_first(record.service_tier for record in by_measure),
            **_credits(records),
            turn=_first(record.turn for record in records),
            first_token_us=next((r.first_token_us for r in by_measure if r.first_token_us is not None), None),
            attributes=_together(record.attributes for record in records),
            suspect=by_measure[0].suspect,
        )
        ._replace(**_tokens(by_measure))
    )
    folded = untold(folded, outermost)
    if reported is not None:
        folded = folded._replace(
            cost_nano=reported.cost_nano,
            cost_reported=True,
            input_cost_nano=reported.input_cost_nano,
            cache_read_cost_nano=reported.cache_read_cost_nano,
            cache_write_cost_nano=reported.cache_write_cost_nano,
            output_cost_nano=reported.output_cost_nano,
        )
    return price(folded)


def _credits(records: Sequence[UsageRecord]) -> dict[str, Any]:
    """The most that anybody reported; else what one of them was charged, until the call is charged for as a whole."""
    said = [record.credits_nano for record in records if record.credits_reported]
    found = said or [record.credits_nano for record in records]
    return {"credits_nano": max(found), "credits_reported": bool(said)}


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _together(found: Iterable[tuple[tuple[str, str], ...]]) -> tuple[tuple[str, str], ...]:
    """All of them by key; of two values the first."""
    values: dict[str, str] = {}
    for attributes in found:
        values = dict(attributes) | values
    return tuple(sorted(values.items()))


def _dated(names: Iterable[str | None]) -> str | None:
    """The first name; with its date if another has that: a stream's outer span may know only what was asked for."""
    known = [name for name in names if name is not None]
    return next(
        (name for name in known if name.startswith(known[0]) and _DATE.match(name, len(known[0]))), _first(known)
    )


def from_outside(observations: Sequence[Seen]) -> list[Seen]:
    """The outermost first; those that are not above each other by when they began."""
    by_key = {one.key: one for one in observations}

    def depth(one: Seen) -> int:
        steps = 0
        while one.parent is not None and one.parent in by_key and steps < len(by_key):
            one = by_key[one.parent]
            steps += 1
        return steps

    return sorted(
        by_key.values(), key=lambda one: (depth(one), one.record.started_at, one.record.trace_id, one.record.span_id)
    )


_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)


def _measure(one: Seen) -> tuple[bool, bool, int]:
    unknown = sum(getattr(one.record, name) is None for name in _COUNTS)
    return not measured(one.record), not one.trusted, unknown


def _tokens(records: Sequence[UsageRecord]) -> dict[str, Any]:
    """The counts of the best measurement; what it does not know from the next, unless that contradicts it."""
    found: dict[str, int | None] = dict.fromkeys(_COUNTS)
    for record in records:
        for name in _COUNTS:
            if found[name] is None:
                found[name] = getattr(record, name)
                if not _consistent(found):
                    found[name] = None
    return found


def _consistent(counts: Mapping[str, int | None]) -> bool:
    """What is part of another count is no more than that."""
    used, output = counts["input_tokens"], counts["output_tokens"]
    cached = (counts["cache_read_tokens"] or 0) + (counts["cache_write_tokens"] or 0)
    return (
        (used is None or cached <= used)
        and (output is None or (counts["reasoning_tokens"] or 0) <= output)
        and (counts["cache_write_1h_tokens"] or 0) <= (counts["cache_write_tokens"] or 0)
    )


class Told(NamedTuple):
    """Whom a call was for, as the spans above one of its observations say; the nearest that says so."""

    conversation: str | None
    user_id: str | None
    agent: str | None
    channel: str | None

    def adds_to(self, record: UsageRecord) -> bool:
        return any(value is not None and getattr(record, name) is None for name, value in self._asdict().items())


def incomplete(record: UsageRecord) -> bool:
    """Whether a span above could add anything."""
    return None in (record.conversation, record.user_id, record.agent, record.channel)


def untold(record: UsageRecord, observations: Sequence[Seen]) -> UsageRecord:
    """``record`` without what spans above its ``observations`` have said: one that goes before these may be to come."""
    records = [one.record for one in from_outside(observations)]
    return record._replace(
        agent=_first(one.agent for one in records),
        conversation=_first(one.conversation for one in records),
        user_id=_first(one.user_id for one in records),
        channel=_first(one.channel for one in records),
    )


def complete(record: UsageRecord, told: Iterable[Told], *, source_derived: bool) -> UsageRecord:
    """``record`` with what it does not know itself."""
    for above in told:
        given = {name: value for name, value in above._asdict().items() if getattr(record, name) is None}
        record = record._replace(**given)
    if source_derived:
        record = record._replace(source=derived_source(record.agent, record.operation))
    return record
