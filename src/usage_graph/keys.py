"""The keys that a server knows: held in memory, looked for in the database again and again."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Final

from usage_graph.errors import StartupError, Unauthenticated
from usage_graph.grant import OPEN, Access, Grant, StoredKey
from usage_graph.rounds import rounds
from usage_graph.store.keys import KeyReader, digest_of, open_key_reader

_log = logging.getLogger("usage_graph")

_EVERY = 2.0
"""Seconds between two looks: a key is known, or known to be revoked, within three."""

OPERATOR: Final = "USAGE_GRAPH_API_KEY"
"""The id of the key that comes from there."""

_MISSING = (
    'This server wants a key: send the header "authorization: Bearer KEY" (in GraphiQL, under Headers). Whoever runs '
    "the server makes keys with `usage-graph keys create`."
)
_UNKNOWN = "The key of this request is not one of this server's: ask whoever runs it for one."
_ENDED = "The key of this request has {}: ask whoever runs this server for a new one."


class Keys:
    """Who has which key may do what. Where none was ever made, everyone may do everything.

    ``api_key`` is an operator's, from the settings, unless it is a key in the database: that is worth no more for being
    in the environment of a server, where it may be meant for other commands. What cannot be read stays as it was, and
    the log says why, once: a database that is away lets nobody in who could not get in before, and expired keys end all
    the same. Where a key was wanted once, one is wanted for as long as the server runs.
    """

    def __init__(self, *, dsn: str, api_key: str | None, clock: Callable[[], datetime]) -> None:
        self._dsn = dsn
        self._clock = clock
        self._operator = None if api_key is None else digest_of(api_key)
        self._by_digest: Mapping[bytes, StoredKey] = {}
        self._by_id: Mapping[str, StoredKey] = {}
        self._wanted = api_key is not None
        self._said = ""

    @property
    def wanted(self) -> bool:
        """Whether a request needs one."""
        return self._wanted

    def grant(self, presented: str | None) -> Grant:
        """What whoever shows ``presented`` (``None``: nothing) may do.

        Raises:
            Unauthenticated: nothing without a good key.
        """
        if not self._wanted:
            return OPEN
        if presented is None:
            raise Unauthenticated(_MISSING)
        digest = digest_of(presented)
        key = self._by_digest.get(digest)
        if key is None:
            if digest == self._operator:
                return Grant(Access.ADMIN, OPERATOR)
            raise Unauthenticated(_UNKNOWN)
        if not key.is_good(self._clock()):
            raise Unauthenticated(_ENDED.format("expired" if key.revoked_at is None else "been revoked"))
        return key.grant

    def holds(self, grant: Grant) -> bool:
        """Whether whoever was given ``grant`` would be given it now, too: for what lasts longer than a request."""
        if grant.key is None:
            return not self._wanted
        if grant.key == OPERATOR:
            return self._operator is not None
        key = self._by_id.get(grant.key)
        return key is not None and key.is_good(self._clock()) and key.grant == grant

    async def look(self, reader: KeyReader) -> None:
        """Know what is there from now on.

        Raises:
            StartupError: the database cannot be used.
        """
        self._by_digest = await reader.read()
        self._by_id = {key.id: key for key in self._by_digest.values()}
        self._wanted = self._wanted or bool(self._by_digest)

    async def round(self, reader: KeyReader) -> None:
        """The same where something may be wrong."""
        said = ""
        try:
            await self.look(reader)
        except StartupError as error:
            said = str(error)
            if said != self._said:
                _log.warning("keys stay as they were: %s", said)
        self._said = said

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Known, and looked for again and again for as long as this is open; raises what ``look`` does."""
        async with open_key_reader(self._dsn) as reader:
            await self.look(reader)
            async with rounds(partial(self.round, reader), every=_EVERY, of="keys"):
                yield
