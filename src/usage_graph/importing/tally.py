"""What was met on the way through a history: how much was read, what was wrong with it, what was left out."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from usage_graph.errors import ImportFailed
from usage_graph.report.text import printable

_EVERY = 1000
"""Lines between two words on the progress."""


class Tally:
    """Counts what readers tell it. ``strict``: the first line that is wrong ends the import.

    ``say`` gets one line of text for each of the first ``SHOWN`` problems.
    """

    SHOWN = 20

    def __init__(
        self, *, say: Callable[[str], None], strict: bool = False, tell: Callable[[], None] = lambda: None
    ) -> None:
        self._say = say
        self._strict = strict
        self._tell = tell
        self.files = 0
        self.lines = 0
        self.bytes = 0
        self.calls = 0
        """Those that are known to follow, where the reader knows them all before the first."""
        self.bad_lines = 0
        self.unreadable = 0
        self.left_out: Counter[str] = Counter()

    def line(self, size: int) -> None:
        """A line was read."""
        self.lines += 1
        self.bytes += size
        if self.lines % _EVERY == 0:
            self._tell()

    def bad(self, path: Path, number: int, what: str) -> None:
        """A line, counted from 1, is wrong.

        Raises:
            ImportFailed: the import is strict.
        """
        self.bad_lines += 1
        self._problem(f"{printable(str(path))}:{number}: {what}.")

    def unread(self, path: Path, what: str) -> None:
        """A file or directory cannot be read, or not to its end.

        Raises:
            ImportFailed: the import is strict.
        """
        self.unreadable += 1
        self._problem(f"{printable(str(path))}: {what}.")

    def _problem(self, said: str) -> None:
        if self._strict:
            raise ImportFailed(said)
        if self.bad_lines + self.unreadable <= self.SHOWN:
            self._say(said)

    @property
    def unsaid(self) -> int:
        """Problems that were counted and not said."""
        return max(0, self.bad_lines + self.unreadable - self.SHOWN)
