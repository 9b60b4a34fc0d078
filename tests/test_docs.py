"""docs/operations.md is true to the letter: what it names exists. Its backups are run by ``test_backup.py``."""

import asyncio
import inspect
import re

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.documents import OPERATIONS, ROOT, section, snippets
from usage_graph import cli
from usage_graph.config import COPY_TO, QUERY_COST, SETTINGS
from usage_graph.graph import limits
from usage_graph.graph.schema import sdl
from usage_graph.graph.weights import EXPORT, QUESTION
from usage_graph.health import MAX_DETAILS, Outcome
from usage_graph.metrics import Metrics
from usage_graph.store import counts, migrate, upkeep
from usage_graph.store.engine import MINIMUM_SERVER, MINIMUM_TIMESCALEDB, RECOMMENDED_TIMESCALEDB, Server


def anchors(page: str) -> set[str]:
    """As GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_settings_exist() -> None:
    variables = set(re.findall(r"\bUSAGE_GRAPH_\w+", OPERATIONS))
    assert {"USAGE_GRAPH_ENGINE", "USAGE_GRAPH_RETENTION"} <= variables
    assert variables <= {setting.variable for setting in (*SETTINGS, COPY_TO)}


def test_commands_and_their_flags_exist(capsys: pytest.CaptureFixture[str]) -> None:
    code = [*snippets(OPERATIONS, "sh"), *re.findall(r"`([^`\n]+)`", OPERATIONS)]
    found = re.findall(r"^usage-graph ([a-z]+)((?: --[a-z-]+)*)", "\n".join(code), re.M)
    assert {"copy", "migrate", "serve", "doctor"} <= {command for command, _ in found}
    for command, flags in found:
        with pytest.raises(SystemExit, match="0"):
            cli.parser().parse_args([command, "--help"])
        assert set(flags.split()) <= set(capsys.readouterr().out.split()), command


def test_relations_and_functions_exist() -> None:
    made = {
        name for one in migrate.load() for name in re.findall(r"CREATE (?:TABLE|FUNCTION|PROCEDURE) (\w+)", one.sql)
    }
    named = set(re.findall(r"\busage_(?!graph(?:\b|_))\w+", OPERATIONS))
    assert {"usage_stale", "usage_refresh", "usage_mark"} <= named
    assert named <= made


def test_fields_and_codes_of_the_api_exist() -> None:
    fields = re.findall(r"`(?:usage\.\w+|range)\.(\w+)`", OPERATIONS)
    assert {"recordsFrom", "dataThrough", "materializedThrough"} <= set(fields)
    for field in fields:
        assert re.search(rf"^  {field}\b", sdl(), re.M), field


def test_limits_are_those_in_force() -> None:
    text = " ".join(section(OPERATIONS, "Limits").split())
    documented = (
        *(f"counts as {QUESTION} of them", f'"limit": {QUERY_COST}', f"pays {EXPORT:,} points"),
        *(f"{limits.MAX_CHARACTERS:,} characters", f"{limits.MAX_TOKENS:,} tokens"),
        *(f"{limits.MAX_DEPTH} levels", f"{limits.MAX_ALIASES} aliases", f"{limits.MAX_USAGES} `usage` fields"),
    )
    for words in documented:
        assert words in text, words


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]*)#?([^)]*)\)", OPERATIONS)
    assert links
    for target, anchor in links:
        page = (ROOT / "docs" / target).read_text(encoding="utf-8") if target else OPERATIONS
        assert anchor in {"", *anchors(page)}, (target, anchor)
    linked = re.findall(r"\]\(docs/operations\.md#?([^)]*)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert linked
    assert set(linked) <= {"", *anchors(OPERATIONS)}


def test_metrics_exist() -> None:
    shown = Metrics()
    shown.watch_queue(lambda: 0)
    shown.watch_live(lambda: 0, lambda: 0)
    for outcome in Outcome:
        shown.tell("p", outcome, "a detail", 1)
    shown.request_duration.record(
        1, {f"http.{name}": "x" for name in ("request.method", "route", "response.status_code")}
    )
    asyncio.run(_failing(shown))
    found = {
        (re.sub("_(?:bucket|count|sum)$", "", sample.name), *sorted(sample.labels.keys() - {"le"}))
        for family in text_string_to_metric_families(shown.text().decode())
        for sample in family.samples
        if not sample.name.startswith("target_")
    }
    rows = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|(.*?)\| .* \|$", section(OPERATIONS, "Monitoring"), re.M)
    told = {
        (name, *sorted(re.findall(r"`(\w+)`", labels)))
        for names, labels in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    assert told == found
    assert f"the first {MAX_DETAILS} are told apart" in OPERATIONS
    assert (counts._EVERY, "every three seconds" in OPERATIONS) == (3.0, True)


async def _failing(shown: Metrics) -> None:
    async def write(_: object) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await shown.measured(write)([])


def test_versions_are_those_of_the_program() -> None:
    table = section(OPERATIONS, "Versions")
    assert f"| PostgreSQL | {MINIMUM_SERVER}," in table
    minimum, recommended = (".".join(map(str, version)) for version in (MINIMUM_TIMESCALEDB, RECOMMENDED_TIMESCALEDB))
    assert re.search(rf"^\| TimescaleDB \| {re.escape(minimum)}, .* \| {re.escape(recommended)} or newer;", table, re.M)
    server = Server(postgresql="18.6", timescaledb="2.29.2", installed=True, licence="timescale")
    assert f"usage-graph: {server.name}, engine: timescaledb" in section(OPERATIONS, "The database")


def test_what_upkeep_is_said_to_log_is_what_it_logs() -> None:
    (row,) = re.findall(r"^\| (.*) in the log \|", section(OPERATIONS, "Monitoring"), re.M)
    logged = inspect.getsource(upkeep)
    for said in re.findall(r"`([^`]+)`", row):
        assert said in logged


async def test_sql_runs(timescaledb: str) -> None:
    connection = await asyncpg.connect(timescaledb)
    statements = [part for block in snippets(OPERATIONS, "sql") for part in re.split(r";\s*(?:--.*)?\n", block) if part]
    assert len(statements) == 6
    for statement in statements:
        rows = await connection.fetch(statement)
        if "alter_job" in statement:
            assert len(rows) == 1
    await connection.close()
