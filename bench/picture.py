"""The figures as a picture: SVG without a script, readable on light and on dark ground. Pure."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from statistics import median
from typing import NamedTuple

from bench.figures import Json
from bench.references import SAME_SQL
from bench.shapes import BACKFILL, MIXED, OTHERS

_WIDTH, _LEFT, _RIGHT = 860, 230, 70
_ROW, _TOP, _GAP = 24, 64, 56
_STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px } .quiet { fill: #57606a; font-size: 12px }
  .axis { stroke: #d0d7de } .bar { fill: #0969da } .raw { fill: #8c959f } .line { stroke: #8c959f; stroke-width: 3 }
  .hand { fill: none; stroke: #9a6700; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .axis { stroke: #3d444d } .bar { fill: #4493f8 }
    .raw { fill: #848d97 } .line { stroke: #848d97 } .hand { stroke: #d29922 }
  }
"""


class Bar(NamedTuple):
    """``raw``: it is no figure of ours, but what ours are measured against."""

    label: str
    value: float
    raw: bool = False


class Answer(NamedTuple):
    """Milliseconds: over HTTP, of its own SQL, and of SQL written by hand."""

    label: str
    http: float
    sql: float
    hand: float | None


def draw(results: Json) -> str:
    """One panel of what was measured of ingest, one of the questions."""
    parts: list[str] = []
    y = 0.0
    if ingest := results.get("ingest"):
        drawn, y = _bars("LLM spans per second, each acknowledged after COMMIT", _ingested(ingest), y)
        parts += drawn
    if reads := results.get("read"):
        title = f"Answers from {reads['records']:,} records over {reads['days']} days: p50 in milliseconds"
        drawn, y = _answers(title, _answered(reads), y)
        parts += drawn
    height = y - _GAP / 2
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" '
            f'height="{height:g}" role="img" aria-label="Figures of a run of make bench">',
            f"<style>{_STYLE}</style>",
            *parts,
            "</svg>\n",
        )
    )


def _ingested(ingest: Json) -> list[Bar]:
    """The raw reference of each window stands below what it is for."""
    bars = [
        Bar(name, _rate(figure)) for name, figure in ingest["shapes"].items() if name not in (MIXED, OTHERS, BACKFILL)
    ]
    bars.append(Bar("raw asyncpg, same SQL", _rate(ingest["references"]["live"][SAME_SQL]), raw=True))
    if BACKFILL in ingest["shapes"]:
        bars.append(Bar(f"{BACKFILL}, a month at random", _rate(ingest["shapes"][BACKFILL])))
        bars.append(Bar("raw asyncpg, same SQL", _rate(ingest["references"]["backfill"][SAME_SQL]), raw=True))
    return bars


def _rate(figure: Json) -> float:
    return float(median(figure["spans_per_second"]))


def _answered(reads: Json) -> list[Answer]:
    wanted = [
        (name, case) for name, case in reads["cases"].items() if case["kind"] == "question" or name == "UsagePage"
    ]
    return [
        Answer(name, median(case["http"]), median(case["raw"]), median(case["hand"]) if case["hand"] else None)
        for name, case in wanted
    ]


def _bars(title: str, bars: Sequence[Bar], y: float) -> tuple[list[str], float]:
    most = max(bar.value for bar in bars)
    room = _WIDTH - _LEFT - _RIGHT
    parts = [_text(0, y + 20, title, "title")]
    for number, bar in enumerate(bars):
        top = y + _TOP - 24 + number * _ROW
        width, kind = room * bar.value / most, "raw" if bar.raw else "bar"
        parts += [
            _text(_LEFT - 10, top + 13, bar.label, "quiet" if bar.raw else "", end=True),
            f'<rect class="{kind}" x="{_LEFT}" y="{top:g}" width="{width:.1f}" height="16" rx="2"/>',
            _text(_LEFT + width + 6, top + 13, f"{bar.value:,.0f}", "quiet"),
        ]
    return parts, y + _TOP - 24 + len(bars) * _ROW + _GAP


def _answers(title: str, answers: Sequence[Answer], y: float) -> tuple[list[str], float]:
    values = [value for one in answers for value in (one.http, one.sql, one.hand) if value]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    room = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + room * (log10(value) - low) / (high - low)

    bottom = y + _TOP + len(answers) * _ROW
    parts = [_text(0, y + 20, title, "title"), *_legend(y + 42)]
    for power in range(low, high + 1):
        at = x(10**power)
        parts.append(f'<line class="axis" x1="{at:.1f}" y1="{y + _TOP - 8:g}" x2="{at:.1f}" y2="{bottom:g}"/>')
        parts.append(_text(at, bottom + 16, f"{10.0**power:g}", "quiet", middle=True))
    for number, one in enumerate(answers):
        middle = y + _TOP + number * _ROW + 8
        parts += [
            _text(_LEFT - 10, middle + 5, one.label, "", end=True),
            f'<line class="line" x1="{x(one.sql):.1f}" y1="{middle:g}" x2="{x(one.http):.1f}" y2="{middle:g}"/>',
            f'<circle class="raw" cx="{x(one.sql):.1f}" cy="{middle:g}" r="5"/>',
            f'<circle class="bar" cx="{x(one.http):.1f}" cy="{middle:g}" r="6"/>',
            _text(x(one.http) + 10, middle + 5, f"{one.http:.2g}" if one.http < 10 else f"{one.http:.0f}", "quiet"),
        ]
        if one.hand:
            parts.append(f'<circle class="hand" cx="{x(one.hand):.1f}" cy="{middle:g}" r="5"/>')
    return parts, bottom + 16 + _GAP


def _legend(y: float) -> Iterator[str]:
    at = _LEFT
    for label, mark in (
        ("GraphQL over HTTP", 'class="bar" r="6"'),
        ("its own SQL, raw", 'class="raw" r="5"'),
        ("SQL by hand, whole buckets", 'class="hand" r="5"'),
    ):
        yield f'<circle {mark} cx="{at:g}" cy="{y - 4:g}"/>'
        yield _text(at + 12, y, label, "quiet")
        at += 40 + 7 * len(label)


def _text(x: float, y: float, text: str, kind: str, *, end: bool = False, middle: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ' text-anchor="middle"' if middle else ""
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:g}"{style}{anchor}>{escape(text)}</text>'
