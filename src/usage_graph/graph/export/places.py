"""How many exports are made at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager

from usage_graph.errors import ExportUnderWay, QueryUnavailable


class Places:
    """``at_once`` of them for all callers together, and one for each: nobody can take all."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._callers: set[str] = set()

    @contextmanager
    def taken(self, caller: str) -> Iterator[None]:
        """A place for an export of ``caller``, as ``rate.caller_of`` names it, for as long as this is open.

        Raises:
            ExportUnderWay: the caller has one already.
            QueryUnavailable: others have all of them.
        """
        if caller in self._callers:
            raise ExportUnderWay(
                "An export of yours is being made, and each key, or each address without a key, may have one at a "
                "time: ask again when it has ended."
            )
        if len(self._callers) >= self._at_once:
            raise QueryUnavailable("As many exports as may be at once are being made; ask again when one has ended.")
        self._callers.add(caller)
        try:
            yield
        finally:
            self._callers.remove(caller)
