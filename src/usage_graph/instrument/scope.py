"""``usage(...)``: the labels in force, kept in OpenTelemetry's own context.

OpenTelemetry's context is a ``contextvars`` variable, so the labels follow ``await``, new asyncio tasks,
``asyncio.to_thread`` and threads that run in a copied context, and any context that a library captured inside.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Mapping
from contextlib import aclosing
from contextvars import Token
from types import MappingProxyType, TracebackType
from typing import Any, Final, ParamSpec, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from usage_graph.instrument.labels import label_attributes

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_KEY: Final = otel_context.create_key("usage-graph-labels")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def labels_in(context: Context | None = None) -> Mapping[str, str]:
    """The span attributes that ``usage`` put into ``context``; the current one where it is ``None`` or has none.

    Instrumentation often starts a span in a context of its own making. A span that is started inside ``usage``
    belongs to it all the same, unless that context comes from another ``usage``.
    """
    if context:
        found = context.get(_KEY)
        if found is not None:
            return cast("Mapping[str, str]", found)
    return cast("Mapping[str, str]", otel_context.get_value(_KEY) or _NONE)


class UsageScope:
    """What ``usage`` returns: use it in a ``with`` statement or as a decorator."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        self._attributes = attributes
        self._token: Token[Context] | None = None

    def __enter__(self) -> None:
        if self._token is not None:
            raise RuntimeError("This usage(...) is already entered; call usage(...) again for each `with`.")
        labels = MappingProxyType({**labels_in(), **self._attributes})
        self._token = otel_context.attach(otel_context.set_value(_KEY, labels))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token, self._token = self._token, None
        if token is not None:
            otel_context.detach(token)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """``function`` with the labels in force while it runs: plain, ``async``, generator or async generator.

        Each call has a scope of its own, so concurrent and recursive calls are fine.

        Raises:
            TypeError: ``function`` is a class or not callable.
        """
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"@usage(...) decorates functions, not {function!r}.")
        attributes = self._attributes
        # Seen through ``Any``: which of the four a function is decides its return type, and no checker can follow that.
        run: Any = function
        wrapper: Any
        if inspect.isasyncgenfunction(function):

            @functools.wraps(function)
            async def wrapper(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[Any]:
                async with aclosing(_AsyncSteps(attributes, run(*args, **kwargs))) as steps:
                    async for item in steps:
                        yield item

        elif inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> Generator[Any, Any, Any]:
                return (yield from _Steps(attributes, run(*args, **kwargs)))

        elif inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
                with UsageScope(attributes):
                    return await run(*args, **kwargs)

        else:

            @functools.wraps(function)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> Any:
                with UsageScope(attributes):
                    return run(*args, **kwargs)

        return cast("Callable[P, R]", wrapper)


class _Steps(Generator[T, Any, Any]):
    """A generator whose labels are in force while it runs, and not while its consumer does.

    A generator runs in its consumer's context, so labels set once around the whole of it would leak out at each
    ``yield``. They are set around each step instead.
    """

    def __init__(self, attributes: Mapping[str, str], generator: Generator[T, Any, Any]) -> None:
        self._attributes = attributes
        self._generator = generator

    def send(self, value: Any) -> T:
        with UsageScope(self._attributes):
            return self._generator.send(value)

    def throw(self, *error: Any) -> T:
        with UsageScope(self._attributes):
            return self._generator.throw(*error)


class _AsyncSteps(AsyncGenerator[T, Any]):
    """The same for an async generator."""

    def __init__(self, attributes: Mapping[str, str], generator: AsyncGenerator[T, Any]) -> None:
        self._attributes = attributes
        self._generator = generator

    async def asend(self, value: Any) -> T:
        with UsageScope(self._attributes):
            return await self._generator.asend(value)

    async def athrow(self, *error: Any) -> T:
        with UsageScope(self._attributes):
            return await self._generator.athrow(*error)

    async def aclose(self) -> None:
        # Not the inherited one: it throws into the generator, which is an error where that has ended by itself.
        with UsageScope(self._attributes):
            await self._generator.aclose()


def usage(
    *,
    source: str | None = None,
    name: str | None = None,
    conversation: str | None = None,
    user: str | None = None,
    channel: str | None = None,
    agent: str | None = None,
    turn: str | None = None,
) -> UsageScope:
    """Label every span started inside, by whatever library.

        with usage(source="chat", conversation=chat.id, user=request.user.id):
            ...

        @usage(source="memory", name="Memory extraction")
        async def extract(...): ...

    Scopes nest: an inner one adds to the outer one's labels and wins where both set one. ``None`` and ``""`` leave a
    label as it is. A label that a library or the application sets on a span itself wins over all of them.

    Credits and cost are not labels: they belong to one call, and here each call inside would repeat them. Report them
    with ``record_call``, or set ``usage_graph.credits`` and ``usage_graph.cost`` on the call's own span.

    Args:
        source: what kind of thing spends: ``chat``, ``agent``, ``memory``, or whatever the application calls it.
        name: the thing's name as a person would say it.
        conversation: id of the conversation, session or run that the calls belong to.
        user: id of the user on whose behalf the calls are made.
        channel: where the request came from: ``web``, ``slack``, ``api``, ...
        agent: name of the agent that makes the calls.
        turn: id of the user's turn that the calls answer, where one turn makes several traces, or one trace several
            turns; without it, each trace of a conversation counts as a turn.

    Raises:
        TypeError: a value is neither ``None`` nor a string.
    """
    return UsageScope(
        label_attributes(
            "usage",
            {
                "source": source,
                "name": name,
                "conversation": conversation,
                "user": user,
                "channel": channel,
                "agent": agent,
                "turn": turn,
            },
        )
    )
