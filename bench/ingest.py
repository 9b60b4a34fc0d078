"""Ingest: OTLP/HTTP requests to a server with the embedded database, beside raw inserts of the same records.

A request counts once it is answered, which is after COMMIT; afterwards the records are counted in the database. Each
round sends new spans; rounds of everything that is compared are interleaved, in an order that turns.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

from bench import otlp, references
from bench.children import Child, server, sink
from bench.database import Database
from bench.meter import Cpu, peak_of
from bench.references import REFERENCES, Reference
from bench.wire import post, send
from bench.workload import Call, Cast, calls, cast
from usage_graph.observation import Observation
from usage_graph.processor.cost import Pricing
from usage_graph.processor.spans import Processor
from usage_graph.receiver.encoding import PROTOBUF
from usage_graph.receiver.traces import Call as SpanCall
from usage_graph.usage import UsageRecord

SPANS_PER_REQUEST = 512
CONNECTIONS = 4
ENCODINGS = {"gzip": True, "identity": False}
MONTH, MINUTES = timedelta(days=30), timedelta(minutes=5)
WINDOWS = {"live": MINUTES, "backfill": MONTH}
"""How far back a round's spans begin: what a server sees every day, and the worst that a batch can do to rollups."""


@dataclass(slots=True)
class Figure:
    """What one contender did, one entry per round."""

    spans_per_second: list[float] = field(default_factory=list)
    client_cpu_us: list[float] = field(default_factory=list)
    """Per span: of the server where there is one, else of the inserting process."""
    database_cpu_us: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    retries: int = 0

    @property
    def rate(self) -> float:
        return median(self.spans_per_second)

    @property
    def spans_per_cpu_second(self) -> float:
        """Spans per processor second of server (or inserting process) and database together."""
        return 1e6 / (median(self.client_cpu_us) + median(self.database_cpu_us))

    def percentile(self, percent: int) -> float | None:
        """Of the requests' durations, in milliseconds."""
        return quantiles(self.latencies, n=100)[percent - 1] * 1000 if len(self.latencies) > 1 else None


Figures = dict[str, dict[str, Figure]]
"""By window, then by contender."""


@dataclass(slots=True)
class Ingest:
    figures: Figures
    memory: dict[str, dict[str, int | None]]
    """Peak of the server process by encoding, in bytes."""
    client_ceiling: dict[str, float]
    """Spans per second that the client can send, by encoding."""
    spans_per_round: int
    rounds: int
    base: int
    bytes_per_span: dict[str, float]


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    rounds: int
    requests: int
    """Per round and contender."""
    base: int
    """Records that every database holds before the first round."""


def measure(database: Database, plan: Plan, told: Callable[[str], None]) -> Ingest:
    """One uncounted round, then ``plan.rounds``, of every window and contender."""
    people = cast(plan.seed)
    told(f"ingest: {plan.base:,} records as a base")
    end = datetime.now(UTC).replace(microsecond=0)
    database.create("base")
    database.fill("base", seed=plan.seed, count=plan.base, start=end - MONTH, end=end)
    database.execute("base", *references.TABLES, "VACUUM ANALYZE")
    figures: Figures = {window: {} for window in WINDOWS}
    memory: dict[str, dict[str, int | None]] = {encoding: {} for encoding in ENCODINGS}
    spans = plan.requests * SPANS_PER_REQUEST
    result = Ingest(figures, memory, {}, spans, plan.rounds, plan.base, {})
    with ExitStack() as stack:
        reference_dsn = database.create("reference", template="base")
        servers = {
            encoding: stack.enter_context(server(database.create(f"served_{encoding}", template="base")))
            for encoding in ENCODINGS
        }
        for encoding, child in servers.items():
            stack.enter_context(peak_of(child.pid, memory[encoding]))
        nothing = stack.enter_context(sink())
        for round_ in range(plan.rounds + 1):
            for window in WINDOWS:
                told(f"ingest: {window}, round {round_} of {plan.rounds}")
                sent = _spans(f"{plan.seed} {window} {round_}", plan.requests, people, window)
                contenders = [*_servers(database, servers, sent), *_references(database, reference_dsn, sent)]
                for name, run in _turned(contenders, round_):
                    figure = run()
                    if round_:
                        _add(figures[window].setdefault(name, Figure()), figure)
        for encoding in ENCODINGS:
            assert database.count(f"served_{encoding}") == database.count("reference"), "records were lost or doubled"
            result.client_ceiling[encoding] = _ceiling(nothing, sent, ENCODINGS[encoding])
            result.bytes_per_span[encoding] = len(_request(sent[0], ENCODINGS[encoding])) / SPANS_PER_REQUEST
    for name in ("reference", *(f"served_{encoding}" for encoding in ENCODINGS)):
        database.drop(name)
    return result


Contender = tuple[str, Callable[[], Figure]]


def _turned(contenders: Sequence[Contender], by: int) -> list[Contender]:
    by %= len(contenders)
    return [*contenders[by:], *contenders[:by]]


def _spans(seed: str, requests: int, people: Cast, window: str) -> list[list[Call]]:
    end = datetime.now(UTC).replace(microsecond=0)
    found = calls(seed, requests * SPANS_PER_REQUEST, people=people, start=end - WINDOWS[window], end=end)
    return [found[at : at + SPANS_PER_REQUEST] for at in range(0, len(found), SPANS_PER_REQUEST)]


def _request(spans: Sequence[Call], compress: bool) -> bytes:
    return post("/v1/traces", otlp.protobuf(spans), content_type=PROTOBUF.media_type, compress=compress)


def _servers(database: Database, servers: dict[str, Child], sent: Sequence[Sequence[Call]]) -> Iterator[Contender]:
    for encoding, child in servers.items():

        def run(encoding: str = encoding, child: Child = child) -> Figure:
            requests = [_request(spans, ENCODINGS[encoding]) for spans in sent]
            spans = sum(map(len, sent))
            with Cpu(child.pid, database.postmaster) as cpu:
                done = send(child.port, requests, connections=CONNECTIONS)
            own, databases = (seconds / spans * 1e6 for seconds in cpu.seconds)
            return Figure([spans / done.seconds], [own], [databases], done.latencies, done.retries)

        yield f"usage-graph, {encoding}", run


def _references(database: Database, dsn: str, sent: Sequence[Sequence[Call]]) -> Iterator[Contender]:
    """On records of the same spans, made by the server's own decoder and processor."""
    records = _records(sent)
    for reference in REFERENCES:

        def run(reference: Reference = reference) -> Figure:
            done = references.insert(reference, dsn, records, postmaster=database.postmaster)
            own, databases = (seconds / len(records) * 1e6 for seconds in (done.client_cpu, done.database_cpu))
            return Figure([len(records) / done.wall], [own], [databases])

        yield reference.key, run


def _records(sent: Sequence[Sequence[Call]]) -> list[UsageRecord]:
    processor, now, found = Processor(pricing=Pricing()), datetime.now(UTC), []
    for spans in sent:
        for decoded in PROTOBUF.decode_traces(otlp.protobuf(spans)).parts:
            assert isinstance(decoded, SpanCall)
            observed = processor.observe(*decoded, project=None, now=now)
            assert isinstance(observed, Observation), observed
            found.append(observed.record)
    return found


def _add(total: Figure, one: Figure) -> None:
    total.spans_per_second += one.spans_per_second
    total.client_cpu_us += one.client_cpu_us
    total.database_cpu_us += one.database_cpu_us
    total.latencies += one.latencies
    total.retries += one.retries


def _ceiling(nothing: Child, sent: Sequence[Sequence[Call]], compress: bool) -> float:
    requests = [_request(spans, compress) for spans in sent] * 10
    return len(requests) * SPANS_PER_REQUEST / send(nothing.port, requests, connections=CONNECTIONS).seconds
