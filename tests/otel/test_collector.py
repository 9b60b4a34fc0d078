"""The Collector's configuration, as far as it can be checked without a Collector."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CONFIG = Path(__file__).parents[2] / "otel" / "collector.yaml"


def with_metrics(text: str) -> str:
    """The same with the pipeline for metrics, which is there as a comment."""
    head, commented, pipeline = text.partition("    # metrics:\n")
    assert commented
    return head + "    metrics:\n" + re.sub(r"^    # ", "    ", pipeline, flags=re.MULTILINE)


@pytest.fixture(scope="module", params=[str, with_metrics], ids=["as it is", "with metrics"])
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(request.param(CONFIG.read_text()))
    return loaded


def test_the_signals_are_those_that_are_counted_and_metrics_are_there_to_be_opted_in() -> None:
    text = CONFIG.read_text()
    assert set(yaml.safe_load(text)["service"]["pipelines"]) == {"traces", "logs"}
    assert set(yaml.safe_load(with_metrics(text))["service"]["pipelines"]) == {"traces", "logs", "metrics"}


def test_everything_defined_is_used_and_everything_used_is_defined(config: dict[str, Any]) -> None:
    pipelines = config["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert {name for pipeline in pipelines for name in pipeline[kind]} == set(config[kind])
    assert set(config["service"]["extensions"]) == set(config["extensions"])


def test_every_signal_is_limited_batched_and_queued_on_disk(config: dict[str, Any]) -> None:
    pipelines = config["service"]["pipelines"]
    for pipeline in pipelines.values():
        assert pipeline["receivers"] == ["otlp"]
        assert pipeline["processors"] == ["memory_limiter", "batch"]
        assert pipeline["exporters"] == pipelines["traces"]["exporters"]
    [exporter] = pipelines["traces"]["exporters"]
    queue = config["exporters"][exporter]["sending_queue"]
    assert queue["storage"] in config["service"]["extensions"]
    assert queue["storage"].partition("/")[0] == "file_storage"
    assert queue["block_on_overflow"]
    retry = config["exporters"][exporter]["retry_on_failure"]
    assert retry["enabled"]
    assert retry["max_elapsed_time"] == "0s"
    batch = config["processors"]["batch"]
    assert batch["send_batch_max_size"] >= batch["send_batch_size"]
    limiter = config["processors"]["memory_limiter"]
    assert limiter["limit_mib"] > limiter["spike_limit_mib"]


def test_it_sends_where_the_environment_says_and_listens_on_loopback_by_default(config: dict[str, Any]) -> None:
    [exporter] = config["exporters"].values()
    assert exporter["endpoint"] == "${env:USAGE_GRAPH_ENDPOINT:-http://127.0.0.1:8000}"
    protocols = config["receivers"]["otlp"]["protocols"]
    listening = [protocols["grpc"], protocols["http"], config["extensions"]["health_check"]]
    assert [part["endpoint"].removeprefix("${env:COLLECTOR_HOST:-127.0.0.1}") for part in listening] == [
        ":4317",
        ":4318",
        ":13133",
    ]


def test_every_variable_has_a_default_and_is_explained_at_the_top() -> None:
    text = CONFIG.read_text()
    head = text.partition("extensions:")[0]
    used = re.findall(r"\$\{env:(\w+)(:-[^}]+)?\}", text)
    assert {name for name, _ in used} == set(re.findall(r"^#   ([A-Z_]+) ", head, re.MULTILINE))
    assert all(default for _, default in used)
