"""Requests with something broken in them: what can be read is read, what cannot be is told, and nothing is a defect."""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.receiver.payloads import (
    delta,
    llm_span,
    log_record,
    logs_request,
    metrics_request,
    other_span,
    request,
    to_json,
)
from tests.receiver.running import METERED, service_of
from usage_graph.errors import MalformedRequest
from usage_graph.exporter.bisect import Rejected
from usage_graph.observation import Item
from usage_graph.receiver.encoding import JSON, PROTOBUF, export
from usage_graph.receiver.request import Signal

_WHOSE = {"service.name": METERED}
_EVENT = {"model": "claude-sonnet-4-5", "input_tokens": 5, "duration_ms": 10, "cost_usd": 0.1, "session.id": "s"}
_POINT = {"type": "input", "model": "claude-sonnet-4-5"}
REQUESTS: dict[Signal, Message] = {
    Signal.TRACES: request(llm_span(1), other_span(2), resource=_WHOSE),
    Signal.LOGS: logs_request(log_record("claude_code.api_request", _EVENT, trace_id=b"\1" * 16), resource=_WHOSE),
    Signal.METRICS: metrics_request(delta("claude_code.token.usage", 5, 0.5, attributes=_POINT), resource=_WHOSE),
}


class _Sink:
    async def export(self, items: Sequence[Item], *, size: int) -> list[Rejected]:
        return []


_anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.sampled_from(["", "0", "-1", "NaN", "1e400", "9" * 400, "00" * 16, "\ud800", "\0", "x" * 300]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["stringValue", "intValue", "doubleValue", "values", "key"]), inner, max_size=3
        ),
    ),
    max_leaves=4,
)


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every container in ``document`` with each of its keys or indices."""
    keys = document.keys() if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    here = [(document, key) for key in keys]
    return here + [place for key in keys for place in _places(document[key])]


async def _send(signal: Signal, encoding: Any, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    with suppress(MalformedRequest):
        await export(service_of(_Sink()), signal, encoding, body, project=None)  # type: ignore[arg-type]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


_shared = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("signal", Signal)
@_shared
@given(data=st.data())
async def test_json_with_anything_anywhere(
    signal: Signal, data: st.DataObject, caplog: pytest.LogCaptureFixture
) -> None:
    document = json.loads(to_json(REQUESTS[signal]))
    for _ in range(data.draw(st.integers(1, 3))):
        holder, key = data.draw(st.sampled_from(_places(document)))
        holder[key] = data.draw(_anything)
    await _send(signal, JSON, json.dumps(document).encode(), caplog)


@pytest.mark.parametrize("signal", Signal)
@_shared
@given(data=st.data())
async def test_protobuf_with_any_bytes_anywhere(
    signal: Signal, data: st.DataObject, caplog: pytest.LogCaptureFixture
) -> None:
    body = bytearray(REQUESTS[signal].SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    await _send(signal, PROTOBUF, bytes(body[: data.draw(st.integers(0, len(body)))]), caplog)
