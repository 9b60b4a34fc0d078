"""What became of everything that was sent: servers agree with their metrics, with each other, and after restarts."""

import time
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.otlp import PROTOBUF, attributes, call, request
from tests.serving import Server
from tests.test_metrics import samples, value
from usage_graph.graph.schema import example_operations

ASKED = example_operations()["IngestHealth"]
NUMBERS = ("accepted", "stored", "repeated", "merged", "completed", "notLlm", "rejected", "unrecognised")


def spans() -> list[Span]:
    """Five calls, a page view, a span without trace id, and tokens in words that nobody knows."""
    page, broken, strange = call(21), call(22), call(23)
    del page.attributes[:]
    page.attributes.extend(attributes({"http.route": "/"}))
    broken.trace_id = b""
    del strange.attributes[:]
    strange.attributes.extend(attributes({"acme.input_tokens": 100, "acme.output_tokens": 20}))
    return [*map(call, range(5)), page, broken, strange]


def send(server: Server, message: ExportTraceServiceRequest, project: str) -> None:
    message.resource_spans[0].scope_spans[0].scope.name = "acme.instrumentation"
    answer = httpx.post(
        f"{server.otlp_http}/v1/traces",
        content=message.SerializeToString(),
        headers={**PROTOBUF, "x-usage-graph-project": project},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


def health(server: Server, project: str) -> dict[str, Any]:
    found: dict[str, Any] = server.query(ASKED, project=project)["ingestHealth"]
    return found


def once_accepted(server: Server, project: str, number: int) -> dict[str, Any]:
    """What is told once so much is known to have been received: servers write it down every few seconds."""
    deadline = time.monotonic() + 30
    while (found := health(server, project))["accepted"] < number and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found["accepted"] == number
    return found


def test_it_is_what_became_of_what_was_sent(server: Server) -> None:
    project = server.project()
    before = samples(httpx.get(f"{server.http}/metrics").content)
    for _ in range(2):
        send(server, request(spans()), project)
    found = once_accepted(server, project, 16)

    assert {name: found[name] for name in NUMBERS} == {
        "accepted": 16,
        "stored": 5,
        "repeated": 5,
        "merged": 0,
        "completed": 0,
        "notLlm": 2,
        "rejected": 2,
        "unrecognised": 2,
    }
    assert [(one["reason"], one["count"]) for one in found["rejectedBy"]] == [
        ("span has no trace id (16 bytes, not all zero)", 2)
    ]
    assert [(one["scope"], one["count"]) for one in found["unrecognisedBy"]] == [("acme.instrumentation", 2)]

    after = samples(httpx.get(f"{server.http}/metrics").content)
    risen = {key: count - before.get(key, 0) for key, count in after.items()}
    assert value(risen, "usage_graph_items_received_total", signal="traces") == 16
    assert value(risen, "usage_graph_calls_stored_total") == 5
    assert value(risen, "usage_graph_observations_repeated_total") == 5
    assert value(risen, "usage_graph_items_not_llm_total") == 2
    assert value(risen, "usage_graph_items_unrecognised_total", scope="acme.instrumentation") == 2
    assert value(after, "usage_graph_exporter_queue_length") == 0
    requests = {"http_request_method": "POST", "http_route": "/v1/traces", "http_response_status_code": "200"}
    assert value(risen, "http_server_request_duration_seconds_count", **requests) == 2


def test_metrics_are_on_the_main_port_alone(server: Server) -> None:
    shown = httpx.get(f"{server.http}/metrics")
    assert shown.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert httpx.get(f"{server.otlp_http}/metrics").status_code == 404


def test_servers_of_one_database_add_up_and_restarts_forget_nothing(several_backends: str) -> None:
    with Server(database_url=several_backends) as one, Server(database_url=several_backends) as other:
        for number, server in enumerate((one, other, one)):
            send(server, request([call(n) for n in range(number * 20, number * 20 + 10)]), "p")
        once_accepted(other, "p", 30)
        send(one, request([call(100)]), "p")
        assert one.stop() == 0
        assert health(other, "p")["accepted"] == 31
        with Server(database_url=several_backends) as again:
            send(again, request([call(101)]), "p")
            found = once_accepted(other, "p", 32)
    assert (found["stored"], found["unrecognised"]) == (32, 0)
