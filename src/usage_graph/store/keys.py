"""Keys in the database. Servers look for changes, so whoever makes or revokes one need not tell them."""

import secrets
import string
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256

import asyncpg

from usage_graph.errors import KeyRefused, StartupError
from usage_graph.grant import Access, StoredKey
from usage_graph.store.connect import UNREACHABLE, Connection, Pool, open_pool
from usage_graph.store.sql import query

_ALPHABET = string.ascii_letters + string.digits
_ID = 12
_SECRET = 43
"""Characters: of 62 kinds these are 256 random bits. A digest that cannot be guessed needs no salt and no slow hash."""

_MAX_TEXT = 256
_PATIENCE = 10.0
"""Seconds for one look."""


def digest_of(key: str) -> bytes:
    """What ``key`` is found by. Looking up a digest tells nothing of those nearby: nobody can aim at one."""
    return sha256(key.encode(errors="surrogatepass")).digest()


async def create_key(
    connection: Connection,
    *,
    access: Access,
    project: str | None,
    user: str | None = None,
    agent: str | None = None,
    label: str | None = None,
    expires_at: datetime | None = None,
) -> tuple[StoredKey, str]:
    """A new key, as it is kept and as it is to be shown: this once, for it is not kept itself.

    ``project`` ``None``: good for all of them. ``user`` and ``agent``: the only ones whose calls it reads.

    Raises:
        KeyRefused: there cannot be such a key.
    """
    _check(access, project, {"user": user, "agent": agent, "label": label})
    id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID))
    secret = f"ug_{id}_{''.join(secrets.choice(_ALPHABET) for _ in range(_SECRET))}"
    created_at = await connection.fetchval(
        query("add_key"), id, access, project, user, agent, label, expires_at, digest_of(secret)
    )
    return StoredKey(id, access, project, user, agent, label, created_at, expires_at, None), secret


def _check(access: Access, project: str | None, texts: Mapping[str, str | None]) -> None:
    if project is None and access is not Access.ADMIN:
        raise KeyRefused("A key for all projects is an operator's: it has the scope admin. Name a project for others.")
    if access is not Access.READ and (texts["user"] is not None or texts["agent"] is not None):
        raise KeyRefused("Only a key with the scope read can be bound to a user or an agent.")
    for name, text in texts.items():
        if text is not None and not (text.strip() and len(text) <= _MAX_TEXT and text.isprintable()):
            raise KeyRefused(f"The {name} of a key is a text of 1 to {_MAX_TEXT} printable characters.")


async def revoke_key(connection: Connection, id: str, project: str | None) -> bool:
    """End the key ``id``, of ``project`` unless that is ``None``; returns whether there was one to end."""
    return await connection.fetchval(query("set_key_revoked"), id, project) is not None


async def list_keys(connection: Connection, project: str | None = None) -> list[StoredKey]:
    """Those of ``project``, ``None``: all; also those that have ended, oldest first."""
    return [_key(row) for row in await connection.fetch(query("list_keys"), project)]


async def keys_by_digest(connection: Connection) -> dict[bytes, StoredKey]:
    """All of them, by what they are found by."""
    return {row["digest"]: _key(row) for row in await connection.fetch(query("list_keys"), None)}


class KeyReader:
    """Reads keys again and again."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self) -> dict[bytes, StoredKey]:
        """All of them, by digest, also those that have ended.

        Raises:
            StartupError: the database cannot be used.
        """
        try:
            async with self._pool.acquire(timeout=_PATIENCE) as connection:
                return await keys_by_digest(connection)
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise StartupError(f"Keys cannot be read from the database: {error or type(error).__name__}.") from error


@asynccontextmanager
async def open_key_reader(dsn: str) -> AsyncIterator[KeyReader]:
    """A reader over a connection of its own."""
    async with open_pool(dsn, name="usage-graph keys", size=1, command_timeout=_PATIENCE) as pool:
        yield KeyReader(pool)


async def carry_keys(source: Connection, target: Connection) -> None:
    """Give ``target`` the keys of ``source``, and end those that have ended there."""
    rows = await source.fetch(query("list_keys"), None)
    if rows:
        await target.execute(query("store_keys"), *(list(column) for column in zip(*rows, strict=True)))


def _key(row: asyncpg.Record) -> StoredKey:
    id, access, *rest, _ = row
    return StoredKey(id, Access(access), *rest)
