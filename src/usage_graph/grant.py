"""What a caller may do, and with whose data: settled once at the door, carried by every request from there."""

from collections.abc import Mapping, MutableMapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from usage_graph.errors import Forbidden
from usage_graph.question import Dimension, Filter, StringFilter


class Access(StrEnum):
    """What a key is for. An admin may do everything; the others one thing each."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


class Grant(NamedTuple):
    """What one caller may do.

    ``key``: the id of the key that was shown, ``None``: none was needed. ``project``: the only one that it is good for,
    ``None``: any, the request says which. ``user`` and ``agent``: the only ones whose calls it may read.
    ``expires_at``: when the key ends, ``None``: never by itself.
    """

    access: Access
    key: str | None = None
    project: str | None = None
    user: str | None = None
    agent: str | None = None
    expires_at: datetime | None = None

    def allows(self, access: Access) -> bool:
        return self.access in (Access.ADMIN, access)

    @property
    def is_bound(self) -> bool:
        """Whether it is good for some of a project's calls only: nothing may be told that others' calls show in."""
        return self.user is not None or self.agent is not None

    @property
    def filter(self) -> Filter:
        """What every question of this caller is narrowed to."""
        bound = ((Dimension.USER, self.user), (Dimension.AGENT, self.agent))
        return Filter(tuple((dimension, StringFilter(eq=value)) for dimension, value in bound if value is not None))

    def project_for(self, named: str | None) -> str | None:
        """The project of a request that names ``named``; ``None``: neither the request nor the key says.

        Raises:
            Forbidden: the request names another than the key is good for. Nothing tells which there are.
        """
        if self.project is None or named is None or named == self.project:
            return self.project or named
        raise Forbidden(
            "The key of this request is not good for the project that it names: leave the header "
            "x-usage-graph-project out, or send a key of that project."
        )

    def require(self, access: Access) -> None:
        """Raises ``Forbidden`` unless it allows ``access``."""
        if not self.allows(access):
            raise Forbidden(
                f"The key of this request has the scope {self.access}, and this takes the scope {access}: "
                f"send a key that was made with `usage-graph keys create --scope {access}`."
            )


OPEN = Grant(Access.ADMIN)
"""Of everyone who reaches a server that wants no key."""


class StoredKey(NamedTuple):
    """A key as it is kept: everything but itself. ``project`` ``None``: all of them, an operator's key."""

    id: str
    access: Access
    project: str | None
    user: str | None
    agent: str | None
    label: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def grant(self) -> Grant:
        return Grant(self.access, self.id, self.project, self.user, self.agent, self.expires_at)

    def is_good(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


_IN_SCOPE = "usage_graph.grant"


def attach(scope: MutableMapping[str, Any], grant: Grant) -> None:
    """Note in an ASGI ``scope`` what the caller may do."""
    scope[_IN_SCOPE] = grant


def is_attached(scope: Mapping[str, Any]) -> bool:
    """Whether that is noted there: a WebSocket may show its key later."""
    return _IN_SCOPE in scope


def grant_in(scope: Mapping[str, Any]) -> Grant:
    """What was noted there.

    Raises:
        KeyError: nothing was: the request did not come in through the door.
    """
    grant: Grant = scope[_IN_SCOPE]
    return grant
