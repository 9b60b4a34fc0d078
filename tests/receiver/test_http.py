"""What only HTTP has: methods, content types, encodings, bodies in pieces, JSON."""

import gzip
import http.client
import json
import socket
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.receiver.payloads import CAPTURED, llm_span, request, to_json
from tests.receiver.running import INTAKE, MAX_BODY, Receiver

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def post(client: httpx.Client, body: Any, media_type: str | None = PROTOBUF, /, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if media_type is not None:
        named["Content-Type"] = media_type
    return client.post("/v1/traces", content=body, headers=named)


def status_of(response: httpx.Response) -> dict[str, Any]:
    """The ``google.rpc.Status`` of a response, from either encoding."""
    if response.headers["content-type"] == JSON:
        found: dict[str, Any] = response.json()
        return found
    status = Status.FromString(response.content)
    return {"code": status.code, "message": status.message}


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_other_methods(method: str, path: str, client: httpx.Client) -> None:
    response = client.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    if method != "HEAD":
        assert "POST" in response.json()["message"]


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/protobuf", "application/x-www-form-urlencoded", None]
)
def test_unsupported_content_type(media_type: str | None, client: httpx.Client) -> None:
    response = post(client, request(llm_span(1)).SerializeToString(), media_type)
    assert response.status_code == 415
    status = response.json()
    assert status["code"] == 3
    assert PROTOBUF in status["message"]
    assert JSON in status["message"]


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "x" * 1000])
def test_unsupported_content_encoding(encoding: str, media_type: str, client: httpx.Client) -> None:
    response = post(client, b"", media_type, content_encoding=encoding)
    assert response.status_code == 415
    assert response.headers["content-type"] == media_type
    status = status_of(response)
    assert status["code"] == 3
    assert "gzip" in status["message"]
    assert len(status["message"]) < 200


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]
)
def test_parameters_and_case_of_the_content_type(media_type: str, client: httpx.Client, receiver: Receiver) -> None:
    response = post(client, to_json(request(llm_span(1))), media_type)
    assert (response.status_code, response.headers["content-type"], response.json()) == (200, JSON, {})
    assert receiver.numbers == [1]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " identity ", ""])
def test_content_encodings(encoding: str, client: httpx.Client, receiver: Receiver) -> None:
    body = request(llm_span(1)).SerializeToString()
    response = post(
        client, gzip.compress(body) if "gzip" in encoding.lower() else body, content_encoding=encoding.strip()
    )
    assert (response.status_code, response.content) == (200, b"")
    assert receiver.numbers == [1]


def test_an_empty_protobuf_body_is_an_empty_request(client: httpx.Client) -> None:
    response = post(client, b"")
    assert (response.status_code, response.content, response.headers["content-type"]) == (200, b"", PROTOBUF)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"resourceSpans":{}}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":7}]}]}',
        b"{} {}",
        b'{"resourceSpans":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"x":' + b'{"x":' * 100_000,
    ],
    ids=lambda body: body[:24].decode(),
)
def test_malformed_json(body: bytes, client: httpx.Client) -> None:
    response = post(client, body, JSON)
    assert (response.status_code, response.headers["content-type"]) == (400, JSON)
    assert response.json()["code"] == 3
    assert response.json()["message"].startswith("The body is not an OTLP request in JSON")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"not gzip at all", "not gzip"),
        (gzip.compress(b"x" * 1000)[:-4], "cut short"),
        (gzip.compress(b"")[:5], "cut short"),
        (b"", "cut short"),
        (gzip.compress(b"") + b"trailing", "not gzip"),
        (gzip.compress(b"x" * 1000)[:-8] + bytes(8), "not gzip"),
        (zlib.compress(b""), "not gzip"),
        (gzip.compress(b"") * 2000, "gzip members"),
    ],
    ids=["text", "truncated", "header only", "nothing", "trailing", "bad checksum", "zlib", "many members"],
)
def test_bad_gzip(body: bytes, says: str, client: httpx.Client) -> None:
    response = post(client, body, content_encoding="gzip")
    assert response.status_code == 400
    assert says in status_of(response)["message"]


def test_gzip_in_several_members_and_pieces(client: httpx.Client, receiver: Receiver) -> None:
    body = request(*(llm_span(n) for n in range(1, 50))).SerializeToString()
    packed = b"".join(gzip.compress(body[start : start + 1000]) for start in range(0, len(body), 1000))

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(packed), 77):
            yield packed[start : start + 77]

    assert post(client, pieces(), content_encoding="gzip").status_code == 200
    assert receiver.numbers == list(range(1, 50))


def test_a_declared_length_over_the_limit_is_refused_unread(receiver: Receiver) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.http_port, timeout=10)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", PROTOBUF)
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert str(MAX_BODY) in Status.FromString(response.read()).message
    connection.close()


def test_a_stream_over_the_limit_is_refused(client: httpx.Client) -> None:
    response = post(client, (bytes(2**16) for _ in range(64)))
    assert response.status_code == 413
    assert status_of(response)["code"] == 8


@pytest.mark.parametrize("members", [1, 4])
def test_a_gzip_bomb_does_not_grow_memory(members: int, client: httpx.Client) -> None:
    bomb = gzip.compress(bytes(2**28 // members)) * members
    assert len(bomb) < MAX_BODY
    tracemalloc.start()
    try:
        response = post(client, bomb, content_encoding="gzip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response.status_code == 413
    assert "decompressed" in status_of(response)["message"]
    assert peak < 8 * MAX_BODY


def test_a_sender_that_goes_away_in_mid_body_harms_nobody(receiver: Receiver, client: httpx.Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.http_port, timeout=10)
    connection.putrequest("POST", "/v1/traces")
    connection.putheader("Content-Type", PROTOBUF)
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b"\x0a")
    connection.close()
    assert post(client, request(llm_span(1)).SerializeToString()).status_code == 200
    assert receiver.numbers == [1]


def test_partial_success_in_json(client: httpx.Client, receiver: Receiver) -> None:
    response = post(client, to_json(request(llm_span(1), llm_span(0))), JSON)
    partial = response.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert partial["errorMessage"].startswith("1 span rejected: 1 x span has no span id")


def test_partial_success_in_protobuf(client: httpx.Client) -> None:
    response = post(client, request(llm_span(0)).SerializeToString())
    partial = ExportTraceServiceResponse.FromString(response.content).partial_success
    assert partial.rejected_spans == 1


def test_retryable_in_json(client: httpx.Client, receiver: Receiver) -> None:
    receiver.store.error = OSError("gone")
    response = post(client, to_json(request(llm_span(1))), JSON)
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["code"] == 14
    assert response.json()["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]


def test_a_body_that_stops_arriving_gives_its_room_back(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("usage_graph.receiver.http._BODY_TIMEOUT", 0.3)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {JSON}\r\nContent-Length: {MAX_BODY}\r\n\r\n"
    with ExitStack() as stack:
        stalled = []
        for _ in range(INTAKE // MAX_BODY):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", receiver.http_port), timeout=10))
            sock.sendall(head.encode() + b" " * (MAX_BODY - 1))
            stalled.append(sock)
        for sock in stalled:
            answer = http.client.HTTPResponse(sock)
            answer.begin()
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "not whole after 0.3 seconds" in answer.read().decode()
        assert post(receiver.client, request(llm_span(1)).SerializeToString()).status_code == 200


@pytest.mark.parametrize("name", ["Zürich", "プロジェクト"])
def test_project_in_utf8(name: str, client: httpx.Client, receiver: Receiver) -> None:
    headers = [(b"Content-Type", PROTOBUF.encode()), (b"X-Usage-Graph-Project", name.encode())]
    assert client.post("/v1/traces", content=request(llm_span(1)).SerializeToString(), headers=headers).is_success
    assert [record.project for record in receiver.records] == [name]


def test_project_that_is_no_text(client: httpx.Client) -> None:
    headers = [(b"Content-Type", JSON.encode()), (b"X-Usage-Graph-Project", b"\xff")]
    response = client.post("/v1/traces", content=b"{}", headers=headers)
    assert response.status_code == 400
    assert "UTF-8" in response.json()["message"]


def test_captured_traces_are_accepted_whole(client: httpx.Client, receiver: Receiver) -> None:
    for path in sorted(CAPTURED.glob("*__traces__*")):
        response = post(client, path.read_bytes(), JSON if path.suffix == ".json" else PROTOBUF)
        assert response.content in (b"", b"{}"), path.name
    assert len(receiver.records) > 150
    assert json.dumps([record.name for record in receiver.records])
