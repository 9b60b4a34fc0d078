"""The projects' credit rules, in force while a server runs: changes are found by looking."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from usage_graph.credits import CreditRule
from usage_graph.errors import StartupError
from usage_graph.processor.charging import Charging
from usage_graph.rounds import rounds
from usage_graph.store.credits import read_credit_rules

_log = logging.getLogger("usage_graph")

_EVERY = 10.0
"""Seconds between two looks: a rule is in force within fifteen."""


class Rules:
    """Keeps ``charging`` at the rules in the database.

    When they cannot be read they stay as they were, and the log says why, once.
    """

    def __init__(self, *, dsn: str, charging: Charging) -> None:
        self._dsn = dsn
        self._charging = charging
        self._in_force: Sequence[CreditRule] = ()
        self._said = ""

    async def load(self) -> None:
        """Look, and charge by what is there from now on.

        Raises:
            StartupError: the database cannot be used.
        """
        found = await read_credit_rules(self._dsn)
        if found != self._in_force:
            self._charging.use(found)
            self._in_force = found

    async def round(self) -> None:
        """The same where something may be wrong."""
        said = ""
        try:
            await self.load()
        except StartupError as error:
            said = str(error)
        if said and said != self._said:
            _log.warning("credit rules stay as they were: %s", said)
        self._said = said

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Loaded, and looked for again and again for as long as this is open; raises what ``load`` does."""
        await self.load()
        async with rounds(self.round, every=_EVERY, of="credit rules"):
            yield
