"""The benchmark's client: sends whole requests, in shares, and measures each."""

from bench.children import sink
from bench.meter import Cpu, PeakMemory, high_water_mark
from bench.wire import Connection, post, send


def test_every_request_is_sent_once_over_all_connections() -> None:
    requests = [post("/v1/traces", b"x" * size, content_type="text/plain") for size in range(9)]
    with sink() as nothing:
        sent = send(nothing.port, requests, connections=4)
    assert len(sent.latencies) == 9
    assert sent.retries == 0
    assert 0 < max(sent.latencies) <= sent.seconds


def test_a_connection_answers_one_request_after_another() -> None:
    with sink() as nothing, Connection(nothing.port) as connection:
        for compress in (False, True):
            answer = connection.ask(post("/", b"x" * 100_000, content_type="text/plain", compress=compress))
            assert (answer.status, answer.body) == (200, b"")


def test_meters_see_the_child() -> None:
    requests = [post("/", b"x" * 1_000_000, content_type="text/plain")] * 200
    with sink() as nothing:
        with Cpu(nothing.pid) as cpu, PeakMemory(nothing.pid) as memory:
            send(nothing.port, requests, connections=2)
        mark = high_water_mark(nothing.pid)
    assert cpu.seconds[0] > 0
    assert memory.peak > 2**20
    # The kernel adds up its counters a little later than it moves the mark.
    assert mark is None or mark > memory.peak * 0.9
