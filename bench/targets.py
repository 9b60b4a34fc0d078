"""What is to be reached, in one place: a figure, and the least or the most that it may be."""

from typing import NamedTuple

from bench.cases import FLAT, questions
from bench.figures import Figures
from bench.references import SAME_SQL
from bench.shapes import HEADLINE, SHAPES, SMALLEST
from bench.visits import WINDOWS


class Target(NamedTuple):
    """``figure`` is at least ``least``, at most ``most``; ``stretch`` is better still."""

    figure: str
    least: float | None = None
    most: float | None = None
    stretch: float | None = None

    def met(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def bound(self) -> str:
        text = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        return f"{text} ({self.stretch:g})" if self.stretch is not None else text


_INGEST = (
    Target(f"ingest {HEADLINE}: spans/s", least=8_000, stretch=15_000),
    Target(f"ingest {HEADLINE}: spans per CPU-second", least=6_000, stretch=10_000),
    Target(f"ingest {HEADLINE}: of {SAME_SQL}", least=0.5),
    Target(f"ingest gRPC gzip: of {HEADLINE}", least=0.8),
    Target(f"ingest JSON gzip: of {HEADLINE}", least=0.8),
    Target(f"ingest {SMALLEST}: of {HEADLINE}", least=0.15),
    Target("ingest: CPU of another span, of an LLM call's", most=0.1),
    Target("ingest: CPU of another span among calls, of an LLM call's", most=0.1),
    *(Target(f"ingest {shape.name}: peak memory", most=200) for shape in SHAPES),
    *(
        Target(f"memory: 20 MB requests, {name}", most=200)
        for name in ("protobuf", "protobuf, gzip", "JSON", "JSON, gzip")
    ),
    Target("ingest: acknowledgement p99 at 70 % of the peak", most=250),
    Target("UsagePage during full ingest, of idle", most=3),
    Target("Totals during full ingest, of idle", most=3),
)
_READ = (
    *(Target(f"read {case.name}: of 1.3 SQL + 1.5 ms", most=1) for case in questions()),
    Target("read UsagePage: p50", most=25),
    Target("read UsagePage: requests/s, 8 clients", least=80),
    *(
        Target(f"read {name}: requests/s, 8 clients", least=least)
        for name, least in (
            ("totals 24 h", 1_400),
            ("totals 30 d", 1_100),
            ("series by day 30 d", 850),
            ("top agents 30 d", 230),
            ("records, page 1 30 d", 1_000),
        )
    ),
    *(
        Target(f"flat: {name}, {longer} of 24 h", most=most)
        for longer, most in (("30 d", 2), ("1 y", 3))
        for name in FLAT
    ),
    Target("flat: split by day in Kathmandu, of split by hour in UTC", most=2),
    *(Target(f"flat: {case.name}, many of few records", most=1.5) for case in questions()),
    Target("flat: UsagePage, many of few records", most=1.5),
)
_REST = (
    Target("size: bytes per record", most=800, stretch=650),
    Target("startup: serve to ready", most=1.5),
    Target("startup: --version", most=0.2),
    Target("startup: import of usage_graph.instrument", most=0.1),
    Target("startup: overhead per LLM span", most=20),
    *(
        Target(f"page, {name} {window}, {kind}: first numbers", most=most)
        for name, most in (("demo", 1_000), ("month", 1_500))
        for window in WINDOWS
        for kind in ("cold", "warm")
    ),
)
TARGETS = (*_INGEST, *_READ, *_REST)


class Judged(NamedTuple):
    target: Target
    value: float
    unit: str
    met: bool


def judge(figures: Figures, targets: tuple[Target, ...] = TARGETS) -> list[Judged]:
    """Of the targets whose figures were measured, in their order."""
    return [
        Judged(target, figure.value, figure.unit, target.met(figure.value))
        for target in targets
        if (figure := figures.get(target.figure)) is not None
    ]
