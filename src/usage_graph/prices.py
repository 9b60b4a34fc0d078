"""The user's own prices, from the file and the database, in force while a server runs: changes are found by looking."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from usage_graph.config import PREFIX
from usage_graph.errors import ConfigError, StartupError, UsageGraphError
from usage_graph.price import OwnPrice
from usage_graph.processor import Pricing
from usage_graph.processor.price_file import parse
from usage_graph.rounds import rounds
from usage_graph.store.prices import read_prices

_log = logging.getLogger("usage_graph")

_EVERY = 10.0
"""Seconds between two looks: a price is in force within fifteen."""


def read_file(file: Path | None) -> list[OwnPrice]:
    """The prices in a file; none where there is no file to read.

    Raises:
        ConfigError: it cannot be read, or says something wrong.
    """
    if file is None:
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{PREFIX}PRICES: {file} cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise ConfigError([f"{PREFIX}PRICES: {file} is not UTF-8."]) from None
    return parse(text, where=file.name)


class Prices:
    """Keeps ``pricing`` at the prices in ``file`` and in the database.

    What cannot be read stays as it was, and the log says why, once.
    """

    def __init__(self, *, dsn: str, file: Path | None, pricing: Pricing) -> None:
        self._dsn = dsn
        self._file = file
        self._pricing = pricing
        self._in_database: Sequence[OwnPrice] = ()
        self._in_file: Sequence[OwnPrice] = ()
        self._said = ""

    async def load(self) -> None:
        """Look, and price by what is there from now on.

        Raises:
            ConfigError: the file is wrong.
            StartupError: the database cannot be used.
        """
        await self._look(read_file(self._file))

    async def round(self) -> None:
        """The same where something may be wrong."""
        wrong: UsageGraphError | None = None
        in_file = self._in_file
        try:
            in_file = read_file(self._file)
        except ConfigError as error:
            wrong = error
        try:
            await self._look(in_file)
        except StartupError as error:
            wrong = error
        said = "" if wrong is None else str(wrong)
        if said and said != self._said:
            _log.warning("own prices stay as they were: %s", said)
        self._said = said

    async def _look(self, in_file: Sequence[OwnPrice]) -> None:
        in_database = await read_prices(self._dsn)
        if (in_database, in_file) != (self._in_database, self._in_file):
            self._pricing.use([*in_database, *in_file])
            self._in_database, self._in_file = in_database, in_file

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Loaded, and looked for again and again for as long as this is open; raises what ``load`` does."""
        await self.load()
        async with rounds(self.round, every=_EVERY, of="own prices"):
            yield
