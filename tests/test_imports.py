"""What each part loads: what starts quickly does so because of what it leaves out."""

import subprocess
import sys

import pytest

from tests.cli.test_cli import environment

SERVER = frozenset(
    {
        "asyncio",
        "asyncpg",
        "genai_prices",
        "google",
        "graphql",
        "grpc",
        "httptools",
        "msgspec",
        "opentelemetry",
        "orjson",
        "prometheus_client",
        "rich",
        "starlette",
        "strawberry",
        "uvicorn",
        "uvloop",
        "websockets",
    }
)
"""Packages that the server is made of, each of which takes longer to load than the rest of the program."""


SCRIPT = """
import sys

try:
    {}
except SystemExit:
    pass
print("", "", *sorted(sys.modules), sep="\\n")
"""


def loaded(statement: str) -> set[str]:
    """The modules that are there after ``statement``, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(statement)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.rpartition("\n\n")[2].split())


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def of_the_program(*arguments: str) -> set[str]:
    return loaded(f"from usage_graph.cli import main; main({list(arguments)!r})")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_the_shortest_answers_load_nothing_but_the_command_line(arguments: list[str]) -> None:
    modules = of_the_program(*arguments)
    assert not packages(modules) & SERVER
    assert {one for one in modules if one.startswith("usage_graph")} == {
        "usage_graph",
        "usage_graph.cli",
        "usage_graph.errors",
    }


@pytest.mark.parametrize("command", ["report", "export", "import"])
def test_what_talks_to_a_server_loads_none(command: str) -> None:
    assert not packages(of_the_program(command, "--help")) & SERVER


@pytest.mark.parametrize("command", ["keys", "prices", "credits", "reprice", "serve", "migrate", "copy", "doctor"])
def test_help_of_what_needs_a_server_does_not(command: str) -> None:
    assert not packages(of_the_program(command, "--help")) & (SERVER - {"asyncio"})


def test_a_report_of_a_server_that_is_not_there_loads_none() -> None:
    modules = of_the_program("report", "--endpoint", "http://127.0.0.1:9")
    assert "usage_graph.report.client" in modules
    assert not packages(modules) & (SERVER - {"rich", "asyncio"})


def test_applications_import_the_api_of_opentelemetry_and_nothing_else() -> None:
    before = loaded("import opentelemetry.trace, opentelemetry.context")
    modules = loaded("import usage_graph.instrument")
    ours = {one for one in modules if one.partition(".")[0] == "usage_graph"}
    assert {one.split(".")[1] for one in ours if "." in one} == {"instrument"}
    assert packages(modules) - packages(before) - {"usage_graph"} <= sys.stdlib_module_names
    # Neither the SDK nor an exporter, until `configure` wants them.
    assert {one for one in modules if one.startswith("opentelemetry")} == {
        one for one in before if one.startswith("opentelemetry")
    }


def test_the_processor_adds_the_sdk_of_spans_and_no_more() -> None:
    before = loaded("import opentelemetry.sdk.trace")
    modules = loaded("from usage_graph.instrument import UsageSpanProcessor")
    assert packages(modules) - packages(before) - {"usage_graph"} <= sys.stdlib_module_names
    assert "usage_graph.instrument.processor" in modules
    assert not {one for one in modules if one.startswith("opentelemetry.exporter")}
