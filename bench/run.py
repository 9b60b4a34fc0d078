"""One run: what was asked for, the databases that several measurements share, and what was found so far."""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from bench.database import Database, database
from bench.load import Loaded, load
from bench.visits import send_demo
from bench.workload import Amount

_DENSE_FROM = 2_000_000
"""Records from which on indexes are made at the end: later they would take most of the time."""


class Run:
    """``given``: the command's arguments. What is loaded is loaded once, and gone when ``stack`` ends."""

    def __init__(self, given: argparse.Namespace, stack: ExitStack, tell: Callable[[str], None]) -> None:
        self.given, self.tell = given, tell
        self.results: dict[str, Any] = {}
        self.loads: dict[str, Loaded] = {}
        self.end = datetime.now(UTC).replace(microsecond=0)
        self._stack = stack

    @cached_property
    def database(self) -> Database:
        return self._stack.enter_context(database())

    def loaded(self, name: str, *, records: int, days: int) -> str:
        """The name of a database with so many records of the last ``days``."""
        if name not in self.loads:
            self.tell(f"load: {records:,} records over {days} days")
            self.database.create(name)
            amount = Amount(self.given.seed, records, self.end - timedelta(days=days), self.end)
            done = load(self.database, name, amount, dense=records >= _DENSE_FROM, told=self.tell)
            self.loads[name] = done
            self.tell(f"load: {done.seconds:.0f} s, {done.rate:,.0f} records/s")
        return name

    def demo(self) -> str:
        """What `make demo` shows."""
        self.tell("load: the demo's month")
        return send_demo(self.database, "demo", self.end)

    def month(self) -> str:
        return self.loaded("month", records=self.given.records, days=30)

    def year(self) -> str:
        return self.loaded("year", records=self.given.records, days=365)

    def larger(self) -> str:
        """Ten times the month, over the same time."""
        return self.loaded("larger", records=self.given.larger, days=30)
