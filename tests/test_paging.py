"""Paging through records while new ones arrive: no repeat, no gap, in either direction."""

import threading
import time
from typing import Any

import httpx
import pytest

from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

FORWARDS = """query ($cursor: String) { usage(window: {last: "P1D"}) { records(first: 20, after: $cursor) {
    totalCount nodes { spanId } pageInfo { hasNextPage endCursor } } } }"""
BACKWARDS = """query ($cursor: String) { usage(window: {last: "P1D"}) { records(last: 20, before: $cursor) {
    totalCount nodes { spanId } pageInfo { hasPreviousPage startCursor } } } }"""
INITIAL = 400


def send(server: Server, project: str, numbers: range) -> None:
    """Calls that started at times all over the last hours, in no order."""
    now = time.time_ns()
    spans = [call(n, start_ns=now - 10**9 * (60 + n * 7919 % 20_000)) for n in numbers]
    headers = {**PROTOBUF, "x-usage-graph-project": project}
    answer = httpx.post(f"{server.http}/v1/traces", content=request(spans).SerializeToString(), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("document", "more", "cursor"),
    [(FORWARDS, "hasNextPage", "endCursor"), (BACKWARDS, "hasPreviousPage", "startCursor")],
    ids=["forwards", "backwards"],
)
def test_pages_neither_repeat_nor_skip(server: Server, document: str, more: str, cursor: str) -> None:
    project = server.project()
    send(server, project, range(INITIAL))
    done = threading.Event()
    sent = INITIAL

    def go_on() -> None:
        nonlocal sent
        while not done.is_set() and sent < INITIAL + 2_000:
            send(server, project, range(sent, sent + 40))
            sent += 40

    sender = threading.Thread(target=go_on)
    sender.start()
    try:
        found: list[str] = []
        position = None
        while True:
            page: dict[str, Any] = server.query(document, {"cursor": position}, project=project)["usage"]["records"]
            found += [node["spanId"] for node in page["nodes"]]
            if not page["pageInfo"][more]:
                break
            position = page["pageInfo"][cursor]
    finally:
        done.set()
        sender.join(30)
    assert sent > INITIAL, "nothing arrived while paging"
    assert len(found) == len(set(found))
    assert {(number + 1).to_bytes(8, "big").hex() for number in range(INITIAL)} <= set(found)
