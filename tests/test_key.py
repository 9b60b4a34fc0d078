"""A server with an operator's key: who has it gets in by every door, who has not is told why, and it stays secret."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx
import pytest
from google.protobuf.json_format import MessageToJson
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.otlp import PROTOBUF, call, request
from tests.serving import START_LINE, Server
from usage_graph.config import Settings, load
from usage_graph.demo import stage
from usage_graph.doctor import doctor
from usage_graph.errors import ConfigError, ReportError, Unauthenticated
from usage_graph.grant import OPEN, Access, Grant, attach
from usage_graph.key import admit
from usage_graph.keys import OPERATOR, Keys
from usage_graph.listen import bind
from usage_graph.rate import caller_of
from usage_graph.report.client import Question, fetch
from usage_graph.web import HttpServer

KEY = "9f86d081884c7d659a2feaa0c55ad015"
WRONG = "x" + KEY[1:]
BEARER = {"authorization": f"Bearer {KEY}"}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CALLS = '{ usage(window: {last: "P1D"}) { totals { calls } } }'
ORIGIN = "https://app.example.com"
KEYS = Keys(dsn="", api_key=KEY, clock=lambda: datetime.now(UTC))
NONE = Keys(dsn="", api_key=None, clock=lambda: datetime.now(UTC))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"USAGE_GRAPH_API_KEY": KEY, "USAGE_GRAPH_CORS_ORIGINS": ORIGIN}
    with Server(data_dir=tmp_path_factory.mktemp("guarded"), settings=settings) as running:
        yield running


def calls(server: Server, project: str) -> int:
    answer = httpx.post(
        f"{server.http}/graphql", json={"query": CALLS}, headers={**BEARER, "x-usage-graph-project": project}
    )
    count: int = answer.json()["data"]["usage"]["totals"]["calls"]
    return count


# --- the key itself


@pytest.mark.parametrize(
    "headers",
    [
        BEARER,
        {"authorization": f"bearer   {KEY} "},
        {"x-api-key": KEY},
        {"authorization": "Basic dXNlcjpwYXNz", "x-api-key": KEY},
    ],
)
def test_it_opens_every_project(headers: dict[str, str]) -> None:
    for access in Access:
        assert admit(KEYS, headers, access=access) == Grant(Access.ADMIN, OPERATOR)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"authorization": f"Bearer {KEY}{KEY}"},
        {"authorization": f"Bearer {KEY[:-1]}"},
        {"authorization": f"Bearer {KEY.upper()}"},
        {"authorization": f"Bearer {WRONG}", "x-api-key": KEY},
        {"x-api-key": ""},
    ],
)
def test_nothing_else_does(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated):
        admit(KEYS, headers, access=Access.INGEST)
    assert admit(NONE, headers, access=Access.ADMIN) == OPEN


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_a_header_may_hold_is_refused_without_repeating_it(text: str) -> None:
    for headers in ({"authorization": f"Bearer {text}"}, {"x-api-key": text}):
        with pytest.raises(Unauthenticated) as caught:
            admit(KEYS, headers, access=Access.INGEST)
        assert KEY not in str(caught.value)
        assert len(text) < 8 or text not in str(caught.value)


@pytest.mark.parametrize("value", ["short", "a key with spaces in it", "schlüssel-mit-umlaut", "sixteen-letters\n"])
def test_a_key_that_cannot_be_one(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"USAGE_GRAPH_API_KEY": value})
    assert caught.value.problems == (
        "USAGE_GRAPH_API_KEY: is not at least 16 visible ASCII characters without a space.",
    )


def test_it_is_not_in_what_settings_show() -> None:
    settings = load({"USAGE_GRAPH_API_KEY": KEY})
    assert settings.api_key == KEY
    assert KEY not in repr(settings)
    assert KEY not in repr(Question(endpoint="http://127.0.0.1:8000", timezone="UTC", key=KEY))


# --- OTLP


class Way(NamedTuple):
    """How a sender over HTTP writes, and reads a refusal."""

    content_type: str
    body: bytes


TRACES = request([call(1)])
WAYS = {
    "protobuf": Way("application/x-protobuf", TRACES.SerializeToString()),
    "json": Way("application/json", MessageToJson(request([])).encode()),
}


@pytest.mark.parametrize("headers", [{}, {"authorization": f"Bearer {WRONG}"}], ids=["none", "wrong"])
@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
@pytest.mark.parametrize("way", WAYS)
def test_otlp_over_http_is_refused_in_the_senders_encoding(
    guarded: Server, way: str, signal: str, headers: dict[str, str]
) -> None:
    content_type, body = WAYS[way]
    for base in (guarded.http, guarded.otlp_http):
        answer = httpx.post(f"{base}/v1/{signal}", content=body, headers={"content-type": content_type, **headers})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="usage-graph"'
        assert answer.headers["content-type"] == content_type
        assert "retry-after" not in answer.headers
        if way == "json":
            status = answer.json()
            code, message = status["code"], status["message"]
        else:
            read = Status.FromString(answer.content)
            code, message = read.code, read.message
        assert code == grpc.StatusCode.UNAUTHENTICATED.value[0]
        assert ("authorization: Bearer KEY" if not headers else "not one of this server's") in message


def test_a_sender_of_unknown_encoding_is_refused_in_json(guarded: Server) -> None:
    answer = httpx.post(f"{guarded.http}/v1/traces", content=b"x", headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["code"]) == (401, 16)


@pytest.mark.parametrize("headers", [BEARER, {"x-api-key": KEY}], ids=["bearer", "x-api-key"])
def test_otlp_over_http_with_the_key_is_stored(guarded: Server, headers: dict[str, str]) -> None:
    project = guarded.project()
    for number, base in enumerate((guarded.http, guarded.otlp_http)):
        answer = httpx.post(
            f"{base}/v1/traces",
            content=request([call(number)]).SerializeToString(),
            headers={**PROTOBUF, **headers, "x-usage-graph-project": project},
        )
        assert answer.status_code == 200
    assert calls(guarded, project) == 2


def test_refused_spans_are_not_stored(guarded: Server) -> None:
    project = guarded.project()
    refused = {**PROTOBUF, "authorization": f"Bearer {WRONG}", "x-usage-graph-project": project}
    httpx.post(f"{guarded.http}/v1/traces", content=TRACES.SerializeToString(), headers=refused)
    assert calls(guarded, project) == 0


def export(server: Server, *metadata: tuple[str, str]) -> bytes:
    with grpc.insecure_channel(server.otlp_grpc) as channel:
        method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        return method(TRACES.SerializeToString(), metadata=metadata, timeout=10)


@pytest.mark.parametrize("metadata", [(), (("authorization", f"Bearer {WRONG}"),)], ids=["none", "wrong"])
def test_otlp_over_grpc_is_refused(guarded: Server, metadata: tuple[tuple[str, str], ...]) -> None:
    project = guarded.project()
    with pytest.raises(grpc.RpcError) as caught:
        export(guarded, *metadata, ("x-usage-graph-project", project))
    assert isinstance(caught.value, grpc.Call)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    trailing = dict(caught.value.trailing_metadata() or ())
    assert Status.FromString(trailing["grpc-status-details-bin"]).code == 16
    assert calls(guarded, project) == 0


@pytest.mark.parametrize("header", [("authorization", f"Bearer {KEY}"), ("x-api-key", KEY)])
def test_otlp_over_grpc_with_the_key_is_stored(guarded: Server, header: tuple[str, str]) -> None:
    project = guarded.project()
    assert export(guarded, header, ("x-usage-graph-project", project)) == b""
    assert calls(guarded, project) == 1


# --- GraphQL and pages


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/graphql"),
        ("GET", "/graphql?query={__typename}"),
        ("HEAD", "/graphql"),
        ("GET", "/metrics"),
        ("GET", "/no-such-page"),
        ("GET", "/graphql/staticx"),
    ],
)
def test_nothing_else_is_answered_without_the_key(guarded: Server, method: str, path: str) -> None:
    answer = httpx.request(method, f"{guarded.http}{path}", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="usage-graph"'
    if method != "HEAD":
        (error,) = answer.json()["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}
        assert "authorization: Bearer KEY" in error["message"]


def test_with_the_key_the_api_is_as_ever(guarded: Server) -> None:
    asked = {"query": "{ __typename }"}
    answer = httpx.post(f"{guarded.http}/graphql", json=asked, headers=BEARER)
    assert answer.json()["data"] == {"__typename": "Query"}
    assert "usage_graph_calls_stored_total " in httpx.get(f"{guarded.http}/metrics", headers=BEARER).text
    assert httpx.get(f"{guarded.http}/no-such-page", headers=BEARER).status_code == 404


def test_health_and_the_page_are_for_anyone(guarded: Server) -> None:
    for base in (guarded.http, guarded.otlp_http):
        assert httpx.get(f"{base}/healthz").status_code == 200
        assert httpx.get(f"{base}/readyz").status_code == 200
    page = httpx.get(guarded.http)
    assert page.status_code == 200
    for asset in re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page.text):
        assert httpx.get(f"{guarded.http}/{asset}").status_code == 200
    assert httpx.get(f"{guarded.http}/graphql", headers={"accept": "text/html"}).status_code == 200
    assert httpx.get(f"{guarded.http}/graphql/static/page.js").status_code == 200


def test_a_browser_may_ask_first_and_read_the_refusal(guarded: Server) -> None:
    asking = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    preflight = httpx.options(f"{guarded.http}/graphql", headers=asking)
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    refused = httpx.post(f"{guarded.http}/graphql", json={"query": CALLS}, headers={"origin": ORIGIN})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == ORIGIN


# --- those who call: report, doctor, demo, SDKs


def test_the_report_sends_it(guarded: Server) -> None:
    question = Question(endpoint=guarded.http, timezone="UTC", key=KEY)
    assert "totals" in fetch(question)["usage"]
    with pytest.raises(ReportError, match=r"wants a key.*\[UNAUTHENTICATED\]"):
        fetch(replace(question, key=None))
    with pytest.raises(ReportError, match=r"not one of this server's.*\[UNAUTHENTICATED\]"):
        fetch(replace(question, key=WRONG))


def test_the_command_takes_it_from_the_environment(guarded: Server) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("USAGE_GRAPH_")}
    done = subprocess.run(
        [sys.executable, "-m", "usage_graph.cli", "report", "--endpoint", guarded.http],
        env=environ | {"USAGE_GRAPH_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Total cost" in done.stdout


async def test_doctor_needs_none(guarded: Server, tmp_path: Path) -> None:
    found = {check.name: check for check in await doctor(Settings(data_dir=tmp_path, port=guarded.http_port))}
    assert found["server"].ok


def test_opentelemetrys_exporters_read_it_as_the_demo_gives_it() -> None:
    key = "as=strange,as;keys%20get"
    variables = stage.sender_environment({"OTEL_EXPORTER_OTLP_HEADERS": "foreign=1"}, key=key)
    headers = parse_env_headers(variables["OTEL_EXPORTER_OTLP_HEADERS"], liberal=True)
    assert headers == {"authorization": f"Bearer {key}"}


# --- who it is where there is no key


async def test_nobody_chooses_the_address_they_come_from() -> None:
    """What is limited for each address would be limited for nobody."""

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        attach(scope, OPEN)
        await PlainTextResponse(caller_of(scope))(scope, receive, send)

    sock = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    async with HttpServer(tell, [sock], certificate=None, grace=5.0), httpx.AsyncClient() as client:
        for headers in ({}, {"x-forwarded-for": "192.0.2.1"}, {"x-forwarded-for": "192.0.2.2, 127.0.0.1"}):
            assert (await client.get(url, headers=headers)).text == "address 127.0.0.1"


# --- what is logged


@contextmanager
def exposed(database_url: str, **settings: str) -> Iterator[Server]:
    """A server that believes that others can reach it: it listens on loopback, by a name it does not know as such."""
    listening = {"USAGE_GRAPH_HOST": "127.1", "USAGE_GRAPH_OTLP_GRPC_PORT": "0"}  # gRPC does not know it at all
    server = Server(database_url=database_url, settings=listening | settings)
    server.http = server.http.replace("127.0.0.1", "127.1")
    with server:
        yield server


def test_an_open_server_says_so(postgresql: str) -> None:
    with exposed(postgresql, USAGE_GRAPH_INSECURE="on") as server:
        assert server.query("{ __typename }") == {"__typename": "Query"}
    assert "127.1 is not loopback and there is no key: whoever reaches these ports" in server.log


def test_without_a_key_nothing_listens_where_others_are(postgresql: str) -> None:
    with pytest.raises(AssertionError) as caught, exposed(postgresql):
        pass
    assert "127.1 is not loopback, and there is no key" in str(caught.value)
    assert "`usage-graph keys create --all-projects --scope admin`" in str(caught.value)
    assert "--insecure" in str(caught.value)


def test_a_guarded_server_says_nothing_and_never_the_key(postgresql: str) -> None:
    with exposed(postgresql, USAGE_GRAPH_API_KEY=KEY) as server:
        for headers in ({}, BEARER, {"authorization": f"Bearer {WRONG}"}):
            httpx.post(f"{server.http}/v1/traces", content=b"\xff", headers={**PROTOBUF, **headers})
            httpx.post(f"{server.http}/graphql", content=b"\xff", headers=headers)
    assert START_LINE.fullmatch(server.log)
