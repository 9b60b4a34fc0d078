"""The console script: what it prints, where, and with which exit status."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.report.answer import usage
from tests.report.canned import canned
from tests.serving import free_port
from usage_graph import cli
from usage_graph.config import SETTINGS
from usage_graph.graph.schema import sdl

COMMANDS = (
    *(
        "serve",
        "migrate",
        "copy",
        "demo",
        "import",
        "export",
        "report",
        "prices",
        "credits",
        "reprice",
        "keys",
        "schema",
    ),
    "doctor",
)


def environment(**variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("USAGE_GRAPH_")}
    return inherited | variables


def run(
    *arguments: str, environ: Mapping[str, str] | None = None, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """The console script in a process of its own, after the statement ``before``."""
    script = f"import sys; {before or 'pass'}\nfrom usage_graph.cli import main\nsys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment(**(environ or {})),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])

    assert caught.value.code == 0
    assert f"usage: usage-graph {command}" in capsys.readouterr().out


def test_help_of_serve_documents_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])

    shown = " ".join(capsys.readouterr().out.split())
    for setting in SETTINGS:
        assert f" {setting.flag} {'[VALUE]' if setting.is_switch else 'VALUE'}" in shown
        assert f"{setting.help} [{setting.variable}] (default: " in shown
    assert "[USAGE_GRAPH_PORT] (default: 8000)" in shown
    assert "[USAGE_GRAPH_DATABASE_URL] (default: unset)" in shown
    assert "--no-migrate" in shown


@pytest.mark.parametrize(
    "flag", ["--database-url=postgresql://localhost/mine", "--engine=timescaledb", "--retention=P7D"]
)
def test_the_demo_cannot_be_given_a_database_nor_what_is_said_of_one(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["demo", flag])

    assert caught.value.code == 2
    assert flag in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["report", "--last", "P7D", "--period", "today"], ["serve", "--po=1"]]
)
def test_wrong_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)

    assert caught.value.code == 2
    assert "usage: usage-graph" in capsys.readouterr().err


def test_a_wrong_choice_names_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["report", "--period", "never"])

    assert "'never' is none of today, yesterday, this-week" in capsys.readouterr().err


def test_the_version_needs_nothing_but_the_standard_library() -> None:
    after = "import atexit; atexit.register(lambda: print(sorted({name.split('.')[0] for name in sys.modules})))"
    done = run("--version", before=after)
    version, modules = done.stdout.splitlines()

    assert version.startswith("usage-graph")
    assert "'usage_graph'" in modules
    for heavy in ("asyncpg", "strawberry", "rich", "uvicorn", "uvloop", "opentelemetry", "genai_prices", "msgspec"):
        assert f"'{heavy}'" not in modules


def test_all_wrong_settings_at_once_are_2_and_no_traceback() -> None:
    done = run("serve", "--port", "zero", environ={"USAGE_GRAPH_POOL_SIZE": "-1", "USAGE_GRAPH_COLOUR": "red"})

    assert done.returncode == 2
    assert done.stdout == ""
    for problem in ("--port: 'zero'", "USAGE_GRAPH_POOL_SIZE: '-1'", "USAGE_GRAPH_COLOUR is not a setting"):
        assert problem in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "package"), [("serve", "uvicorn"), ("demo", "rich"), ("report", "rich"), ("schema", "strawberry")]
)
def test_without_the_server_extra_it_says_what_to_install(command: str, package: str) -> None:
    done = run(command, before=f"sys.modules[{package!r}] = None")

    assert done.returncode == 1
    assert f"{package} is not installed" in done.stderr
    assert 'pip install "usage-graph[server]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_a_message(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port, "--data-dir", str(tmp_path))

    assert done.returncode == 1
    assert f"Port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_report_without_a_server_says_how_to_start_one() -> None:
    port = str(free_port())
    done = run("report", environ={"USAGE_GRAPH_PORT": port})

    assert done.returncode == 1
    assert f"No server answers at http://127.0.0.1:{port}" in done.stderr
    assert "usage-graph serve" in done.stderr
    assert done.stdout == ""


def test_report_prints_the_page() -> None:
    with canned({"data": {"usage": usage()}}) as there:
        done = run("report", "--endpoint", there.url, "--timezone", "Europe/Berlin", environ={"COLUMNS": "70"})

    assert done.returncode == 0
    assert done.stderr == ""
    assert "$263.78" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) == 70


def test_report_asks_in_the_zone_of_the_machine() -> None:
    with canned({"data": {"usage": usage()}}) as there:
        run("report", "--endpoint", there.url, "--period", "last-week", environ={"TZ": "Asia/Kolkata"})

    ((_, _, asked),) = there.requests
    assert asked["variables"]["timezone"] == "Asia/Kolkata"
    assert asked["variables"]["window"] == {"period": "LAST_WEEK"}


def test_report_as_json_is_the_data_and_safe_to_print() -> None:
    page = usage()
    page["records"]["nodes"][0]["name"] = "\x1b[2Jname\u202e"
    with canned({"data": {"usage": page}}) as there:
        done = run("report", "--endpoint", there.url, "--json")

    assert json.loads(done.stdout) == {"usage": page}
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_report_in_a_terminal_that_has_no_unicode() -> None:
    with canned({"data": {"usage": usage()}}) as there:
        done = run("report", "--endpoint", there.url, environ={"PYTHONIOENCODING": "ascii"})

    assert done.returncode == 0
    assert "####" in done.stdout


def test_errors_of_the_server_have_their_codes() -> None:
    errors = [{"message": "'soon' is not a duration.", "extensions": {"code": "BAD_USER_INPUT"}}]
    with canned({"errors": errors}) as there:
        done = run("report", "--endpoint", there.url, "--last", "soon")

    assert done.returncode == 1
    assert done.stderr == "usage-graph: 'soon' is not a duration. [BAD_USER_INPUT]\n"


def test_a_closed_pipe_is_not_an_error_message() -> None:
    page = usage()
    page["records"]["nodes"] *= 5000  # more than a pipe holds
    with canned({"data": {"usage": page}}) as there:
        command = [sys.executable, "-m", "usage_graph.cli", "report", "--endpoint", there.url, "--json"]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(1)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(30) == 1


def test_an_interrupt_is_quiet() -> None:
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:

        def accept() -> None:
            connection, _ = silent.accept()
            with connection:
                connection.recv(1)
                asked.set()
                connection.recv(1_000_000)
                connection.recv(1)

        thread = threading.Thread(target=accept)
        thread.start()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-m", "usage_graph.cli", "report", "--endpoint", endpoint]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert asked.wait(30)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=30) == (b"", b"")
            assert process.returncode == 130
        thread.join(30)


def test_schema_prints_or_writes_the_sdl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "schema.graphql"

    assert cli.main(["schema"]) == 0
    assert capsys.readouterr().out == sdl().rstrip("\n") + "\n"
    assert cli.main(["schema", "--output", str(output)]) == 0
    assert output.read_text() == sdl().rstrip("\n") + "\n"
    assert cli.main(["schema", "--output", str(tmp_path / "none" / "schema.graphql")]) == 1
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_migrate_says_what_it_did(empty_database: str) -> None:
    first = run("migrate", environ={"USAGE_GRAPH_DATABASE_URL": empty_database})
    second = run("migrate", "--database-url", empty_database, "--engine", "postgresql")
    refused = run("migrate", "--database-url", empty_database, "--engine", "timescaledb")

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout.startswith("applied ")
    assert second.stdout == "The database is up to date.\n"
    assert refused.returncode == 1
    assert "cannot be run as TimescaleDB" in refused.stderr


def test_doctor_finds_what_is_wrong(database: str, empty_database: str) -> None:
    ports = [f"--{name}={free_port()}" for name in ("port", "otlp-http-port", "otlp-grpc-port")]
    well = run("doctor", *ports, "--database-url", database)
    ill = run("doctor", *ports, "--database-url", empty_database)

    assert well.returncode == 0, well.stdout + well.stderr
    assert "FAILED" not in well.stdout
    assert ill.returncode == 1
    assert "FAILED  migrations" in ill.stdout
