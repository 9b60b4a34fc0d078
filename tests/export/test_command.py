"""``usage-graph export``: a file that is whole, or none."""

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_cli import run
from tests.export.exports import FORMATS, parsed
from tests.graph.conftest import MONTH
from tests.serving import Server, free_port
from tests.store.database import write
from usage_graph import cli
from usage_graph.exporting.command import stand_of, summary
from usage_graph.exporting.counting import COUNTERS
from usage_graph.exporting.download import Downloaded, Progress, export_url
from usage_graph.graph.export.columns import Column, Kind
from usage_graph.graph.export.formats import Csv, Format
from usage_graph.usage import record_id

WINDOW = ("--from", "2026-02-14", "--to", "2026-04-16", "--timezone", "UTC")
PARAMETERS = {"from": "2026-02-14T00:00:00Z", "to": "2026-04-16T00:00:00Z"}


@pytest.fixture
async def project(server: Server) -> str:
    """A project of the server's with the month's calls."""
    name = f"größe {server.project()}"
    records = [one._replace(project=name, id=record_id(name, one.trace_id, one.span_id)) for one in MONTH]
    await write(server.environment["USAGE_GRAPH_DATABASE_URL"], records)
    return name


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("USAGE_GRAPH_"):
            monkeypatch.delenv(name)


def asked_for(server: Server, project: str, table: str, **parameters: str) -> bytes:
    answer = httpx.get(
        f"{server.http}/export/{table}",
        params={**PARAMETERS, **parameters},
        headers={b"x-usage-graph-project": project.encode()},
    )
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("table", ["records", "conversations", "series"])
def test_the_file_is_what_the_server_sends(
    server: Server, project: str, table: str, format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    arguments = ["--endpoint", server.http, "--project", project, "--format", format, "--output", str(output)]
    assert cli.main(["export", table, *WINDOW, *arguments]) == 0

    content = output.read_bytes()
    if format != "parquet":
        assert content == asked_for(server, project, table, format=format)
    rows = parsed(content, format)
    assert len(rows) == {"records": 100, "conversations": 5, "series": 61}[table]
    assert list(tmp_path.iterdir()) == [output]
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"Exported {table}: {len(rows)} rows, ")
    assert said.err.endswith(f"s, {output}.\n")


def test_options_are_parameters(server: Server, project: str, tmp_path: Path) -> None:
    output = tmp_path / "series.csv"
    wanted = '{"channel": {"eq": "web"}}'
    split = ["--bucket", "week", "--by", "model", "--metric", "input-tokens", "--top", "1", "--filter", wanted]
    common = ["--endpoint", server.http, "--project", project, "--output", str(output)]
    assert cli.main(["export", "series", *WINDOW, *split, *common]) == 0
    assert output.read_bytes() == asked_for(
        server, project, "series", bucket="WEEK", by="MODEL", metric="INPUT_TOKENS", top="1", filter=wanted
    )


def test_to_standard_output(server: Server, project: str) -> None:
    done = run("export", "records", *WINDOW, "--endpoint", server.http, "--project", project, "--output", "-")
    assert done.returncode == 0
    assert len(parsed(done.stdout.encode(), "csv")) == 100
    assert done.stderr.startswith("Exported records: 100 rows, ")


def test_without_an_output_it_is_a_new_file_of_the_servers_name(
    server: Server, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["--endpoint", server.http, "--project", project]
    assert cli.main(["export", "records", *WINDOW, *common]) == 0
    (tmp_path / "there").mkdir()
    assert cli.main(["export", "records", *WINDOW, *common, "--output", "there"]) == 0
    name = "usage-graph-records-20260214T000000Z-20260416T000000Z.csv"
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")) == [f"there/{name}", name]

    # Once more, it is there already.
    assert cli.main(["export", "records", *WINDOW, *common]) == 1


def test_a_file_that_is_there_is_replaced_only_by_force(
    server: Server, project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "mine.csv"
    output.write_text("mine")
    arguments = ["export", "records", *WINDOW, "--endpoint", server.http, "--project", project, "--output", str(output)]
    assert cli.main(arguments) == 1
    assert capsys.readouterr().err == (
        f"usage-graph: {output} is there already: choose another --output, or say --force to replace it.\n"
    )
    assert output.read_text() == "mine"
    assert cli.main([*arguments, "--force"]) == 0
    assert len(parsed(output.read_bytes(), "csv")) == 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["records", "--filter", "{"], "`filter` is not JSON"),
        (["records", "--bucket", "day"], "'bucket' is no parameter of an export of records"),
        (["series", "--by", "colour"], "`by`: Value 'COLOUR' does not exist"),
        (["records", "--last", "P1X"], "`last`: 'P1X' is not a duration"),
        (["records", "--timezone", "Mars/North"], "`timezone`: 'Mars/North' is not an IANA time zone"),
        (["records", "--project", " "], "--project: "),
        (["records", "--key", "a\nb"], "The request cannot be made"),
        (["records", "--format", "ndjson", "--keep-formulas"], "`formulas` is for csv"),
    ],
)
def test_what_the_server_refuses_is_said(
    server: Server, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    assert cli.main(["export", *arguments, "--endpoint", server.http, "--output", str(output)]) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "2026-03-01"], "--to goes with --from"),
        (["--from", "soon"], "--from: 'soon' is not a time such as"),
        (["--from", "2026-03-01", "--to", "x"], "--to: 'x' is not a time"),
        (["--from", "2026-03-01", "--timezone", "x"], "--timezone: "),
    ],
)
def test_wrong_arguments_are_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", "records", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_server_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    assert cli.main(["export", "records", "--endpoint", endpoint, "--output", str(tmp_path / "x")]) == 1
    assert f"No server answers at {endpoint}" in capsys.readouterr().err
    assert cli.main(["export", "records", "--endpoint", "ftp://there"]) == 1
    assert "--endpoint: 'ftp://there' is not a URL" in capsys.readouterr().err


def test_the_directory_must_be_there(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "no" / "out.csv"
    assert cli.main(["export", "records", "--endpoint", server.http, "--output", str(output)]) == 1
    assert f"{output} cannot be written: No such file or directory" in capsys.readouterr().err


Answer = Callable[[BaseHTTPRequestHandler], None]
CHUNK = b"8\r\nid,cost\n\r\n"
NAMED = {"content-disposition": 'attachment; filename="x.csv"'}


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server that gives ``answer`` to every GET; its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Not to stderr, where the tests look for messages."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def sent(body: bytes, headers: Mapping[str, str] | None = None, *, status: int = 200) -> Answer:
    """As ``Transfer-Encoding: chunked`` has it: ``body`` is with the sizes of its chunks."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {**NAMED, "transfer-encoding": "chunked", **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


@pytest.mark.parametrize("body", [CHUNK, CHUNK[:5], b"", CHUNK + b"0\r"])
def test_a_stream_that_breaks_leaves_no_file(body: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "mine.csv"
    output.write_text("mine")
    with serving(sent(body, {"x-usage-graph-rows": "3"})) as endpoint:
        arguments = ["export", "records", "--endpoint", endpoint, "--output", str(output), "--force"]
        assert cli.main(arguments) == 1
    said = capsys.readouterr().err
    assert "has not come to its end" in said or "the file is not whole" in said
    # What was there is still there.
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_a_stream_that_breaks_fails_on_standard_output_too() -> None:
    with serving(sent(CHUNK)) as endpoint:
        done = run("export", "records", "--endpoint", endpoint, "--output", "-")
    assert done.returncode == 1
    assert "has not come to its end" in done.stderr


def test_fewer_rows_than_announced_are_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.csv"
    with serving(sent(CHUNK + b"0\r\n\r\n", {"x-usage-graph-rows": "3"})) as endpoint:
        assert cli.main(["export", "records", "--endpoint", endpoint, "--output", str(output)]) == 1
    assert "announced 3 rows, and 0 came" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_server_is_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", "5")
        request.end_headers()
        request.wfile.write(b"hello")

    output = ["--output", str(tmp_path / "out")]
    with serving(page) as endpoint:
        assert cli.main(["export", "records", "--endpoint", endpoint, *output]) == 1
    assert "is not a usage-graph server" in capsys.readouterr().err
    with serving(sent(b"0\r\n\r\n", status=404)) as endpoint:
        assert cli.main(["export", "records", "--endpoint", endpoint, *output]) == 1
    assert "HTTP status 404" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../up.csv", "/etc/passwd", "a/b.csv", ".bashrc", "a\\b", ""])
def test_a_name_that_the_server_gives_is_no_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    headers = {"content-disposition": f'attachment; filename="{name}"', "x-usage-graph-rows": "0"}
    with serving(sent(CHUNK + b"0\r\n\r\n", headers)) as endpoint:
        assert cli.main(["export", "records", "--endpoint", endpoint]) == 0
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()] == [
        "here/records.csv"
    ]


def test_the_key_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        seen.append((request.headers["authorization"], request.path.partition("?")[0]))
        sent(CHUNK + b"0\r\n\r\n")(request)

    monkeypatch.setenv("USAGE_GRAPH_API_KEY", "from-the-environment")
    with serving(answer) as endpoint:
        for number, arguments in enumerate(([], ["--key", "by-the-flag"])):
            output = ["--output", str(tmp_path / str(number))]
            assert cli.main(["export", "records", "--endpoint", f"{endpoint}/llm/", *arguments, *output]) == 0
    assert seen == [
        ("Bearer from-the-environment", "/llm/export/records"),
        ("Bearer by-the-flag", "/llm/export/records"),
    ]


def test_the_url_of_an_export() -> None:
    for endpoint in ("http://127.0.0.1:8000", "http://127.0.0.1:8000/", "http://127.0.0.1:8000/graphql"):
        url = export_url(endpoint, "records", {"last": "P1D", "filter": '{"a": "ä&b"}'})
        assert url == "http://127.0.0.1:8000/export/records?last=P1D&filter=%7B%22a%22%3A+%22%C3%A4%26b%22%7D"


@given(
    st.lists(st.tuples(st.text('a",\r\nä', max_size=8), st.text('a",\r\nä', max_size=8)), max_size=8), st.integers(1, 9)
)
def test_rows_of_csv_are_counted_whatever_is_in_them(rows: list[tuple[str, str]], width: int) -> None:
    columns = [Column(name, Kind.TEXT, lambda row: row) for name in ("a", "b")]
    encoder = Csv(columns, guard=False)
    content = encoder.begin() + encoder.encode(rows)
    counter = COUNTERS["csv"]()
    for start in range(0, len(content), width):
        counter.add(content[start : start + width])
    assert counter.rows == len(rows) == len(list(csv.reader(io.StringIO(content.decode(), newline="")))) - 1


def test_every_format_is_known_here() -> None:
    assert set(COUNTERS) == {str(format) for format in Format}


def test_how_far_it_is() -> None:
    assert stand_of(Progress(1200, 5000, 2_500_000)) == ("Exporting", 1200, 5000, "1,200 of 5,000 rows, 2.5 MB")
    assert stand_of(Progress(1200, None, 999)) == ("Exporting", 0, 0, "1,200 rows, 1.0 kB")
    assert stand_of(Progress(None, 5000, 1_000_000)) == ("Exporting", 0, 0, "1.0 MB")
    assert summary("records", Downloaded(None, 1, 500), seconds=0.25) == "Exported records: 1 row, 0.5 kB in 0.2 s."
