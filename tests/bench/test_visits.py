"""Visits of the page are timed by what they show: files first, then questions, answers, and numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from bench import __main__ as bench
from bench import load, visits
from bench.database import Database
from bench.figures import figures
from bench.report import to_json
from bench.targets import judge
from bench.workload import Amount
from usage_graph.store.embedded import Embedded


def test_a_visit_ends_with_numbers(postgres: Embedded) -> None:
    database, now = Database(postgres.dsn), datetime.now(UTC)
    database.create("bench_page")
    try:
        load.load(database, "bench_page", Amount(1, 1_000, now - timedelta(days=30), now), processes=1)
        told: list[str] = []
        found = visits.measure(database, ["bench_page"], told.append, visits=1)
    finally:
        database.drop("bench_page")
    assert told
    page = found["bench_page"]
    assert page.records == 1_000
    for kind in (page.cold, page.warm):
        assert list(kind) == list(visits.WINDOWS)
        for (visit,) in kind.values():
            # A style sheet may come when the script asks already.
            assert 0 < visit.loaded < visit.shown
            assert 0 < visit.asked < visit.answered < visit.shown
    for window in visits.WINDOWS:
        # Who was here before has the assets: HTML is all that is sent.
        assert 0 < page.warm[window][0].bytes < page.cold[window][0].bytes / 10
    judged = judge(figures({"page": {"month": to_json(page)}}))
    assert len(judged) == 2 * len(visits.WINDOWS)


def test_without_a_browser_it_says_what_brings_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("USAGE_GRAPH_TEST_CHROMIUM", "/nowhere")
    with pytest.raises(SystemExit, match="2"):
        bench.main(["page"])
    assert "`make bench` brings" in capsys.readouterr().err
