"""The figures of a run beside the peers by name, taken from its JSON, and what they are to be. Pure."""

from collections.abc import Iterator
from statistics import median

from bench.figures import Figure, Figures, Json
from bench.peers.ingest import OURS
from bench.peers.questions import questions
from bench.peers.read import THEIRS
from bench.targets import Target

FASTER = {"Phoenix": 100, "MLflow": 20}
"""How many times as many spans per second usage-graph is to store, at least."""


def figures(results: Json) -> Figures:
    """Those of what was measured, in the order of the run."""
    return dict((*_ingest(results.get("ingest", {})), *_reads(results.get("read", {}).get("questions", {}))))


def targets() -> tuple[Target, ...]:
    asked = questions()
    return (
        *(Target(f"ingest: spans/s, of {name}", least=least) for name, least in FASTER.items()),
        Target("ingest: stored after kill -9, of acknowledged", least=1),
        *(Target(f"{question.name}: as fast as {THEIRS}", least=question.faster) for question in asked),
        *(
            Target(f"{question.name}: answers/s, of {THEIRS}", least=question.more)
            for question in asked
            if question.more is not None
        ),
    )


def spans_per_cpu_second(figure: Json) -> float:
    """Of the server's processes and of PostgreSQL together."""
    return float(figure["spans"] / (median(figure["server_cpu"]) + median(figure["database_cpu"])))


def rate(figure: Json) -> float:
    """Spans per second until they are stored."""
    return float(median(figure["spans_per_second"]))


def _ingest(ingest: Json) -> Iterator[tuple[str, Figure]]:
    for name in FASTER if ingest else ():
        ours, theirs = ingest[OURS], ingest[name]
        yield f"ingest: spans/s, of {name}", Figure(rate(ours) / rate(theirs), "x", "ratio", more=True)
        per_cpu = spans_per_cpu_second(ours) / spans_per_cpu_second(theirs)
        yield f"ingest: spans per CPU-second, of {name}", Figure(per_cpu, "x", "ratio", more=True)
    if ingest:
        kept = ingest[OURS]["survived"] / ingest[OURS]["acknowledged"]
        yield "ingest: stored after kill -9, of acknowledged", Figure(kept, "x", "ratio", more=True)


def p50(figure: Json) -> float:
    """Milliseconds, on one connection."""
    return float(median(figure["milliseconds"]))


def at_once(figure: Json, name: str) -> float:
    """The field ``name`` of what was measured on several connections."""
    return float(median(one[name] for one in figure["at_once"]))


def _reads(asked: Json) -> Iterator[tuple[str, Figure]]:
    for name, one in asked.items():
        ours, theirs = one["figures"][OURS], one["figures"][THEIRS]
        yield f"{name}: as fast as {THEIRS}", Figure(p50(theirs) / p50(ours), "x", "ratio", more=True)
        more = at_once(ours, "requests_per_second") / at_once(theirs, "requests_per_second")
        yield f"{name}: answers/s, of {THEIRS}", Figure(more, "x", "ratio", more=True)
