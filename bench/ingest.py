"""Ingest: OTLP requests of several shapes to servers on the embedded database, beside raw inserts of the same records.

A request counts once it is answered, which is after COMMIT; afterwards the records are counted in the database. Each
round sends new spans; rounds of everything that is compared are interleaved, in an order that changes. Each shape has a
server and a database of its own, so that memory is known by shape.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median, quantiles

from bench import load, otlp, pressure, references
from bench.children import Child, server, sink
from bench.database import Database
from bench.meter import Cpu, peak_of
from bench.pressure import Pressure
from bench.references import REFERENCES, Reference
from bench.shapes import HEADLINE, MONTH, WINDOWS, Load, Loads, Shape
from bench.workload import Amount, Call, cast
from usage_graph.observation import Observation
from usage_graph.processor.cost import Pricing
from usage_graph.processor.spans import Processor
from usage_graph.receiver.encoding import PROTOBUF
from usage_graph.receiver.traces import Call as SpanCall

_CEILING_REQUESTS = 400


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
    def cpu_us(self) -> float:
        """Processor time per span of server (or inserting process) and database together."""
        return median(self.client_cpu_us) + median(self.database_cpu_us)

    @property
    def spans_per_cpu_second(self) -> float:
        return 1e6 / self.cpu_us

    def percentile(self, percent: int) -> float | None:
        """Of the requests' durations, in milliseconds."""
        return quantiles(self.latencies, n=100)[percent - 1] * 1000 if len(self.latencies) > 1 else None

    def add(self, one: "Figure") -> None:
        self.spans_per_second += one.spans_per_second
        self.client_cpu_us += one.client_cpu_us
        self.database_cpu_us += one.database_cpu_us
        self.latencies += one.latencies
        self.retries += one.retries


Memory = dict[str, int | None]
"""In bytes, by how it is known."""


@dataclass(slots=True)
class Ceiling:
    """What the client can send at most, and how large it is."""

    spans_per_second: float
    bytes_per_span: float


@dataclass(slots=True)
class Ingest:
    shapes: dict[str, Figure]
    references: dict[str, dict[str, Figure]]
    """By window, then by reference."""
    memory: dict[str, Memory]
    """Peak of the server process by shape."""
    ceilings: dict[str, Ceiling]
    pressure: Pressure | None
    spans_per_round: int
    rounds: int
    base: int


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    rounds: int
    spans: int
    """Per round and contender."""
    base: int
    """Records that every database holds before the first round."""
    shapes: Sequence[Shape]
    paced: int
    """Requests at 70 % of the peak rate."""
    questions: int
    """While nothing is sent, and while as much is sent as is taken."""


def measure(database: Database, plan: Plan, told: Callable[[str], None]) -> Ingest:
    """One uncounted round, then ``plan.rounds``, of every shape and reference; then what pressure does to one shape."""
    told(f"ingest: {plan.base:,} records as a base")
    end = datetime.now(UTC).replace(microsecond=0)
    database.create("base")
    load.load(database, "base", Amount(plan.seed, plan.base, end - MONTH, end))
    database.execute("base", *references.TABLES, "VACUUM ANALYZE")
    with ExitStack() as stack:
        measuring = _Measuring(database, plan, stack)
        stack.callback(measuring.drop)
        for round_ in range(plan.rounds + 1):
            told(f"ingest: round {round_} of {plan.rounds}")
            measuring.round(round_)
        told("ingest: under pressure")
        return measuring.finish()


class _Measuring:
    def __init__(self, database: Database, plan: Plan, stack: ExitStack) -> None:
        self._database, self._plan = database, plan
        self._people = cast(plan.seed)
        self._windows = [window for window in WINDOWS if any(shape.window == window for shape in plan.shapes)]
        self._names = {shape.name: f"served_{number}" for number, shape in enumerate(plan.shapes)}
        self._expected = dict.fromkeys(self._names, plan.base)
        self._reference = database.create("reference", template="base")
        self._servers: dict[str, Child] = {}
        memory: dict[str, Memory] = {shape.name: {} for shape in plan.shapes}
        self._memory = stack.enter_context(ExitStack())
        for shape in plan.shapes:
            dsn = database.create(self._names[shape.name], template="base")
            child = self._servers[shape.name] = stack.enter_context(server(dsn, grpc=shape.grpc))
            self._memory.enter_context(peak_of(child.pid, memory[shape.name]))
        self._sink = stack.enter_context(sink())
        by_window: dict[str, dict[str, Figure]] = {window: {} for window in self._windows}
        self._result = Ingest({}, by_window, memory, {}, None, plan.spans, plan.rounds, plan.base)

    def round(self, number: int) -> None:
        """Uncounted if it is the first."""
        loads = Loads(f"{self._plan.seed} {number}", self._plan.spans, self._people)
        # What one leaves for PostgreSQL to tidy up falls upon the next, which is another in each round; what the
        # references leave, which write to other tables, falls upon no more than one shape.
        for contenders in ([*self._shapes(loads)], [*self._references(loads)]):
            random.Random(f"order {number}").shuffle(contenders)
            for figures, name, run in contenders:
                figure = run()
                if number:
                    figures.setdefault(name, Figure()).add(figure)

    def finish(self) -> Ingest:
        self._memory.close()
        self._check()
        loads = Loads(f"{self._plan.seed} last", self._plan.spans, self._people)
        for shape in self._plan.shapes:
            self._result.ceilings[shape.name] = _ceiling(self._sink, loads.of(shape))
        if HEADLINE in self._servers:
            self._result.pressure = self._under_pressure()
            self._check()
        self._result.shapes = {name: self._result.shapes[name] for name in self._names}
        for window, figures in self._result.references.items():
            self._result.references[window] = {one.key: figures[one.key] for one in REFERENCES}
        return self._result

    def drop(self) -> None:
        for name in ("reference", *self._names.values()):
            self._database.drop(name)

    def _shapes(self, loads: Loads) -> Iterator["_Contender"]:
        for shape in self._plan.shapes:

            def run(shape: Shape = shape) -> Figure:
                sent, child = loads.of(shape), self._servers[shape.name]
                self._expected[shape.name] += sent.calls
                with Cpu(child.pid, self._database.postmaster) as cpu:
                    done = sent.send(child)
                own, databases = (seconds / sent.spans * 1e6 for seconds in cpu.seconds)
                return Figure([sent.spans / done.seconds], [own], [databases], done.latencies, done.retries)

            yield self._result.shapes, shape.name, run

    def _references(self, loads: Loads) -> Iterator["_Contender"]:
        """On observations of the same spans, made by the server's own decoder and processor."""
        for window in self._windows:
            observations = _observations(loads.calls(window))
            for reference in REFERENCES:

                def run(reference: Reference = reference, given: Sequence[Observation] = observations) -> Figure:
                    done = references.insert(reference, self._reference, given, postmaster=self._database.postmaster)
                    own, databases = (seconds / len(given) * 1e6 for seconds in (done.client_cpu, done.database_cpu))
                    return Figure([len(given) / done.wall], [own], [databases])

                yield self._result.references[window], reference.key, run

    def _under_pressure(self) -> Pressure:
        pressed, sent = pressure.measure(
            self._servers[HEADLINE],
            next(shape for shape in self._plan.shapes if shape.name == HEADLINE),
            rate=self._result.shapes[HEADLINE].rate,
            seed=self._plan.seed,
            paced=self._plan.paced,
            questions=self._plan.questions,
        )
        self._expected[HEADLINE] += sent
        return pressed

    def _check(self) -> None:
        """Nothing was lost, and nothing doubled; the reference stored the same."""
        found = {name: self._database.count(of) for name, of in self._names.items()}
        assert found == self._expected, f"records were lost or doubled: {found}, not {self._expected}"
        expected = self._plan.base + (self._plan.rounds + 1) * self._plan.spans * len(self._windows)
        assert self._database.count("reference") == expected, "the reference stored something else"


_Contender = tuple[dict[str, Figure], str, Callable[[], Figure]]


def _observations(spans: Sequence[Call]) -> list[Observation]:
    processor, now, found = Processor(pricing=Pricing()), datetime.now(UTC), []
    for decoded in PROTOBUF.decode_traces(otlp.protobuf(spans)).parts:
        assert isinstance(decoded, SpanCall)
        observed = processor.observe(*decoded, project=None, now=now)
        assert isinstance(observed, Observation), observed
        found.append(observed)
    return found


def _ceiling(nothing: Child, sent: Load) -> Ceiling:
    times = max(1, _CEILING_REQUESTS // len(sent.requests))
    done = sent._replace(requests=[*sent.requests] * times).send(nothing)
    return Ceiling(sent.spans * times / done.seconds, sum(map(len, sent.requests)) / sent.spans)
