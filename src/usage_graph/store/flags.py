"""What ``usage_identity.flags`` says of a span: a smallint, and NULL for 0, so that it costs a stored call no room."""

from typing import Any

from usage_graph.observation import derived_source
from usage_graph.store.linking import Seen
from usage_graph.usage import UsageRecord

_TRUSTED = 1
"""Made by the provider's own SDK."""
_SOURCE_DERIVED = 2
"""Nobody named the source."""
_COMPLETED = {"conversation": 4, "user_id": 8, "agent": 16, "channel": 32}
"""The record has this from a span above, not from the span itself."""


def flags_of(seen: Seen) -> int:
    """The flags of a span that no span above has said anything of."""
    return _TRUSTED * seen.trusted | _SOURCE_DERIVED * seen.source_derived


def flags_as(seen: Seen, record: UsageRecord) -> int:
    """Those of a span that alone is what ``record`` was made of."""
    completed = (
        flag
        for name, flag in _COMPLETED.items()
        if getattr(seen.record, name) is None and getattr(record, name) is not None
    )
    return flags_of(seen) + sum(completed)


def seen_of(record: UsageRecord, key: int, parent: int | None, flags: int) -> Seen:
    """The observation that ``record`` was made of: without what spans above have said."""
    unknown: dict[str, Any] = {name: None for name, flag in _COMPLETED.items() if flags & flag}
    record = record._replace(**unknown)
    derived = bool(flags & _SOURCE_DERIVED)
    if derived:
        record = record._replace(source=derived_source(record.agent, record.operation))
    return Seen(record, key, parent, bool(flags & _TRUSTED), derived)
