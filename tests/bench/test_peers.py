"""What usage-graph's peers are asked is what usage-graph is asked, in other words. No peer is needed for these."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from graphql import FieldNode, OperationDefinitionNode, build_schema, parse, validate

from bench.children import server, sink
from bench.database import Database
from bench.peers import client, figures, report, servers
from bench.peers.question import VARIANTS, Asking, Question
from bench.peers.questions import questions
from bench.targets import judge
from bench.workload import calls, cast
from usage_graph.graph.schema import sdl

END = datetime(2026, 11, 1, 12, 34, 56, tzinfo=UTC)
TABLES = Path(servers.__file__).parent / "tables.sql"

# Where the peer's word is another one.
_WORDS = {"costNano": "cost", "failed": "status", "durationUs": "durationMs", "keys": "key"}


def _fields(document: str) -> tuple[list[str], set[str]]:
    """Paths of variables, and the names of what is asked for."""
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)

    def leaves(node: OperationDefinitionNode | FieldNode) -> Iterator[str]:
        for selected in node.selection_set.selections if node.selection_set else ():
            assert isinstance(selected, FieldNode)
            if selected.selection_set is None:
                yield selected.name.value
            yield from leaves(selected)

    return [found.variable.name.value for found in operation.variable_definitions or ()], set(leaves(operation))


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_both_documents_ask_for_the_same(question: Question) -> None:
    assert not validate(build_schema(sdl()), parse(question.ours))
    ours, theirs = (_fields(document)[1] for document in (question.ours, question.theirs))
    theirs = {_WORDS.get(name, name) for name in theirs}
    # A bucket is told by its start, or by the key of a group.
    assert {"key" if name == "start" else name for name in ours} == theirs
    assert {"calls", "inputTokens", "outputTokens", "cost"} <= ours or "startedAt" in ours


def _cursor(_: str, variables: dict[str, Any]) -> Any:
    return {"usage": {"edges": [{"cursor": f"after {variables['offset']}"}]}}


def test_usage_graph_answers_what_the_hand_written_sql_does(postgresql: str) -> None:
    """Over a database that both read; and each question has as many variants as it is to have, all different."""
    database, name = Database(postgresql), urlsplit(postgresql).path.removeprefix("/")
    start = END - timedelta(days=31)
    database.write(name, calls("s", 2_500, people=cast(1), start=start, end=END, ordered=True))
    database.execute(name, TABLES.read_text())
    with asyncio.Runner() as runner, server(postgresql) as child:
        sql = client.Sql(postgresql, runner, 1)
        try:
            asking = Asking(partial(client.ask, child.port), _cursor, sql.ask)
            for question in questions(page=3):
                variants = list(question.variants(END, asking))
                assert len({repr(variant) for variant in variants}) == VARIANTS
                rows = 0
                for variant in variants:
                    for document, values in ((question.ours, variant.ours), (question.theirs, variant.theirs)):
                        assert sorted(values) == sorted(_fields(document)[0])
                    ours = question.read_ours(client.ask(child.port, question.ours, variant.ours))
                    assert ours == question.read_sql(sql.ask(question.sql, *variant.sql)), question.name
                    rows += len(ours)
                assert rows, question.name
        finally:
            sql.close()


def test_answers_of_peers_are_brought_to_the_same_form() -> None:
    """As PostGraphile writes them: sums and 64-bit integers as text, times with an offset."""
    by_name = {question.name: question for question in questions()}
    sums = {"calls": "3", "inputTokens": "20", "outputTokens": "10", "costNano": "1500000000"}
    totals = by_name["totals, 24 hours"]
    assert totals.read_theirs({"usage": {"aggregates": {"sum": sums}}}) == [("", 3, 20, 10, 1_500_000_000)]
    nothing = dict.fromkeys(sums)
    assert totals.read_theirs({"usage": {"aggregates": {"sum": nothing}}}) == [("", 0, 0, 0, 0)]
    ours = {"calls": 3, "inputTokens": 20, "outputTokens": 10, "cost": "1.5"}
    assert totals.read_ours({"usage": {"totals": ours}}) == [("", 3, 20, 10, 1_500_000_000)]

    groups = [{"keys": [f"agent {number:02}"], "sum": sums | {"costNano": str(number % 12)}} for number in range(12)]
    top = by_name["top 10 agents, 30 days"].read_theirs({"usage": {"groups": groups}})
    assert [row[0] for row in top] == [f"agent {number:02}" for number in range(11, 1, -1)]

    series = by_name["series by day, 30 days"]
    day = {"keys": ["2026-10-31T00:00:00+00:00"], "sum": sums}
    point = {"start": "2026-10-31T17:00:00Z", "totals": ours}
    empty = {"start": "2026-11-01T00:00:00Z", "totals": {"calls": 0, "inputTokens": 0, "outputTokens": 0, "cost": "0"}}
    assert series.read_theirs({"usage": {"groups": [day]}}) == series.read_ours(
        {"usage": {"series": {"points": [point, empty]}}}
    )

    page = by_name["20 records, page 1"]
    shared: dict[str, Any] = {"source": "chat", "name": None, "agent": "a", "responseModel": "m"}
    theirs: dict[str, Any] = {
        "startedAt": "2026-10-31T01:02:03.000004+00:00",
        "inputTokens": "20",
        "outputTokens": None,
    }
    theirs |= {"costNano": None, "failed": True, "durationUs": "1234567"}
    mine: dict[str, Any] = {"startedAt": "2026-10-31T01:02:03.000004Z", "inputTokens": 20, "outputTokens": None}
    mine |= {"cost": None, "status": "ERROR", "durationMs": 1234.567}
    assert page.read_theirs({"usage": {"nodes": [shared | theirs]}}) == page.read_ours(
        {"usage": {"records": {"nodes": [shared | mine]}}}
    )


def test_each_request_is_timed() -> None:
    with sink() as nothing:
        assert len(client.one_by_one(nothing.port, [b"x", b"x" * 100_000])) == 2


def test_figures_say_how_many_times_as_good(tmp_path: Path) -> None:
    """In one row of a table, in a target, and in the page."""
    name = "totals, 24 hours"
    question: dict[str, Any] = {"rows": 1, "figures": {}}
    for contender, milliseconds, rate in (
        ("usage-graph", 2.0, 900.0),
        ("PostGraphile", 3.0, 600.0),
        ("SQL", 1.0, 10.0),
    ):
        at_once = [{"requests_per_second": rate, "p50": 1.0, "p99": 4.0, "cpu": 0.5}]
        question["figures"][contender] = {"milliseconds": [milliseconds] * 3, "at_once": at_once}
    stored: dict[str, Any] = {
        "spans": 1000,
        "server_cpu": [0.5],
        "database_cpu": [0.5],
        "acknowledged_per_second": [1.0],
    }
    stored |= {"latencies": [0.1, 0.2], "memory": 2**20, "acknowledged": 10, "survived": 10}
    slow: dict[str, Any] = {"server_cpu": [4.0], "database_cpu": [1.0], "survived": 0}
    results = {
        "environment": {"at": "2026-11-22T00:00:00+00:00", "packages": {"mlflow": "3"}},
        "ingest": {
            "usage-graph": stored | {"spans_per_second": [990.0, 1000.0, 2000.0]},
            "Phoenix": stored | slow | {"spans_per_second": [9.9, 10.0, 10.1]},
            "MLflow": stored | slow | {"spans_per_second": [100.0]},
        },
        "read": {"records": 5, "connections": 8, "rows": {}, "questions": {name: question}},
    }
    found = figures.figures(results)
    assert found["ingest: spans/s, of Phoenix"].value == 100
    assert found["ingest: spans per CPU-second, of Phoenix"].value == 5
    assert found["ingest: stored after kill -9, of acknowledged"].value == 1
    assert found[f"{name}: as fast as PostGraphile"].value == found[f"{name}: answers/s, of PostGraphile"].value == 1.5
    verdicts = {one.target.figure: one.met for one in judge(found, figures.targets())}
    assert verdicts["ingest: spans/s, of Phoenix"]
    assert not verdicts["ingest: spans/s, of MLflow"]
    assert verdicts[f"{name}: as fast as PostGraphile"]
    written = tmp_path / "page.md"
    written.write_text(f"before\n{report.BEGIN}old\n{report.END}after\n")
    page = report.write(results, written).read_text()
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "old" not in page
    assert f"| {name} | 1 | 2.00 | 3.00 | 1.00 | 1.50 | 2.00 |" in page
    assert "| ingest: spans/s, of MLflow | 10.0 x | at least 20 | **missed** |" in page


@pytest.mark.parametrize("kill", [False, True], ids=["terminated", "killed"])
def test_a_peer_ends_with_its_descendants(kill: bool) -> None:
    sleep = "import time; time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}]); print(flush=True); {sleep}"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        tree = servers.family(process.pid)
        assert len(tree) == 2
        assert servers.memory(process.pid) > 2**20
        servers.end(process.pid, kill=kill)
        assert all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in tree)
    assert servers.family(process.pid) == []
