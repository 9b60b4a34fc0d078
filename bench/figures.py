"""The figures of a run by name, taken from its JSON: what targets, comparisons, checks and pages are made of. Pure."""

from collections.abc import Iterator, Mapping
from statistics import median, quantiles
from typing import Any, Literal, NamedTuple

from bench.cases import FLAT
from bench.references import SAME_SQL
from bench.shapes import BACKFILL, HEADLINE, MIXED, OTHERS, SMALLEST

Kind = Literal["ratio", "cpu", "clock", "size"]
"""Of two figures of one run; processor time; time by the clock, and rates; bytes. How far each can be trusted to repeat
itself falls in that order on a machine that others use too, but for bytes, which do not move."""
Json = Mapping[str, Any]
MB = 10**6


class Figure(NamedTuple):
    """``more``: whether more of it is better."""

    value: float
    unit: str
    kind: Kind
    more: bool = False


Figures = dict[str, Figure]


def figures(results: Json) -> Figures:
    """Those of what was measured, in the order of the run."""
    found: Figures = {}
    if ingest := results.get("ingest"):
        found |= _ingest(ingest)
    for name, large in results.get("memory", {}).items():
        found[f"memory: 20 MB requests, {name}"] = Figure(_peak(large["peak"]) / MB, "MB", "size")
    for part in ("read", "year", "larger"):
        if reads := results.get(part):
            found |= dict(_reads(part, reads))
    found |= dict(_flatness(results))
    if size := results.get("size"):
        total = sum(one["heap"] + sum(one["indexes"].values()) for one in size["relations"])
        found["size: bytes per record"] = Figure(total / size["records"], "B", "size")
    for name, (value, unit, kind) in results.get("startup", {}).items():
        found[f"startup: {name}"] = Figure(value, unit, kind)
    for name, page in results.get("page", {}).items():
        found |= dict(_visits(name, page))
    return found


def _ingest(ingest: Json) -> Figures:
    shapes: Json = ingest["shapes"]
    found: Figures = {}
    for name, shape in shapes.items():
        rate, cpu = median(shape["spans_per_second"]), _cpu_us(shape)
        found[f"ingest {name}: spans/s"] = Figure(rate, "/s", "clock", more=True)
        found[f"ingest {name}: spans per CPU-second"] = Figure(1e6 / cpu, "/s", "cpu", more=True)
        for percent in (50, 99):
            latency = _percentile(shape["latencies"], percent) * 1000
            found[f"ingest {name}: acknowledgement p{percent}"] = Figure(latency, "ms", "clock")
        found[f"ingest {name}: peak memory"] = Figure(_peak(ingest["memory"][name]) / MB, "MB", "size")
    for window, name in (("live", HEADLINE), ("backfill", BACKFILL)):
        for reference, figure in ingest["references"].get(window, {}).items():
            found[f"{reference}, {window}: rows/s"] = Figure(_rate(figure), "/s", "clock", more=True)
            if name in shapes:
                ratio = _rate(shapes[name]) / _rate(figure)
                found[f"ingest {name}: of {reference}"] = Figure(ratio, "x", "ratio", more=True)
                if reference == SAME_SQL:
                    cpu = _cpu_us(shapes[name]) / _cpu_us(figure)
                    found[f"ingest {name}: CPU of {reference}"] = Figure(cpu, "x", "ratio")
    if HEADLINE in shapes:
        found |= dict(_of_headline(shapes))
    if pressure := ingest.get("pressure"):
        late = _percentile(pressure["latencies"], 99) * 1000
        found["ingest: acknowledgement p99 at 70 % of the peak"] = Figure(late, "ms", "clock")
        for name, busy in pressure["busy"].items():
            ratio = median(busy) / median(pressure["idle"][name])
            found[f"{name} during full ingest, of idle"] = Figure(ratio, "x", "ratio")
    return found


def _of_headline(shapes: Json) -> Iterator[tuple[str, Figure]]:
    whole = shapes[HEADLINE]
    for name, shape in shapes.items():
        if name not in (HEADLINE, MIXED, OTHERS):
            yield f"ingest {name}: of {HEADLINE}", Figure(_rate(shape) / _rate(whole), "x", "ratio", more=True)
    if SMALLEST in shapes:
        ratio = _cpu_us(shapes[SMALLEST]) / _cpu_us(whole)
        yield f"ingest {SMALLEST}: CPU of {HEADLINE}", Figure(ratio, "x", "ratio")
    if OTHERS in shapes:
        ratio = _cpu_us(shapes[OTHERS]) / _cpu_us(whole)
        yield "ingest: CPU of another span, of an LLM call's", Figure(ratio, "x", "ratio")
    if MIXED in shapes:
        # Nine of ten spans are others; what is left of the time of ten is theirs.
        ratio = (10 * _cpu_us(shapes[MIXED]) - _cpu_us(whole)) / 9 / _cpu_us(whole)
        yield "ingest: CPU of another span among calls, of an LLM call's", Figure(ratio, "x", "ratio")


def _reads(part: str, reads: Json) -> Iterator[tuple[str, Figure]]:
    yield f"{part}: SELECT 1 p50", Figure(median(reads["nothing"]), "ms", "clock")
    for name, case in reads["cases"].items():
        http, raw = median(case["http"]), median(case["raw"])
        yield f"{part} {name}: p50", Figure(http, "ms", "clock")
        yield f"{part} {name}: SQL p50", Figure(raw, "ms", "clock")
        if case["statements"]:
            yield f"{part} {name}: of its SQL", Figure(http / raw, "x", "ratio")
        if case["hand"]:
            yield f"{part} {name}: of SQL by hand", Figure(http / median(case["hand"]), "x", "ratio")
        if case["kind"] in ("question", "operation"):
            yield f"{part} {name}: of 1.3 SQL + 1.5 ms", Figure(http / (1.3 * raw + 1.5), "x", "ratio")
        if case["cold"] is not None:
            yield f"{part} {name}: cold", Figure(case["cold"], "ms", "clock")
        for clients, at in case["at"].items():
            yield (
                f"{part} {name}: requests/s, {clients} clients",
                Figure(at["requests_per_second"], "/s", "clock", more=True),
            )
        if at := case["at"].get("8"):
            yield f"{part} {name}: CPU per request", Figure(at["cpu"], "ms", "cpu")


def _visits(name: str, page: Json) -> Iterator[tuple[str, Figure]]:
    for kind in ("cold", "warm"):
        for window, visits in page[kind].items():
            shown = median(visit["shown"] for visit in visits)
            yield f"page, {name} {window}, {kind}: first numbers", Figure(shown, "ms", "clock")
    sent = max(visit["bytes"] for visits in page["cold"].values() for visit in visits)
    yield f"page, {name}: bytes of its files", Figure(sent, "B", "size")


def _flatness(results: Json) -> Iterator[tuple[str, Figure]]:
    """p50 over a longer window, in another zone, or of more records, of that without."""
    for part, longer, shorter in (("read", "30 d", "24 h"), ("year", "1 y", "24 h")):
        p50 = _p50(results.get(part))
        for name in FLAT:
            long = p50.get(f"{name} {longer}") or (p50.get(name) if longer == "30 d" else None)
            if long and (short := p50.get(f"{name} {shorter}")):
                yield f"flat: {name}, {longer} of {shorter}", Figure(long / short, "x", "ratio")
    p50 = _p50(results.get("read"))
    zone, hourly = p50.get("split by day, Kathmandu 30 d"), p50.get("split by hour, UTC 30 d")
    if zone and hourly:
        yield "flat: split by day in Kathmandu, of split by hour in UTC", Figure(zone / hourly, "x", "ratio")
    for name, large in _p50(results.get("larger")).items():
        if small := p50.get(name):
            yield f"flat: {name}, many of few records", Figure(large / small, "x", "ratio")


def _p50(reads: Json | None) -> dict[str, float]:
    return {name: median(case["http"]) for name, case in reads["cases"].items()} if reads else {}


def _rate(shape: Json) -> float:
    return float(median(shape["spans_per_second"]))


def _cpu_us(shape: Json) -> float:
    return float(median(shape["client_cpu_us"]) + median(shape["database_cpu_us"]))


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1] if len(values) > 1 else values[0]


def _peak(memory: Json) -> float:
    return max(value or 0 for value in memory.values())
