"""A snapshot that is asked one question, which takes one statement: a statement is a transaction by itself.

So nothing has to begin and to end around it, each a round trip. How things stand (``rollup.Standing``) decides what
the statement is, and would have to be read before it: instead it is taken to be as it was last, and the statement
answers nothing where that is not so. Then the question is put again, as every other is.
"""

from collections.abc import Callable, Coroutine, Sequence
from functools import lru_cache, wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import asyncpg

from usage_graph.store.connect import Connection
from usage_graph.store.plans import planned_for
from usage_graph.store.rollup import Standing
from usage_graph.store.sql import query

_PROJECTS = 1_000
"""Projects whose standing is remembered."""

P = ParamSpec("P")
R = TypeVar("R")

Known = dict[str, Standing]
"""By project."""


class NotAlone(Exception):
    """It takes another statement, or one that is made otherwise."""


class Lone:
    """How far a question has come that is put without a transaction, which it is while this is ``active``."""

    def __init__(self, known: Known) -> None:
        self.active = False
        self.answered = False
        self._known = known
        self._taken: tuple[str, Standing] | None = None
        self._fetched = False

    def check(self) -> None:
        """Raises ``RuntimeError`` where the one question is answered: a second one would be of another moment."""
        if self.answered:
            raise RuntimeError("a snapshot for one question was asked another one")

    def standing(self, project: str) -> Standing:
        """How it is taken to be. Raises ``NotAlone`` where nobody has looked yet."""
        if project not in self._known:
            raise NotAlone
        self._taken = project, self._known[project]
        return self._known[project]

    def learn(self, project: str, standing: Standing) -> None:
        """For whoever asks next."""
        if len(self._known) >= _PROJECTS:
            self._known.clear()
        self._known[project] = standing

    async def fetch(self, connection: Connection, sql: str, values: Sequence[object]) -> list[asyncpg.Record]:
        """The rows of the question's one statement.

        Raises:
            NotAlone: it was not the first, or answered nothing, perhaps because things stand otherwise.
        """
        if self._fetched:
            raise NotAlone
        self._fetched = True
        if self._taken is None:
            return await connection.fetch(sql, *values)
        project, (kept_since, settled, _) = self._taken
        taken = (project, kept_since, settled.until, list(settled.unsettled))
        rows = await connection.fetch(_guarded(sql, len(values)), *values, *taken)
        if not rows:
            raise NotAlone
        return rows


@lru_cache(maxsize=512)
def _guarded(sql: str, width: int) -> str:
    """``sql``, with ``width`` values, where all stands as four more values say; no rows where it does not."""
    project, kept_since, until, unsettled = (f"${width + number}" for number in range(1, 5))
    return query("guard_answer").format(
        answer=sql,
        standing=query("get_standing").replace("$1", project),
        kept_since=kept_since,
        until=until,
        unsettled=unsettled,
    )


class _Asked(Protocol):
    _lone: Lone | None


S = TypeVar("S", bound=_Asked)


def of_one_statement(
    question: Callable[Concatenate[S, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """A question that takes one statement, unless ``latency`` or what was ``previous`` is asked for, too."""

    @wraps(question)
    async def put(snapshot: S, *args: P.args, **kwargs: P.kwargs) -> R:
        more: dict[str, Any] = kwargs
        with planned_for(args, more):
            return await answered(snapshot, more, *args, **kwargs)

    async def answered(snapshot: S, more: dict[str, Any], *args: P.args, **kwargs: P.kwargs) -> R:
        lone = snapshot._lone
        if lone is None or more.get("latency") or more.get("previous") is not None:
            return await question(snapshot, *args, **kwargs)
        lone.check()
        lone.active = True
        try:
            answer = await question(snapshot, *args, **kwargs)
        except NotAlone:
            lone.active = False
            return await question(snapshot, *args, **kwargs)
        finally:
            lone.active = False
        lone.answered = True
        return answer

    return cast(Callable[Concatenate[S, P], Coroutine[Any, Any, R]], put)
