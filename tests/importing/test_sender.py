"""Spans to a server that is busy, away, full, or another one."""

from datetime import UTC, datetime

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.importing.scripted import Asked, Reply, refusal, rejection, scripted
from tests.serving import free_port
from usage_graph.errors import ImportFailed
from usage_graph.importing import sender
from usage_graph.importing.call import Call
from usage_graph.importing.sender import Answer, Sender, traces_url
from usage_graph.importing.span import span


def some(number: int = 3) -> list[Span]:
    return [span("records", Call(str(each), datetime(2026, 10, 5, tzinfo=UTC))) for each in range(number)]


class Clock:
    """Time that passes only while somebody waits; ``waits`` is what they waited for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[tuple[float, str]] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float, why: str) -> None:
        self.waits.append((seconds, why))
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def to(url: str, clock: Clock, *, project: str | None = None, key: str | None = None) -> Sender:
    return Sender(url, project=project, key=key, wait=clock.wait, clock=clock)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/traces"),
        ("http://127.0.0.1:4318/v1/traces", "http://127.0.0.1:4318/v1/traces"),
        ("https://usage.example.com/llm/", "https://usage.example.com/llm/v1/traces"),
        ("http://[::1]:8000/graphql", "http://[::1]:8000/v1/traces"),
    ],
)
def test_the_url_of_an_endpoint(endpoint: str, url: str) -> None:
    assert traces_url(endpoint) == url


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:8000", "file:///etc/passwd", "http://", "", "http://[::1", "http://h:x", "http://h:0"]
)
def test_other_urls_are_refused(endpoint: str) -> None:
    with pytest.raises(ImportFailed, match="--endpoint"):
        Sender(endpoint)


def test_what_is_sent(clock: Clock) -> None:
    with scripted() as there:
        assert to(there.url, clock, project=" grün ", key="0123456789abcdef").send(some()) == Answer(3)

    (asked,) = there.asked
    assert asked.path == "/v1/traces"
    assert asked.spans == 3
    assert asked.headers["content-type"] == "application/x-protobuf"
    assert asked.headers["content-encoding"] == "gzip"
    assert asked.headers["authorization"] == "Bearer 0123456789abcdef"
    assert asked.headers["x-usage-graph-project"].encode("latin-1").decode() == "grün"


def test_without_project_and_key_there_are_no_such_headers(clock: Clock) -> None:
    with scripted() as there:
        to(there.url, clock).send(some())
    assert {"authorization", "x-usage-graph-project"}.isdisjoint(there.asked[0].headers)


@pytest.mark.parametrize("project", ["", " ", "a\r\nx-other: b", "x" * 257])
def test_a_project_that_cannot_be(clock: Clock, project: str) -> None:
    with pytest.raises(ImportFailed, match="--project: "):
        to("http://127.0.0.1:1", clock, project=project)


def test_rejected_spans_are_told(clock: Clock) -> None:
    with scripted(rejection(2, "2 spans rejected: 2 x too \x1b[31mold")) as there:
        assert to(there.url, clock).send(some()) == Answer(1, 2, "2 spans rejected: 2 x too old")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_servers_are_asked_again(clock: Clock, status: int) -> None:
    busy = refusal(status, "Queue full.", {"retry-after": "7"})
    with scripted(busy, Reply(status), busy) as there:
        assert to(there.url, clock).send(some()) == Answer(3)

    assert clock.waits == [(7, "Queue full."), (2, f"HTTP status {status}"), (7, "Queue full.")]
    assert len(there.asked) == 4
    assert len({asked.body for asked in there.asked}) == 1


def test_a_server_that_goes_away_and_comes_back_is_asked_again(clock: Clock) -> None:
    with scripted() as there:
        sending = to(there.url, clock)
        sending.send(some())
    with pytest.raises(ImportFailed, match=r"takes nothing any more: it cannot be reached \(.*refused"):
        sending.send(some())

    assert [seconds for seconds, _ in clock.waits] == [1, 2, 4, 8, 16, *[30] * 8]
    assert sender.PATIENCE - 30 < clock.now <= sender.PATIENCE


def test_patience_ends(clock: Clock) -> None:
    with (
        scripted(answer=lambda _: refusal(503, "Shutting down.")) as there,
        pytest.raises(ImportFailed, match=r"takes nothing any more: Shutting down\."),
    ):
        to(there.url, clock).send(some())
    with (
        scripted(refusal(503, "Later.", {"retry-after": "86400"})) as there,
        pytest.raises(ImportFailed, match=r"Later\."),
    ):
        to(there.url, clock).send(some())
    assert len(there.asked) == 1


def test_no_server_says_how_to_start_one(clock: Clock) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ImportFailed, match="usage-graph serve") as caught:
        to(endpoint, clock).send(some())

    assert endpoint in str(caught.value)
    assert clock.waits == []


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (refusal(401, "This server wants its key."), "refuses the calls: This server wants its key."),
        (Reply(404, b"<html>"), "refuses the calls: HTTP status 404"),
        (Reply(307), "refuses the calls: HTTP status 307"),
        (Reply(200, b"<html>hello"), "does not answer as OTLP"),
        (Reply(200, b"", content_type="text/html"), "does not answer as OTLP"),
    ],
)
def test_what_cannot_be_helped_is_an_error_at_once(clock: Clock, reply: Reply, said: str) -> None:
    with scripted(reply) as there, pytest.raises(ImportFailed, match=said):
        to(there.url, clock).send(some())
    assert len(there.asked) == 1
    assert clock.waits == []


def test_what_is_too_large_is_halved(clock: Clock) -> None:
    def answer(asked: Asked) -> Reply:
        return refusal(413, "Too large.") if asked.spans > 2 else rejection(1, "one")

    with scripted(answer=answer) as there:
        assert to(there.url, clock).send(some(7)) == Answer(3, 4, "one; one; one; one")
        assert [asked.spans for asked in there.asked] == [7, 3, 1, 2, 4, 2, 2]
    with scripted(answer=lambda _: refusal(413, "Too large.")) as there, pytest.raises(ImportFailed, match="Too large"):
        to(there.url, clock).send(some(2))


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with scripted() as there:
        assert to(there.url, clock).send(some()) == Answer(3)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(clock: Clock, status: int) -> None:
    with scripted() as other:
        away = Reply(status, b"", {"location": f"{other.url}/v1/traces"})
        with scripted(away) as there, pytest.raises(ImportFailed, match=rf"redirects to {other.url}/v1/traces"):
            to(there.url, clock, key="0123456789abcdef").send(some())

    assert other.asked == []
