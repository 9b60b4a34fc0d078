"""The server's own metrics: what Prometheus reads is what was counted, and nobody else's metrics are touched."""

import os
import subprocess
import sys
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import metrics as global_metrics
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from usage_graph.health import MAX_DETAILS, Health, Outcome
from usage_graph.metrics import Measured, Metrics
from usage_graph.observation import Item

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

NAMES = {
    Outcome.ACCEPTED: ("usage_graph_items_received_total", "signal"),
    Outcome.STORED: ("usage_graph_calls_stored_total", None),
    Outcome.REPEATED: ("usage_graph_observations_repeated_total", None),
    Outcome.MERGED: ("usage_graph_observations_merged_total", "reason"),
    Outcome.COMPLETED: ("usage_graph_calls_completed_total", None),
    Outcome.NOT_LLM: ("usage_graph_items_not_llm_total", None),
    Outcome.REJECTED: ("usage_graph_items_rejected_total", "reason"),
    Outcome.UNRECOGNISED: ("usage_graph_items_unrecognised_total", "scope"),
}


def samples(text: bytes | str) -> Samples:
    """As Prometheus reads them; what is on a page twice is an error."""
    found: Samples = {}
    for family in text_string_to_metric_families(text if isinstance(text, str) else text.decode()):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@given(
    st.lists(st.tuples(st.sampled_from(Outcome), st.text(st.characters(), max_size=5), st.integers(0, 9)), max_size=30)
)
def test_what_is_read_is_what_was_told(told: list[tuple[Outcome, str, int]]) -> None:
    metrics = Metrics()
    health = Health(metrics.tell)
    for outcome, detail, count in told:
        health.tell("any", outcome, detail, count)
    found = samples(metrics.text())

    for outcome, (name, label) in NAMES.items():
        assert sum(found[key] for key in found if key[0] == name) == sum(n for o, _, n in told if o is outcome)
        assert all({key for key, _ in labels} == ({label} if label else set()) for key, labels in found if key == name)


def test_what_senders_choose_cannot_grow_without_end() -> None:
    metrics = Metrics()
    for number in range(10 * MAX_DETAILS):
        metrics.tell("p", Outcome.UNRECOGNISED, f'scope "{number}"\n', 1)
    found = {labels: count for (name, labels), count in samples(metrics.text()).items() if "unrecognised_total" in name}
    assert len(found) == MAX_DETAILS + 1
    assert sum(found.values()) == 10 * MAX_DETAILS


def test_subscribers_are_counted() -> None:
    metrics = Metrics()
    metrics.watch_live(lambda: 3, lambda: 17)
    found = samples(metrics.text())
    assert value(found, "usage_graph_live_connections") == 3
    assert value(found, "usage_graph_live_records_dropped_total") == 17


async def test_batches_and_the_queue_are_measured() -> None:
    metrics = Metrics()
    metrics.watch_queue(lambda: 42)

    async def write(items: Sequence[Item]) -> None:
        if len(items) == 7:
            raise TimeoutError

    measured = metrics.measured(write)
    for size in (1, 3, 500):
        await measured([None] * size)  # type: ignore[list-item]
    with pytest.raises(TimeoutError):
        await measured([None] * 7)  # type: ignore[list-item]

    found = samples(metrics.text())
    assert value(found, "usage_graph_exporter_queue_length") == 42
    assert value(found, "usage_graph_exporter_batch_size_sum", error_type="") == 504
    assert value(found, "usage_graph_exporter_batch_size_bucket", error_type="", le="5") == 2
    assert value(found, "usage_graph_exporter_batch_size_sum", error_type="TimeoutError") == 7
    assert value(found, "usage_graph_exporter_batch_duration_seconds_count", error_type="") == 3


async def test_requests_are_measured_by_routes_never_by_what_callers_make_up() -> None:
    metrics = Metrics()

    async def answer(request: Request) -> Response:
        if request.method == "PUT":
            raise ValueError
        return Response(status_code=418)

    app = Starlette(routes=[Route("/teapot/{id}", answer, methods=["GET", "PUT"])])
    transport = httpx.ASGITransport(Measured(app, metrics=metrics), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://usage-graph.test") as client:
        for number in range(3):
            await client.get(f"/teapot/{number}")
            await client.get(f"/nowhere/{number}")
            await client.request(f"BREW{number}", "/teapot/1")
        await client.put("/teapot/1")

    found = samples(metrics.text())
    counts = {
        (labels["http_request_method"], labels["http_route"], labels["http_response_status_code"]): count
        for (name, key), count in found.items()
        if name == "http_server_request_duration_seconds_count"
        for labels in [dict(key)]
    }
    assert counts == {
        ("GET", "/teapot/{id}", "418"): 3,
        ("GET", "", "404"): 3,
        ("_OTHER", "/teapot/{id}", "405"): 3,
        ("PUT", "/teapot/{id}", "500"): 1,
    }


def test_nothing_global_is_touched() -> None:
    provider = global_metrics.get_meter_provider()
    before = list(REGISTRY._names_to_collectors)
    one, other = Metrics(), Metrics()
    one.tell("p", Outcome.STORED, "", 1)

    assert global_metrics.get_meter_provider() is provider
    assert list(REGISTRY._names_to_collectors) == before
    assert value(samples(one.text()), "usage_graph_calls_stored_total") == 1
    assert value(samples(other.text()), "usage_graph_calls_stored_total") == 0


def test_the_environments_telemetry_is_not_ours() -> None:
    script = "from usage_graph.metrics import Metrics; print(Metrics().text().decode())"
    environ = {
        **os.environ,
        "OTEL_SERVICE_NAME": "theirs",
        "OTEL_RESOURCE_ATTRIBUTES": "team=theirs",
        "OTEL_METRICS_EXEMPLAR_FILTER": "always_on",
    }
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "theirs" not in done.stdout
    (target,) = (dict(labels) for name, labels in samples(done.stdout) if name == "target_info")
    assert target.keys() == {"service_name", "service_version"}
    assert target["service_name"] == "usage-graph"
