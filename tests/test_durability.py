"""Acknowledged means committed: kill -9 of the server or of the database loses nothing and doubles nothing."""

import threading
import time
from pathlib import Path

import httpx
import psutil

from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

SPANS = 20
"""Spans in one request."""

RECORDS = """query ($after: String) { usage(window: {last: "P1D"}) {
    totals { calls inputTokens } records(first: 100, after: $after) {
    totalCount nodes { traceId spanId } pageInfo { hasNextPage endCursor } } } }"""


class Sender(threading.Thread):
    """Sends requests of new spans one after another, and the same one again until it is acknowledged."""

    def __init__(self, number: int, server: Server) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[int] = []
        self.refused: list[httpx.Response] = []
        self.failures = 0
        self._base = number * 10**6
        self._server = server
        self._done = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=20) as client:
            start = self._base
            while not self._done.is_set():
                body = request(call(number) for number in range(start, start + SPANS)).SerializeToString()
                try:
                    answer = client.post(f"{self._server.otlp_http}/v1/traces", content=body, headers=PROTOBUF)
                except httpx.HTTPError:
                    self.failures += 1
                    time.sleep(0.05)
                    continue
                if answer.status_code == 200:
                    self.acknowledged.extend(range(start, start + SPANS))
                    start += SPANS
                else:
                    self.refused.append(answer)
                    time.sleep(0.05)

    def finish(self) -> None:
        self._done.set()
        self.join(30)
        assert not self.is_alive()


def stored(server: Server) -> list[str]:
    """The span ids of all records, by paging through them."""
    found: list[str] = []
    after = None
    while True:
        usage = server.query(RECORDS, {"after": after})["usage"]
        page = usage["records"]
        found += [node["spanId"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(found) == page["totalCount"] == usage["totals"]["calls"]
            assert usage["totals"]["inputTokens"] == 100 * len(found)
            return found
        after = page["pageInfo"]["endCursor"]


def assert_nothing_lost_or_doubled(senders: list[Sender], server: Server) -> None:
    found = stored(server)
    assert len(found) == len(set(found))
    acknowledged = {(number + 1).to_bytes(8, "big").hex() for sender in senders for number in sender.acknowledged}
    assert acknowledged
    assert acknowledged <= set(found)
    # What was stored without being acknowledged is at most the request that each sender had under way.
    assert len(set(found) - acknowledged) <= SPANS * len(senders)


def postmaster_of(server: Server) -> psutil.Process:
    (postmaster,) = [child for child in psutil.Process(server.process.pid).children() if child.name() == "postgres"]
    return postmaster


def test_kill_9_of_the_server_while_sending(tmp_path: Path) -> None:
    server = Server(data_dir=tmp_path).start()
    senders = [Sender(number, server) for number in range(1, 4)]
    for sender in senders:
        sender.start()
    time.sleep(1.5)
    server.kill()
    time.sleep(0.2)
    server.start()
    time.sleep(0.5)
    for sender in senders:
        sender.finish()
    try:
        assert all(sender.failures for sender in senders), "the kill came too late to be noticed"
        assert_nothing_lost_or_doubled(senders, server)
    finally:
        server.stop()


def test_kill_9_of_the_database_while_sending(tmp_path: Path) -> None:
    with Server(data_dir=tmp_path) as server:
        senders = [Sender(number, server) for number in range(1, 4)]
        for sender in senders:
            sender.start()
        time.sleep(1.0)
        postmaster_of(server).kill()
        deadline = time.monotonic() + 30
        while not any(sender.refused for sender in senders) and time.monotonic() < deadline:
            time.sleep(0.05)
        enough = [len(sender.acknowledged) + 2 * SPANS for sender in senders]
        while (
            any(len(s.acknowledged) < n for s, n in zip(senders, enough, strict=True)) and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        for sender in senders:
            sender.finish()
        refusals = [answer for sender in senders for answer in sender.refused]
        assert refusals, "the database came back before anybody noticed"
        assert {answer.status_code for answer in refusals} == {503}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refusals)
        assert not any(sender.failures for sender in senders)
        assert_nothing_lost_or_doubled(senders, server)
        assert httpx.get(f"{server.http}/readyz").status_code == 200


def test_nothing_is_left_running(tmp_path: Path) -> None:
    server = Server(data_dir=tmp_path).start()
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert children
    server.kill()
    _gone, alive = psutil.wait_procs(children, timeout=10)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
