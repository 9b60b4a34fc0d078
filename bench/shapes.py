"""The shapes that OTLP arrives in: what a request is made of, and how many are under way."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from bench import otlp, rpc, wire
from bench.children import Child
from bench.wire import Connect, Sent
from bench.workload import Call, Cast, Other, among_others, calls, only_others

MONTH, MINUTES = timedelta(days=30), timedelta(minutes=5)
WINDOWS = {"live": MINUTES, "backfill": MONTH}
"""How far back spans begin: what a server sees every day, and the worst that a batch can do to rollups."""
SPANS_PER_REQUEST = 512
LARGE, SMALL = (SPANS_PER_REQUEST, 4), (1, 64)
"""Spans per request, and connections: few large requests, and many small ones."""


class Shape(NamedTuple):
    """``others``: the share of spans that are no LLM calls. ``amount``: how many spans of the usual number are sent."""

    name: str
    grpc: bool = False
    json: bool = False
    compress: bool = True
    spans_per_request: int = LARGE[0]
    connections: int = LARGE[1]
    others: float = 0.0
    window: str = "live"
    amount: float = 1.0

    @property
    def content_type(self) -> str:
        return "application/json" if self.json else "application/x-protobuf"


SHAPES = (
    Shape("HTTP gzip"),
    Shape("HTTP identity", compress=False),
    Shape("JSON gzip", json=True),
    Shape("gRPC gzip", grpc=True),
    Shape("gRPC identity", grpc=True, compress=False),
    Shape("1 span", spans_per_request=SMALL[0], connections=SMALL[1], amount=0.25),
    Shape("gRPC 1 span", grpc=True, spans_per_request=SMALL[0], connections=SMALL[1], amount=0.25),
    Shape("90 % others", others=0.9, amount=2),
    Shape("100 % others", others=1.0, amount=4),
    Shape("backfill", window="backfill"),
)
HEADLINE, SMALLEST, MIXED, OTHERS, BACKFILL = "HTTP gzip", "1 span", "90 % others", "100 % others", "backfill"


class Load(NamedTuple):
    """Prebuilt requests of a shape: ``spans`` in all, of which ``calls`` are stored."""

    shape: Shape
    requests: Sequence[bytes]
    spans: int
    calls: int

    def send(self, child: Child) -> Sent:
        port, connect = destination(self.shape, child)
        return wire.send(port, self.requests, connections=self.shape.connections, connect=connect)


def destination(shape: Shape, child: Child) -> tuple[int, Connect]:
    """Where requests of the shape go, and how one connects there."""
    return (child.grpc_port, rpc.Connection) if shape.grpc else (child.port, wire.Connection)


class Loads:
    """The loads of one round: shapes whose spans are equal send the same ones.

    ``count``: the usual number of spans of a shape; each of ``seed`` gives new ones of the same ``people``.
    """

    def __init__(self, seed: str, count: int, people: Cast) -> None:
        self._seed, self._count, self._people = seed, count, people
        self._end = datetime.now(UTC)
        self._bodies = cache(self._encoded)

    def of(self, shape: Shape) -> Load:
        spans, bodies = self._bodies(shape.json, shape.spans_per_request, shape.others, shape.window, shape.amount)
        requests = [request(shape, body) for body in bodies]
        return Load(shape, requests, len(spans), sum(isinstance(span, Call) for span in spans))

    def calls(self, window: str) -> list[Call]:
        """Of a shape that is nothing else."""
        start = self._end - WINDOWS[window]
        return calls(f"{self._seed} {window}", self._count, people=self._people, start=start, end=self._end)

    def _spans(self, others: float, window: str, amount: float) -> Sequence[Call | Other]:
        count = int(self._count * amount)
        if others == 1.0:
            return only_others(self._seed, count, start=self._end - WINDOWS[window], end=self._end)
        found = self.calls(window)[: int(count * (1 - others))]
        return among_others(self._seed, found, others) if others else found

    def _encoded(
        self, json: bool, at_once: int, others: float, window: str, amount: float
    ) -> tuple[Sequence[Call | Other], list[bytes]]:
        spans, encode = self._spans(others, window, amount), otlp.json if json else otlp.protobuf
        return spans, [encode(spans[at : at + at_once]) for at in range(0, len(spans), at_once)]


def request(shape: Shape, body: bytes) -> bytes:
    """What goes over the wire."""
    if shape.grpc:
        return rpc.message(body, compress=shape.compress)
    return wire.post("/v1/traces", body, content_type=shape.content_type, compress=shape.compress)
