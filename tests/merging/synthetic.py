"""Traces as applications make them, of calls that are known: what the store must hold of them in the end.

A scene is drawn call by call: who made it, in which dialect it is told, by how many instrumentations, what is above
it, and whether it failed. Where the instrumentations of a call share nothing that could join them, the scene says so:
each of them is then a call of its own.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.merging.conventions import DIALECTS, Called, Dialect
from tests.merging.requests import Request, join, request_of
from tests.merging.shapes import BEGIN, MILLISECOND, PROCESS, a_span, traced
from tests.receiver.payloads import log_record, logs_request
from usage_graph.usage import UsageRecord

SLOT = 20_000
"""Milliseconds from one call to the next, where they are not at the same time."""
LONG = 10_000
"""Milliseconds that a call takes."""

MODELS = {
    "openai": ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    "anthropic": ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    "gcp.gemini": ("gemini-2.5-flash", "gemini-2.5-flash"),
    "aws.bedrock": ("us.anthropic.claude-sonnet-4-5-20250929-v1:0",) * 2,
}
CACHE_WRITERS = ("anthropic", "aws.bedrock")

IDENTITY = ("user", "conversation", "agent", "channel")
ABOVE_KEYS = {"user": "user.id", "conversation": "session.id", "agent": "gen_ai.agent.name", "channel": "channel"}

Whom = dict[str, Any]
NOBODY: Whom = dict.fromkeys(IDENTITY)


class Expected(NamedTuple):
    """A record as it should be. It has one of ``request_models``: instrumentations do not agree on that."""

    provider: str
    request_models: frozenset[str | None]
    response_model: str | None
    failed: bool
    input: int | None
    output: int | None
    cache_read: int
    cache_write: int
    reasoning: int
    cost: int | None
    user: str | None
    conversation: str | None
    agent: str | None
    channel: str | None

    def is_met_by(self, record: UsageRecord) -> bool:
        """Cache and reasoning that nobody told are as good as none."""
        found = (
            record.provider,
            record.response_model,
            record.failed,
            record.input_tokens,
            record.output_tokens,
            record.cache_read_tokens or 0,
            record.cache_write_tokens or 0,
            record.reasoning_tokens or 0,
            record.cost_nano if record.cost_reported else None,
            record.user_id,
            record.conversation,
            record.agent,
            record.channel,
        )
        expected = (self.provider, *self[2:])
        return record.request_model in self.request_models and found == expected and not record.suspect


class Scene(NamedTuple):
    """``parts`` hold one span or event each."""

    parts: list[Request]
    expected: list[Expected]


def expected_of(call: Called, dialects: Sequence[Dialect], whom: Whom) -> Expected:
    """What all of ``dialects`` together tell of ``call``."""

    def told(field: str) -> bool:
        return not call.failed and any(field not in dialect.silent for dialect in dialects)

    def count(field: str) -> int:
        value: int = getattr(call, field)
        return value if told(field) else 0

    names = [dialect.models(call) for dialect in dialects]
    answered = {answer for _, answer in names if answer is not None}
    measured = told("input")
    return Expected(
        call.provider,
        frozenset(asked for asked, _ in names),
        # The name that has a date says more.
        max(answered, key=len, default=None),
        call.failed,
        call.input if measured else None,
        call.output if measured else None,
        count("cache_read"),
        count("cache_write"),
        count("reasoning"),
        call.cost if not call.failed and any(dialect.priced for dialect in dialects) else None,
        *(whom[field] for field in IDENTITY),
    )


def unmatched(expected: Iterable[Expected], found: Iterable[UsageRecord]) -> tuple[list[Expected], list[UsageRecord]]:
    """Expected records that are missing, and records that nobody expected."""
    left, missing = list(found), []
    for one in expected:
        met = next((record for record in left if one.is_met_by(record)), None)
        if met is None:
            missing.append(one)
        else:
            left.remove(met)
    return missing, left


def _calls(draw: st.DrawFn, number: int, provider: str) -> Called:
    """Few distinct sizes, so that calls are often of one size."""
    used = draw(st.sampled_from([1, 2, 100, 2370]) | st.integers(1, 10**6))
    output = draw(st.sampled_from([0, 1, 20, 107]) | st.integers(0, 10**5))
    read = draw(st.integers(0, used))
    write = draw(st.integers(0, used - read)) if provider in CACHE_WRITERS else 0
    reasoning = 0 if provider in CACHE_WRITERS else draw(st.integers(0, output))
    failed = draw(st.sampled_from([False, False, False, True]))
    cost = draw(st.integers(1, 10**10))
    return Called(number, provider, *MODELS[provider], failed, used, output, read, write, reasoning, cost)


HOWS = ("inside", "around", "beside", "elsewhere")
"""Where a second instrumentation's span is: in the first one's, around it, below the same, or in a trace of its own."""

_words = st.none() | st.sampled_from(["ada", "c-1", "planner", "web", "naïve plan 100%"])


class _Numbers:
    """Ids of spans and traces that are used once."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last += 1
        return self._last


class _Maker:
    """Draws a scene."""

    def __init__(self, draw: st.DrawFn, *, by_fingerprint: bool) -> None:
        self.draw = draw
        self.by_fingerprint = by_fingerprint
        # Calls at the same time and of one size may be taken for one, where that is asked for.
        self.at_once = not by_fingerprint and draw(st.booleans())
        self.numbers = _Numbers()
        self.calls = 0
        self.scene = Scene([], [])

    def add(self, dialect: Dialect | None, span: Any) -> None:
        self.scene.parts.append(traced(span, scope=dialect.scope if dialect else "a.web.framework"))

    def call(self, provider: str) -> tuple[Called, int]:
        """With the time at which it begins."""
        self.calls += 1
        return _calls(self.draw, self.calls, provider), 0 if self.at_once else self.calls * SLOT

    def trace(self) -> None:
        draw, trace = self.draw, self.numbers.next()
        dialect = DIALECTS[draw(st.sampled_from(sorted(DIALECTS)))]
        provider = draw(st.sampled_from(dialect.providers))
        whom: Whom = {field: draw(_words) for field in IDENTITY}
        on_leaf = bool(dialect.names) and draw(st.booleans())
        leaf_whom = NOBODY | ({field: whom[field] for field in dialect.names} if on_leaf else {})
        above = self.numbers.next() if draw(st.booleans()) else 0
        above_whom = NOBODY.copy()
        if above and not on_leaf:
            above_whom = whom.copy()
        if above:
            above_whom["agent"] = above_whom["agent"] or dialect.agent_above
        told = {field: leaf_whom[field] or above_whom[field] for field in IDENTITY}
        used = output = 0
        for _ in range(draw(st.integers(1, 3))):
            call, start = self.call(provider)
            used, output = used + call.input, output + call.output
            parent = self.chain(above, trace) if above else 0
            self.leaf(dialect, call._replace(**leaf_whom), trace, parent, start, told, above_whom)
        if above:
            around = dialect.above(used, output) | {
                ABOVE_KEYS[field]: value for field, value in whom.items() if value is not None and not on_leaf
            }
            roof = self.numbers.next() if draw(st.booleans()) else 0
            self.add(dialect, a_span(above, around, above=roof, of_trace=trace, duration=10**6))
            if roof:
                self.add(None, a_span(roof, {"http.route": "/ask"}, of_trace=trace, duration=10**6))

    def expect(self, call: Called, dialects: Sequence[Dialect], whom: Whom) -> None:
        """One record of ``call``, if any of ``dialects`` shows that it is one."""
        telling = [dialect for dialect in dialects if dialect.shows(call)]
        if telling:
            self.scene.expected.append(expected_of(call, telling, whom))

    def chain(self, above: int, trace: int) -> int:
        """Spans between ``above`` and a call; the number of the lowest."""
        for kind in self.draw(st.lists(st.sampled_from(["plain", "chain", "tool"]), max_size=3)):
            number = self.numbers.next()
            attributes = {
                "plain": {"code.function": "step"},
                "chain": {"gen_ai.operation.name": "chain"},
                "tool": {"openinference.span.kind": "TOOL"},
            }[kind]
            self.add(None, a_span(number, attributes, above=above, of_trace=trace, duration=10**6))
            above = number
        return above

    def leaf(
        self, dialect: Dialect, call: Called, trace: int, parent: int, start: int, told: Whom, above_whom: Whom
    ) -> None:
        """A call, and perhaps another instrumentation's word on it, and the HTTP request inside."""
        draw, number = self.draw, self.numbers.next()
        where: dict[str, Any] = {"failed": call.failed, "of_trace": trace, "above": parent}
        others = [one for one in DIALECTS.values() if call.provider in one.providers and one.scope != dialect.scope]
        how = draw(st.sampled_from((None, *HOWS))) if others else None
        outside: dict[str, Any] = {"start": start, "duration": LONG}
        inside: dict[str, Any] = {"start": start + 10, "duration": LONG - 20}
        if how is None:
            self.add(dialect, a_span(number, dialect.attributes(call), **where, **outside))
            self.expect(call, [dialect], told)
        else:
            other = draw(st.sampled_from(others))
            bare = call._replace(**NOBODY)
            again = self.numbers.next()
            there = where.copy()
            first, second = outside, inside
            if how == "inside":
                there["above"] = number
            elif how == "around":
                where["above"] = again
                first, second = inside, outside
            elif how == "elsewhere":
                there |= {"above": 0, "of_trace": self.numbers.next()}
            self.add(dialect, a_span(number, dialect.attributes(call), **where, **first))
            self.add(other, a_span(again, other.attributes(bare), **there, **second))
            words = [dialect, other]
            # A span that cannot be seen to be a call would part those around it.
            if how == "inside" and other.shows(call) and draw(st.booleans()):
                words.append(self.innermost(bare, words, again, trace, inside))
            theirs = {"beside": above_whom, "elsewhere": NOBODY}.get(how, told)
            alike = call.failed or (dialect.measures and other.measures)
            share_id = dialect.has_ids and other.has_ids and not call.failed
            if not dialect.shows(call):
                self.expect(call, words[1:], theirs)
            elif how in ("inside", "around") or share_id or (self.by_fingerprint and alike):
                self.expect(call, words, told)
            else:
                self.expect(call, [dialect], told)
                self.expect(call, [other], theirs)
        if draw(st.booleans()):
            http = {"http.request.method": "POST", "url.full": "https://example.org"}
            self.add(None, a_span(self.numbers.next(), http, above=number, of_trace=trace, **inside))

    def innermost(
        self, call: Called, around: Sequence[Dialect], above: int, trace: int, when: dict[str, Any]
    ) -> Dialect:
        """A third instrumentation: that of the provider's own client, or of HTTP calls that look like it."""
        scopes = {dialect.scope for dialect in around}
        fitting = [one for one in DIALECTS.values() if call.provider in one.providers and one.scope not in scopes]
        third: Dialect = self.draw(st.sampled_from(fitting))
        span = a_span(
            self.numbers.next(), third.attributes(call), above=above, of_trace=trace, failed=call.failed, **when
        )
        self.add(third, span)
        return third

    def claude_code(self) -> None:
        """A log event, and perhaps the span of the same request: it knows what was asked for."""
        call, start = self.call("anthropic")
        call = call._replace(failed=False)
        request_id, trace, number = f"req_{call.number:012d}", self.numbers.next(), self.numbers.next()
        counts = {
            "input_tokens": call.uncached,
            "output_tokens": call.output,
            "cache_read_tokens": call.cache_read,
            "cache_creation_tokens": call.cache_write,
            "request_id": request_id,
        }
        self.event(
            "com.anthropic.claude_code.events",
            {
                "event.name": "api_request",
                "model": call.response_model,
                "cost_usd": call.cost / 1e9,
                "session.id": "c-1",
                "user.id": "ada",
                "duration_ms": str(LONG),
                **counts,
            },
            start,
        )
        request_models = {call.response_model}
        if self.draw(st.booleans()):
            said = {"span.type": "llm_request", "model": call.request_model, "gen_ai.system": "anthropic", **counts}
            span = a_span(number, said, of_trace=trace, start=start + 5, duration=LONG - 10)
            self.scene.parts.append(traced(span, scope="com.anthropic.claude_code.tracing"))
            request_models.add(call.request_model)
        self.scene.expected.append(
            Expected(
                "anthropic",
                frozenset(request_models),
                call.response_model,
                False,
                *call.tokens,
                call.cost,
                "ada",
                "c-1",
                None,
                None,
            )
        )

    def codex(self) -> None:
        """Counts as texts, and a total under another name; the time is in an attribute."""
        call, start = self.call("openai")
        at = datetime.fromtimestamp((BEGIN // MILLISECOND + start + LONG) / 1000, UTC)
        self.event(
            "codex_otel",
            {
                "event.name": "codex.sse_event",
                "event.kind": "response.completed",
                "event.timestamp": at.isoformat(timespec="milliseconds"),
                "conversation.id": "c-2",
                "model": call.request_model,
                "input_token_count": str(call.input),
                "output_token_count": str(call.output),
                "cached_token_count": call.cache_read,
                "reasoning_token_count": call.reasoning,
                "tool_token_count": str(call.input + call.output),
            },
            None,
        )
        self.scene.expected.append(
            Expected(
                "openai",
                frozenset({call.request_model}),
                None,
                False,
                *call.tokens,
                None,
                None,
                "c-2",
                None,
                None,
            )
        )

    def gemini_cli(self) -> None:
        """Thoughts are not in the output, and a twin of the event repeats it."""
        call, start = self.call("gcp.gemini")
        said = {
            "model": call.response_model,
            "duration_ms": LONG,
            "input_token_count": call.input,
            "output_token_count": call.output - call.reasoning,
            "cached_content_token_count": call.cache_read,
            "thoughts_token_count": call.reasoning,
            "total_token_count": call.input + call.output,
            "session.id": "c-3",
        }
        self.event("gemini-cli", {"event.name": "gemini_cli.api_response", **said}, start)
        twin = {"event.name": "gen_ai.client.inference.operation.details", "gen_ai.usage.input_tokens": call.input}
        self.event("gemini-cli", twin, start)
        self.scene.expected.append(
            Expected(
                "gcp.gemini",
                frozenset({call.request_model}),
                call.response_model,
                False,
                *call.tokens,
                None,
                None,
                "c-3",
                None,
                None,
            )
        )

    def event(self, scope: str, attributes: dict[str, Any], start: int | None) -> None:
        """Made when the call ends; without ``start`` its own time is missing."""
        at = 0 if start is None else BEGIN + (start + LONG) * MILLISECOND
        record = log_record("", attributes, time_unix_nano=at)
        self.scene.parts.append(request_of(logs_request(record, resource=PROCESS, scope=scope)))


@st.composite
def scenes(draw: st.DrawFn, *, by_fingerprint: bool) -> Scene:
    """Some traces, and some calls of coding agents."""
    maker = _Maker(draw, by_fingerprint=by_fingerprint)
    kinds = (maker.trace, maker.trace, maker.trace, maker.claude_code, maker.codex, maker.gemini_cli)
    for make in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=5)):
        make()
    return maker.scene


@st.composite
def arrivals(draw: st.DrawFn, parts: Sequence[Request]) -> list[Request]:
    """``parts`` in any order, some of them twice, in requests of any size."""
    again = draw(st.lists(st.sampled_from(parts), max_size=3))
    left = draw(st.permutations([*parts, *again]))
    found = []
    while left:
        size = draw(st.integers(1, len(left)))
        found += join(left[:size])
        left = left[size:]
    return found
