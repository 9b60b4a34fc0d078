"""OTLP requests taken apart and put together again: what exporters, collectors and networks do to them."""

import itertools
import json
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import Message

from tests.processor.payloads import DIRECTORY, manifest
from tests.receiver.wire import APIS, signal_of
from usage_graph.receiver.request import Signal


class Request(NamedTuple):
    """A body as it is sent. Bodies of protobuf may be joined byte by byte: that is how protobuf merges messages."""

    signal: Signal
    json: bool
    body: bytes

    @property
    def media_type(self) -> str:
        return "application/json" if self.json else "application/x-protobuf"


def request_of(message: Message) -> Request:
    return Request(signal_of(message), json=False, body=message.SerializeToString())


def captured(case: str) -> list[Request]:
    """The requests of a case as they were sent."""
    return [
        Request(Signal(file["signal"]), file["file"].endswith(".json"), (DIRECTORY / file["file"]).read_bytes())
        for file in manifest()[case]["files"]
    ]


class _Nesting(NamedTuple):
    resources: str
    scopes: str
    parts: str


_NESTING = {
    Signal.TRACES: _Nesting("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: _Nesting("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: _Nesting("resource_metrics", "scope_metrics", "metrics"),
}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.title, rest))


def split(request: Request) -> list[Request]:
    """One request for each span, log record or metric."""
    nesting = _NESTING[request.signal]
    if request.json:
        return _split_json(request, _Nesting(*map(_camel, nesting)))
    found = []
    message: Any = APIS[request.signal].request.FromString(request.body)
    for held in getattr(message, nesting.resources):
        for scoped in getattr(held, nesting.scopes):
            for part in getattr(scoped, nesting.parts):
                alone: Any = APIS[request.signal].request()
                around = getattr(alone, nesting.resources).add(resource=held.resource, schema_url=held.schema_url)
                inside = getattr(around, nesting.scopes).add(scope=scoped.scope, schema_url=scoped.schema_url)
                getattr(inside, nesting.parts).append(part)
                found.append(request._replace(body=alone.SerializeToString()))
    return found


def _split_json(request: Request, nesting: _Nesting) -> list[Request]:
    found = []
    for held in json.loads(request.body)[nesting.resources]:
        for scoped in held[nesting.scopes]:
            for part in scoped[nesting.parts]:
                alone = {nesting.resources: [held | {nesting.scopes: [scoped | {nesting.parts: [part]}]}]}
                found.append(request._replace(body=json.dumps(alone).encode()))
    return found


def join(requests: Iterable[Request]) -> list[Request]:
    """One request for each signal (and encoding)."""
    by_kind: dict[tuple[Signal, bool], list[bytes]] = {}
    for request in requests:
        by_kind.setdefault(request[:2], []).append(request.body)
    return [Request(*kind, _join_json(bodies) if kind[1] else b"".join(bodies)) for kind, bodies in by_kind.items()]


def _join_json(bodies: Iterable[bytes]) -> bytes:
    joined: dict[str, list[Any]] = {}
    for body in bodies:
        for name, resources in json.loads(body).items():
            joined.setdefault(name, []).extend(resources)
    return json.dumps(joined).encode()


def one_by_one(requests: Iterable[Request]) -> list[Request]:
    return [part for request in requests for part in split(request)]


def backwards(requests: Sequence[Request]) -> list[Request]:
    """The last request first, and its last part first."""
    return [whole for request in reversed(requests) for whole in join(reversed(split(request)))]


def shuffled(requests: Iterable[Request], *, seed: int) -> list[Request]:
    """Parts in any order, in requests of any size."""
    chance = random.Random(seed)  # noqa: S311
    parts = one_by_one(requests)
    chance.shuffle(parts)
    found = []
    while parts:
        size = chance.randint(1, 1 + len(parts) // 2)
        found += join(parts[:size])
        del parts[:size]
    return found


def interleaved(requests: Iterable[Request]) -> list[Request]:
    """Part by part, of each signal in turn; metrics and logs first."""
    parts = sorted(one_by_one(requests), key=lambda part: part.signal)
    turns = [list(group) for _, group in itertools.groupby(parts, key=lambda part: part.signal)]
    return [part for turn in itertools.zip_longest(*turns) for part in turn if part is not None]


Order = Callable[[list[Request]], list[Request]]

ORDERS: dict[str, Order] = {
    "as sent": list,
    "backwards": backwards,
    "one by one": one_by_one,
    "one by one, backwards": lambda requests: one_by_one(requests)[::-1],
    "joined": join,
    "joined, backwards": lambda requests: join(one_by_one(requests)[::-1]),
    "shuffled": lambda requests: shuffled(requests, seed=4),
    "shuffled otherwise": lambda requests: shuffled(requests, seed=5),
    "sent twice": lambda requests: [*requests, *requests],
    "again, shuffled": lambda requests: [*requests, *shuffled(requests, seed=6)],
    "signals interleaved": interleaved,
}
"""How the requests of a case may arrive."""
