"""How many rows of a file have come, where its format shows."""

from typing import Protocol


class Counter(Protocol):
    """Counts rows in the bytes of a file, in whatever pieces they come."""

    def add(self, piece: bytes) -> None: ...

    @property
    def rows(self) -> int | None:
        """``None`` where nobody can tell before the file is whole."""
        ...


class Lines:
    """NDJSON: every line is a row."""

    def __init__(self) -> None:
        self.rows = 0

    def add(self, piece: bytes) -> None:
        self.rows += piece.count(b"\n")


class CsvLines:
    """CSV: every line that ends outside of quotes is a row, but for the first, which has the names."""

    def __init__(self) -> None:
        self._lines = 0
        self._quoted = False

    @property
    def rows(self) -> int:
        return max(0, self._lines - 1)

    def add(self, piece: bytes) -> None:
        # A quote within quotes is written twice: it ends them and begins them again.
        for number, part in enumerate(piece.split(b'"')):
            self._quoted ^= number > 0
            if not self._quoted:
                self._lines += part.count(b"\n")


class Uncounted:
    """Parquet: rows are in groups that only its readers know."""

    rows = None

    def add(self, piece: bytes) -> None:
        """Nothing to see."""


COUNTERS: dict[str, type[Lines] | type[CsvLines] | type[Uncounted]] = {
    "csv": CsvLines,
    "ndjson": Lines,
    "parquet": Uncounted,
}
"""By format: those that there are."""
