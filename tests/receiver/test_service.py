import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.exporter.store import Store
from tests.receiver.payloads import llm_span, other_span, request
from usage_graph.exporter.exporter import Exporter
from usage_graph.processor.cost import Pricing
from usage_graph.processor.spans import Processor, Rejection
from usage_graph.receiver.protobuf import decode_traces
from usage_graph.receiver.request import Decoded, TraceRequest
from usage_graph.receiver.service import PartialSuccess, Service


class _Defective(Processor):
    """Fails for one span, as a defect of this program would."""

    def record(self, resource: Any, scope: Any, span: Any, **how: Any) -> Any:
        if span.span_id.endswith(b"\2"):
            raise ZeroDivisionError(span.name)
        return super().record(resource, scope, span, **how)


def service(store: Store, *, processor: type[Processor] = Processor) -> tuple[Service, Exporter]:
    exporter = Exporter(write=store.write, batch_spans=10, batch_timeout=0.001, queue_spans=1000, queue_bytes=2**20)
    return Service(processor=processor(pricing=Pricing()), exporter=exporter), exporter


def spans(*decoded: Decoded) -> TraceRequest:
    return TraceRequest(iter(decoded), 1)


async def test_the_message_tells_the_most_frequent_reasons_and_stays_short() -> None:
    receiving, _ = service(Store())
    many = (Rejection(f"reason {n}") for n in range(40) for _ in range(n + 1))
    rejected, message = await receiving.export_traces(spans(*many), project=None)
    assert rejected == 40 * 41 // 2
    assert message.startswith("820 spans rejected: 40 x reason 39; 39 x reason 38; ")
    assert message.endswith("and other reasons")
    assert len(message) < 300


async def test_a_defect_met_by_one_span_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    receiving, exporter = service(store, processor=_Defective)
    await exporter.start()
    body = request(llm_span(1), llm_span(2), llm_span(3)).SerializeToString()
    with caplog.at_level(logging.ERROR):
        answer = await receiving.export_traces(decode_traces(body), project=None)
    await exporter.drain()
    assert answer == PartialSuccess(1, "1 span rejected: 1 x span cannot be processed by this version of usage-graph")
    assert store.numbers == [1, 3]
    assert caplog.records[0].exc_info is not None


async def test_a_refused_record_is_counted_with_the_store_s_reason() -> None:
    store = Store()
    receiving, exporter = service(store)
    await exporter.start()
    poison = llm_span(2, attributes={"error.type": "poison"})
    body = request(llm_span(1), poison).SerializeToString()
    answer = await receiving.export_traces(decode_traces(body), project=None)
    await exporter.drain()
    assert answer == (1, "1 span rejected: 1 x the store refused the call: a value cannot be stored")
    assert store.numbers == [1]


async def test_the_clock_decides_what_the_future_is() -> None:
    store = Store()
    exporter = Exporter(write=store.write, batch_spans=1, batch_timeout=0.001, queue_spans=1, queue_bytes=1)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    receiving = Service(processor=Processor(pricing=Pricing()), exporter=exporter, clock=lambda: past)
    body = request(llm_span(1)).SerializeToString()
    rejected, message = await receiving.export_traces(decode_traces(body), project=None)
    assert (rejected, "in the future" in message) == (1, True)


async def test_calls_older_than_the_records_that_are_kept_are_rejected_alone() -> None:
    store = Store()
    kept_since: datetime | None = None
    exporter = Exporter(write=store.write, batch_spans=10, batch_timeout=0.001, queue_spans=1000, queue_bytes=2**20)
    receiving = Service(processor=Processor(pricing=Pricing()), exporter=exporter, kept_since=lambda: kept_since)
    await exporter.start()
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
    edge = int(midnight.timestamp()) * 10**9

    async def send(first: int) -> PartialSuccess:
        body = request(
            llm_span(first, start_time_unix_nano=edge - 1),
            llm_span(first + 1, start_time_unix_nano=edge),
            other_span(first + 2, start_time_unix_nano=edge - 10**18),
            llm_span(first + 3),
        ).SerializeToString()
        return await receiving.export_traces(decode_traces(body), project=None)

    assert await send(10) == (0, "")
    kept_since = midnight
    assert await send(20) == (
        1,
        f"1 span rejected: 1 x span starts before {midnight:%Y-%m-%d}, since when records are kept "
        "(USAGE_GRAPH_RETENTION)",
    )
    await exporter.drain()
    assert store.numbers == [10, 11, 13, 21, 23]


@pytest.mark.parametrize("step", [Rejection("no"), None], ids=["spans", "pauses"])
async def test_a_long_request_lets_others_run(step: Rejection | None) -> None:
    receiving, _ = service(Store())
    turns = seen = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def endless() -> Iterator[Decoded | None]:
        nonlocal seen
        for _ in range(10_000):
            yield step
        seen = turns

    other = asyncio.create_task(count())
    await receiving.export_traces(TraceRequest(endless(), 1), project=None)
    other.cancel()
    assert seen > 50
