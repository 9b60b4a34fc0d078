"""``usage-graph import``: arguments, exit status, and what is said when it cannot be done."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.importing.histories import jsonl
from tests.importing.running import run
from tests.importing.test_records import LEAST
from tests.serving import free_port
from usage_graph import cli
from usage_graph.importing.command import KINDS
from usage_graph.importing.importer import history


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "calls.ndjson"
    path.write_bytes(jsonl([LEAST]))
    return path


def test_help_names_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["import", "--help"])
    shown = capsys.readouterr().out
    for kind in KINDS:
        assert f"{kind}:" in shown
        assert history(kind).name == kind


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "the following arguments are required: KIND"),
        (("cursor", "x"), "invalid choice: 'cursor'"),
        (("records",), "Which files to import? Say import records PATH."),
        (("litellm", "x", "--format", "csv"), "--format is for records"),
        (("records", "x", "--since", "yesterday"), "'yesterday' is not a date such as 2026-11-01"),
    ],
)
def test_wrong_usage_is_2(arguments: tuple[str, ...], problem: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert problem in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("records", "none.csv"), "none.csv is not there."),
        (("claude-code",), "There are no sessions of Claude Code in "),
        (("records", "CALLS", "--endpoint", "localhost"), "is not a URL such as"),
        (("records", "CALLS", "--project", " "), "--project: "),
        (
            ("records", "CALLS", "--endpoint", f"http://127.0.0.1:{free_port()}"),
            "No server answers at http://127.0.0.1",
        ),
    ],
)
def test_what_cannot_be_done_is_1(calls: Path, arguments: tuple[str, ...], problem: str) -> None:
    done = run(*(str(calls) if argument == "CALLS" else argument for argument in arguments))
    assert done.returncode == 1
    assert done.stderr.startswith("usage-graph: ")
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_dry_run_needs_no_server(calls: Path) -> None:
    done = run("records", calls, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "Found 1 call in 1 file, 1 line. Nothing was sent."


@pytest.mark.skipif(sys.platform != "linux", reason="a file that nobody, not even root, can read")
def test_a_file_that_cannot_be_read_fails_at_the_end(calls: Path) -> None:
    done = run("records", calls, "/proc/self/mem", "--format", "ndjson", "--dry-run")
    assert done.returncode == 1
    assert done.stderr == "/proc/self/mem: cannot be read (Input/output error).\n"
    assert "Found 1 call in 2 files" in done.stdout
    assert done.stdout.endswith("NOT READ, or not to the end: 1 file.\n")


def test_the_command_is_not_what_makes_help_slow() -> None:
    """The client's own packages (rich, protobuf) are imported when an import runs."""
    loaded = (
        "import sys, usage_graph.cli; print([m for m in ('rich', 'google.protobuf', 'msgspec') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
