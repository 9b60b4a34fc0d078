"""Real keys at the real door, without the database that they are kept in."""

from datetime import UTC, datetime

from usage_graph.grant import Access, StoredKey
from usage_graph.keys import Keys
from usage_graph.store.keys import digest_of


class KeyRing:
    """Keys that a test makes and revokes; ``keys`` knows of it after ``look``."""

    def __init__(self) -> None:
        self.keys = Keys(dsn="", api_key="the operator's own key", clock=lambda: datetime(2026, 4, 15, tzinfo=UTC))
        self._stored: dict[bytes, StoredKey] = {}

    def add(self, secret: str, *, access: Access = Access.READ, project: str | None = "default") -> None:
        made = datetime(2026, 1, 1, tzinfo=UTC)
        self._stored[digest_of(secret)] = StoredKey(secret, access, project, None, None, None, made, None, None)

    def revoke(self, secret: str) -> None:
        key = self._stored[digest_of(secret)]
        self._stored[digest_of(secret)] = key._replace(revoked_at=datetime(2026, 4, 1, tzinfo=UTC))

    async def read(self) -> dict[bytes, StoredKey]:
        return dict(self._stored)

    async def look(self) -> None:
        await self.keys.look(self)  # type: ignore[arg-type]
