"""The attributes of spans, each read once where it comes again and again.

Most of the twenty attributes of a span stand just so on thousands of others: provider, models, agent, user,
operation. So it is remembered what their bytes say, in bounded memory. Of what nothing here reads,
which may be what people wrote, nothing is remembered but numbers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from usage_graph.processor.reading import NOTHING, SPAN_TABLE, Found, Word
from usage_graph.processor.semconv import UNIQUE_KEYS
from usage_graph.processor.values import AttributeValue, tokens

MOST = 2**14
"""Attributes that are remembered of those met since the last turn, and as many of those met before it."""
LONGEST = 192
"""Bytes of an attribute that is remembered: longer ones are documents, or no name of anything."""

Read = tuple[str, AttributeValue] | bool
"""Key and value of an attribute; ``False`` for an unwanted one, ``True`` for one whose value is a number."""

Entry = tuple[str, AttributeValue, int, int, Any, Sequence[Word]]
"""An attribute: key, value, the first word that it says, and the others."""

_NOWHERE = len(SPAN_TABLE.fields)
"""The position of what says nothing: that of the flag in ``Found``, with a rank that never wins."""
_RANKS = [*SPAN_TABLE.last, 0]
_new_found = tuple.__new__  # as ``Found._make`` does, which would count the values first


COUNTS: Mapping[str, tuple[int, int]] = {
    key: (position, rank)
    for key, (position, rank, read, other) in SPAN_TABLE.routes.items()
    if read is tokens and other is None
}
"""Keys that hold a number of tokens, with the position and the rank of what they say."""


def _no_count(_: bytes) -> Entry | None:
    return None


class RecentAttributes:
    """What attributes say, in whatever encoding ``read`` reads. Not for two threads at once.

    ``count`` reads those of ``COUNTS`` that it can read sooner than ``read`` would.

    Two generations: what was met since the last turn, and before it. Whatever comes often is found in the first one,
    and survives a turn as it is met again; what came once is forgotten after two.
    """

    def __init__(self, read: Callable[[bytes], Read], count: Callable[[bytes], Entry | None] = _no_count) -> None:
        self._read = read
        self._count = count
        self._recent: dict[bytes, Entry | tuple[()]] = {}
        self._before: dict[bytes, Entry | tuple[()]] = {}

    def of(self, raws: Iterable[bytes]) -> tuple[dict[str, AttributeValue], Found | None]:
        """The wanted ones of a span's attributes, and all they say: what ``reading.read`` finds in them.

        The latter is ``None`` where a key is there twice: the last one counts. Raises whatever ``read`` does.
        """
        attributes: dict[str, AttributeValue] = {}
        values, ranks = NOTHING.copy(), _RANKS.copy()
        recent, learn, wanted = self._recent.get, self._learn, 0
        for raw in raws:
            entry = recent(raw)
            if entry is None:
                entry = learn(raw)
            if not entry:
                continue
            key, value, position, rank, parsed, more = entry
            attributes[key] = value
            wanted += 1
            if rank < ranks[position]:
                values[position], ranks[position] = parsed, rank
            for position, rank, parsed in more:
                if rank < ranks[position]:
                    values[position], ranks[position] = parsed, rank
        if wanted != len(attributes):
            return attributes, None
        SPAN_TABLE.fill_from_documents(attributes, values)
        return attributes, _new_found(Found, values)

    def _learn(self, raw: bytes) -> Entry | tuple[()]:
        """What was not met since the last turn."""
        entry = self._before.get(raw)
        if entry is None:
            entry = self._count(raw)
        if entry is None:
            read = self._read(raw)
            if read is False:
                return ()
            if read is True:
                entry = ()
            else:
                key, value = read
                first, *more = SPAN_TABLE.words(key, value) or ((_NOWHERE, 0, None),)
                entry = (key, value, *first, more)
                if key in UNIQUE_KEYS:
                    return entry
            if len(raw) > LONGEST:
                return entry
        if len(self._recent) >= MOST:
            self._before, self._recent = self._recent, {}
        self._recent[raw] = entry
        return entry
