"""The workload: LLM calls drawn from a seed. Pure: the same arguments give the same calls on every machine.

Cardinalities and shapes are those of README.md. Who calls is drawn once (a conversation keeps its agent and its user,
an agent its source and its favourite model), who calls when is drawn for each call.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, groupby
from typing import NamedTuple

AGENTS, CONVERSATIONS, USERS, NAMES = 200, 2000, 500, 8
EXPONENT = 1.1
"""Of the Zipf distributions: the first of 2000 conversations has 18 % of the calls that belong to one."""
ASSISTANTS, WORKERS = 120, 190
"""Agents up to the first number talk to people, up to the second run on a schedule, the rest evaluate the others."""
SLICE = 50_000
"""Calls that databases are filled with at a time."""
FAILED = 0.02
FAITHFUL = 0.8
"""How many of its calls an agent makes to its favourite model."""

_SOURCES = ("chat", "agent", "memory", "evaluation")
_SHARES = (0.58, 0.25, 0.13, 0.04)
_EMBEDDED = 0.3
"""How much of what is remembered is looked up by embeddings."""


class Model(NamedTuple):
    provider: str
    requested: str
    answered: str


MODELS = (
    Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    Model("anthropic", "claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"),
    Model("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    Model("anthropic", "claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
    Model("gcp.gemini", "gemini-2.0-flash", "gemini-2.0-flash"),
    Model("openai", "gpt-4.1", "gpt-4.1-2025-04-14"),
    Model("aws.bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"),
    Model("openai", "o3-mini", "o3-mini-2025-01-31"),
    Model("mistral_ai", "mistral-large-latest", "mistral-large-2411"),
    Model("deepseek", "deepseek-chat", "deepseek-chat"),
    Model("gcp.gemini", "gemini-1.5-pro", "gemini-1.5-pro-002"),
    Model("in-house", "house-llm-7b", "house-llm-7b"),
)
"""Most used first. The last one has no public price."""
EMBEDDER = Model("openai", "text-embedding-3-small", "text-embedding-3-small")


class Call(NamedTuple):
    """One LLM call as its application knows it; times in nanoseconds since 1970."""

    trace_id: bytes
    span_id: bytes
    start_ns: int
    end_ns: int
    failed: bool
    operation: str
    source: str
    model: Model
    name: str | None
    agent: str | None
    conversation: str | None
    user: str | None
    channel: str | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    parent_id: bytes = b""
    """The span right above it; empty where it is the first of its trace."""


class Other(NamedTuple):
    """A span that is no LLM call, of an application that makes some. ``kind`` is one of ``OTHERS``."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    start_ns: int
    end_ns: int
    kind: str


OTHERS = ("request", "http", "sql", "cache", "tool")
"""A request that came in, what it asked of other servers, databases and caches, and tools that an agent ran: these
alone belong to LLM calls by their attributes, and are looked at."""
_OTHER_SHARES = (0, 0.35, 0.35, 0.25, 0.05)


class Conversation(NamedTuple):
    key: str
    agent: str
    user: str
    channel: str
    model: Model


class _Zipf:
    """Draws from ``values``, the first most often: weights 1, 1/2^s, 1/3^s, ..."""

    def __init__(self, count: int) -> None:
        self._ranks = range(count)
        self._weights = list(accumulate((rank + 1) ** -EXPONENT for rank in self._ranks))

    def draw(self, dice: random.Random, count: int = 1) -> list[int]:
        return dice.choices(self._ranks, cum_weights=self._weights, k=count)


@dataclass(frozen=True, slots=True)
class Cast:
    """Who calls: the same for every round of a run, so that rollups see one population."""

    conversations: Sequence[Conversation]
    favourites: Sequence[Model]
    """By agent number."""


def cast(seed: int) -> Cast:
    """The population of ``seed``."""
    dice = random.Random(f"cast {seed}")
    agents, users, models = _Zipf(ASSISTANTS), _Zipf(USERS), _Zipf(len(MODELS))
    favourites = [MODELS[rank] for rank in models.draw(dice, AGENTS)]
    conversations = []
    for _ in range(CONVERSATIONS):
        (agent,), (user,) = agents.draw(dice), users.draw(dice)
        conversations.append(
            Conversation(
                key=f"conv_{dice.getrandbits(64):016x}",
                agent=agent_name(agent),
                user=user_key(user),
                channel=dice.choice(("web", "slack", "api")),
                model=favourites[agent],
            )
        )
    return Cast(conversations, favourites)


def agent_name(number: int) -> str:
    role = "assistant" if number < ASSISTANTS else "worker" if number < WORKERS else "evaluator"
    return f"{role}-{number:03}"


def user_key(number: int) -> str:
    return f"user_{number:04}"


def calls(seed: str, count: int, *, people: Cast, start: datetime, end: datetime, ordered: bool = False) -> list[Call]:
    """``count`` calls that begin in ``[start, end)``, evenly spread; in the order of time if ``ordered``.

    Another ``seed`` gives other calls of the same ``people``. Four calls in a row that are of one turn share a trace.
    """
    dice = random.Random(f"calls {seed}")
    span_ns = (end - start) // timedelta(microseconds=1) * 1000
    start_ns = round(start.timestamp() * 10**6) * 1000
    offsets = [int(dice.random() * span_ns) // 1000 * 1000 for _ in range(count)]
    if ordered:
        offsets.sort()
    return [_at(call, start_ns + offset) for call, offset in zip(_draw(dice, count, people), offsets, strict=True)]


class Amount(NamedTuple):
    """``size`` calls of the population of ``seed``, evenly over ``[start, end)``."""

    seed: int
    size: int
    start: datetime
    end: datetime


class Slice(NamedTuple):
    """The ``number``-th part of an amount."""

    number: int
    amount: Amount


def slices(amount: Amount) -> list[Slice]:
    """What databases are filled with, in parts that follow each other in time; they can be drawn in any order."""
    parts = max(1, -(-amount.size // SLICE))
    length = (amount.end - amount.start) / parts
    return [
        Slice(
            number,
            amount._replace(
                size=amount.size // parts + (number < amount.size % parts),
                start=amount.start + number * length,
                end=amount.start + (number + 1) * length,
            ),
        )
        for number in range(parts)
    ]


def calls_of(part: Slice) -> list[Call]:
    """In the order of time."""
    seed, count, start, end = part.amount
    return calls(f"{seed} base {part.number}", count, people=cast(seed), start=start, end=end, ordered=True)


def among_others(seed: str, calls: Sequence[Call], share: float) -> list[Call | Other]:
    """``calls`` in traces in which ``share`` of all spans, from 0 up to below 1, are no LLM calls.

    Calls of a trace lie below one request. Spans of the same trace stand together, as a batch of an SDK has them.
    """
    dice = random.Random(f"others {seed}")
    found: list[Call | Other] = []
    owed = 0.0
    for _, of_trace in groupby(calls, key=lambda call: call.trace_id):
        trace = list(of_trace)
        owed += len(trace) * share / (1 - share)
        count = int(owed)
        owed -= count
        if not count:
            found += trace
            continue
        root = _other(dice, trace[0], b"", "request")
        found += (call._replace(parent_id=root.span_id) for call in trace)
        kinds = dice.choices(OTHERS, _OTHER_SHARES, k=count - 1)
        found += (_other(dice, dice.choice(trace), root.span_id, kind) for kind in kinds)
        found.append(root)
    return found


def only_others(seed: str, count: int, *, start: datetime, end: datetime) -> list[Other]:
    """``count`` spans of traces without any LLM call, 16 in a trace."""
    dice, spans = random.Random(f"only others {seed}"), list[Other]()
    # Calls for the sake of their times.
    for timed in calls(f"others {seed}", -(-count // 16), people=cast(0), start=start, end=end):
        call = timed._replace(trace_id=dice.randbytes(16))
        root = _other(dice, call, b"", "request")
        kinds = dice.choices(("http", "sql", "cache"), k=15)
        spans += (_other(dice, call, root.span_id, kind) for kind in kinds)
        spans.append(root)
    return spans[:count]


def _other(dice: random.Random, beside: Call, parent_id: bytes, kind: str) -> Other:
    """A span in the trace of ``beside``, while it ran."""
    taken = beside.end_ns - beside.start_ns
    begun = 0 if kind == "request" else int(dice.random() * taken)
    ended = taken if kind == "request" else begun + int(dice.random() * (taken - begun))
    start = beside.start_ns
    return Other(beside.trace_id, dice.randbytes(8), parent_id, start + begun, start + ended, kind)


def _at(call: Call, start_ns: int) -> Call:
    return call._replace(start_ns=start_ns, end_ns=start_ns + call.end_ns)


def _draw(dice: random.Random, count: int, people: Cast) -> Iterator[Call]:
    """Calls whose start is 0; drawn in columns, which is several times as fast as one by one."""
    sources = dice.choices(_SOURCES, _SHARES, k=count)
    conversations = _Zipf(CONVERSATIONS).draw(dice, count)
    workers = _Zipf(WORKERS - ASSISTANTS).draw(dice, count)
    evaluators = _Zipf(AGENTS - WORKERS).draw(dice, count)
    users = _Zipf(USERS).draw(dice, count)
    models = _Zipf(len(MODELS)).draw(dice, count)
    trace = b""
    for index in range(count):
        if index % 4 == 0:
            trace = dice.randbytes(16)
        source = sources[index]
        name: str | None = None
        agent: str | None = None
        conversation: str | None = None
        user: str | None = None
        channel: str | None = None
        model = MODELS[models[index]]
        operation = "chat"
        faithful = dice.random() < FAITHFUL
        if source == "chat":
            conversation, agent, user, channel, favourite = people.conversations[conversations[index]]
            model = favourite if faithful else model
        elif source == "memory":
            name = f"remember-{users[index] % NAMES}"
            user = user_key(users[index])
            model = MODELS[0]
            if dice.random() < _EMBEDDED:
                operation, model = "embeddings", EMBEDDER
        else:
            number = ASSISTANTS + workers[index] if source == "agent" else WORKERS + evaluators[index]
            agent, name = agent_name(number), f"run of {agent_name(number)}"
            model = people.favourites[number] if faithful else model
        tokens = 200 + int(dice.expovariate(1 / 1800))
        yield Call(
            trace_id=trace,
            span_id=dice.randbytes(8),
            start_ns=0,
            end_ns=(80 + int(dice.expovariate(1 / 2500))) * 10**6,
            failed=dice.random() < FAILED,
            operation=operation,
            source=source,
            model=model,
            name=name,
            agent=agent,
            conversation=conversation,
            user=user,
            channel=channel,
            input_tokens=tokens,
            output_tokens=0 if operation == "embeddings" else 5 + int(dice.expovariate(1 / 260)),
            cached_tokens=tokens // 2 // 128 * 128 if source == "chat" and faithful else 0,
        )
