"""What a caller may do, and with whose data: settled once at the door, carried by every request from there."""

from collections.abc import Mapping, MutableMapping
from enum import StrEnum
from typing import Any, NamedTuple

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
    """

    access: Access
    key: str | None = None
    project: str | None = None
    user: str | None = None
    agent: str | None = None

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


OPEN = Grant(Access.ADMIN)
"""Of everyone who reaches a server that wants no key."""

_IN_SCOPE = "usage_graph.grant"


def attach(scope: MutableMapping[str, Any], grant: Grant) -> None:
    """Note in an ASGI ``scope`` what the caller may do."""
    scope[_IN_SCOPE] = grant


def grant_in(scope: Mapping[str, Any]) -> Grant:
    """What was noted there.

    Raises:
        KeyError: nothing was: the request did not come in through the door.
    """
    grant: Grant = scope[_IN_SCOPE]
    return grant
