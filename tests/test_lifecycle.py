"""The server as an operator meets it: ports, signals, readiness, and who may talk to it."""

import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.otlp import PROTOBUF, call, request
from tests.serving import Server, free_port

CALLS = '{ usage(window: {last: "P1D"}) { totals { calls } } }'


def post_spans(server: Server, numbers: range, *, project: str = "default") -> httpx.Response:
    return httpx.post(
        f"{server.otlp_http}/v1/traces",
        content=request(call(number) for number in numbers).SerializeToString(),
        headers={**PROTOBUF, "x-usage-graph-project": project},
        timeout=30,
    )


def test_acknowledged_spans_are_in_the_next_answer(server: Server) -> None:
    project = server.project()
    for start in range(0, 50, 10):
        assert post_spans(server, range(start, start + 10), project=project).status_code == 200
        data = server.query(CALLS, project=project)
        assert data["usage"]["totals"]["calls"] == start + 10


def test_both_http_ports_take_otlp_and_only_the_main_one_answers_queries(server: Server) -> None:
    project = server.project()
    body = request([call(1)]).SerializeToString()
    headers = {**PROTOBUF, "x-usage-graph-project": project}
    for base in (server.http, server.otlp_http):
        assert httpx.post(f"{base}/v1/traces", content=body, headers=headers).status_code == 200
        assert httpx.get(f"{base}/healthz").json() == {"status": "ok", "service": "usage-graph"}
        assert httpx.get(f"{base}/readyz").status_code == 200
    assert httpx.post(f"{server.otlp_http}/graphql", json={"query": CALLS}).status_code == 404
    assert server.query(CALLS, project=project)["usage"]["totals"]["calls"] == 1


def test_the_printed_address_is_that_of_the_usage_page(server: Server) -> None:
    page = httpx.get(server.http, headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "<title>Usage</title>" in page.text
    assert "GraphiQL" in httpx.get(f"{server.http}/graphql", headers={"accept": "text/html"}).text


def test_sigterm_answers_what_is_under_way_and_exits_0(postgresql: str) -> None:
    server = Server(database_url=postgresql, settings={"USAGE_GRAPH_BATCH_TIMEOUT": "10"}).start()
    answers: list[int] = []
    sender = threading.Thread(target=lambda: answers.append(post_spans(server, range(100)).status_code))
    sender.start()
    deadline = time.monotonic() + 8  # the batch waits for company a little longer
    while "usage_graph_exporter_queue_length 100" not in httpx.get(f"{server.http}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.stop() == 0
    sender.join(10)
    assert answers == [200]
    with Server(database_url=postgresql) as again:
        assert again.query(CALLS)["usage"]["totals"]["calls"] == 100


def test_a_taken_default_port_is_a_warning(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real defaults may be taken or free here; what counts is that nobody asked for them.
    server = Server(
        database_url=postgresql, settings={"USAGE_GRAPH_OTLP_HTTP_PORT": "", "USAGE_GRAPH_OTLP_GRPC_PORT": ""}
    )
    blockers = []
    for port in (4317, 4318):
        blocker = socket.socket()
        blocker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            blocker.bind(("127.0.0.1", port))
            blocker.listen()
        except OSError:
            blocker.close()  # somebody else blocks it already
        else:
            blockers.append(blocker)
    try:
        with server:
            assert httpx.post(f"{server.http}/v1/traces", headers=PROTOBUF).status_code == 200
        assert "Port 4318 on 127.0.0.1 is in use by another program. OTLP/HTTP is served on port" in server.log
        assert "Port 4317 on 127.0.0.1 is in use by another program. OTLP/gRPC is off." in server.log
    finally:
        for blocker in blockers:
            blocker.close()


@pytest.mark.parametrize("variable", ["USAGE_GRAPH_PORT", "USAGE_GRAPH_OTLP_HTTP_PORT", "USAGE_GRAPH_OTLP_GRPC_PORT"])
def test_a_taken_port_that_was_asked_for_is_an_error(postgresql: str, variable: str) -> None:
    with socket.socket() as blocker:
        blocker.bind(("127.0.0.1", 0))
        blocker.listen()
        port = blocker.getsockname()[1]
        server = Server(database_url=postgresql, settings={variable: str(port)})
        with pytest.raises(AssertionError, match="did not start"):
            server.start()
    assert server.process.returncode == 1
    assert f"Port {port} on 127.0.0.1 is in use" in server.log
    assert "Traceback" not in server.log


def test_no_migrate_says_what_is_missing(empty_database: str) -> None:
    server = Server(database_url=empty_database, arguments=("--no-migrate",))
    with pytest.raises(AssertionError, match="did not start"):
        server.start()
    assert "Run `usage-graph migrate`, or serve without --no-migrate." in server.log


def test_a_database_that_is_away_is_one_sentence() -> None:
    server = Server(database_url=f"postgresql://me:hidden@127.0.0.1:{free_port()}/x")
    with pytest.raises(AssertionError, match="did not start"):
        server.start()
    assert "Check USAGE_GRAPH_DATABASE_URL" in server.log
    assert "hidden" not in server.log
    assert "Traceback" not in server.log


def test_a_second_server_on_the_same_data_directory(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as first:
        second = Server(data_dir=tmp_path)
        with pytest.raises(AssertionError, match="did not start"):
            second.start()
        assert f"in use by another usage-graph server, process {first.process.pid}" in second.log


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:8000"}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost:8000"}, 200),
        ({"host": "127.0.0.2:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "localhost:8000", "origin": "http://localhost:8000"}, 200),
        ({"host": "localhost:8000", "origin": "http://localhost:3000"}, 403),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/graphql", "/v1/traces"])
def test_foreign_pages_cannot_reach_a_loopback_server(
    server: Server, headers: dict[str, str], status: int, path: str
) -> None:
    body = {"json": {"query": "{ __typename }"}} if path == "/graphql" else {"json": {}}
    answer = httpx.post(f"{server.http}{path}", headers=headers, **body)  # type: ignore[arg-type]
    assert answer.status_code == status
    if status != 200:
        assert "USAGE_GRAPH_" in answer.json()["message"]


def test_allowed_hosts_and_cors_origins(postgresql: str) -> None:
    settings = {
        "USAGE_GRAPH_ALLOWED_HOSTS": "collector.internal",
        "USAGE_GRAPH_CORS_ORIGINS": "https://app.example",
    }
    with Server(database_url=postgresql, settings=settings) as server:
        own_host = httpx.post(f"{server.http}/v1/traces", json={}, headers={"host": "collector.internal:4318"})
        assert own_host.status_code == 200
        for url in (f"{server.http}/graphql", f"{server.otlp_http}/v1/traces"):
            preflight = httpx.options(
                url,
                headers={
                    "origin": "https://app.example",
                    "access-control-request-method": "POST",
                    "access-control-request-headers": "content-type,x-usage-graph-project",
                },
            )
            assert preflight.status_code == 200
            assert preflight.headers["access-control-allow-origin"] == "https://app.example"
            refused = httpx.options(
                url, headers={"origin": "https://evil.example", "access-control-request-method": "POST"}
            )
            assert refused.status_code == 403
        answer = httpx.post(
            f"{server.http}/graphql", json={"query": "{ __typename }"}, headers={"origin": "https://app.example"}
        )
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
