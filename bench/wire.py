"""The client: whole requests as prebuilt bytes over blocking sockets, so that it costs next to nothing.

HTTP is here, gRPC in ``bench.rpc``. What either could send at most is measured as well, against a sink that reads and
answers and does nothing else.
"""

import gzip
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, Self

_TIMEOUT = 120.0
_ATTEMPTS = 100
_PAUSE = 0.2


class Answer(NamedTuple):
    status: int
    head: bytes
    body: bytes


class Client(Protocol):
    """A connection that asks one request after another."""

    def ask(self, request: bytes, /) -> Answer: ...
    def close(self) -> None: ...


Connect = Callable[[int], Client]
"""To a port of loopback."""


class Sent(NamedTuple):
    """``latencies`` in seconds, one per request; ``retries``: how often the server asked to come back later."""

    seconds: float
    latencies: list[float]
    retries: int


def post(path: str, body: bytes, *, content_type: str, compress: bool = False) -> bytes:
    """The bytes of one request."""
    encoding = ""
    if compress:
        body, encoding = gzip.compress(body, 6), "Content-Encoding: gzip\r\n"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n{encoding}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection to a port of loopback."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def ask(self, request: bytes) -> Answer:
        """Send ``request`` and read the whole answer."""
        self._socket.sendall(request)
        while (end := self._rest.find(b"\r\n\r\n")) < 0:
            self._receive()
        head = self._rest[:end].lower()
        _, found, length = head.partition(b"content-length:")
        assert found, head
        size = int(length.split(b"\r\n", 1)[0])
        while len(self._rest) < end + 4 + size:
            self._receive()
        body, self._rest = self._rest[end + 4 : end + 4 + size], self._rest[end + 4 + size :]
        return Answer(int(head.split(b" ", 2)[1]), head, body)

    def _receive(self) -> None:
        if not (received := self._socket.recv(1 << 18)):
            raise ConnectionError("the server closed the connection")
        self._rest += received

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def send(port: int, requests: Sequence[bytes], *, connections: int, connect: Connect = Connection) -> Sent:
    """Send every request once, each answered with 200, over ``connections`` at a time; 503 and 429 are sent again."""
    return _send(port, requests, connections, connect, at=lambda _: 0.0)


def pace(port: int, requests: Sequence[bytes], *, connections: int, each: float, connect: Connect = Connection) -> Sent:
    """Send a request every ``each`` seconds, whether or not those before are answered, as far as there are connections.

    Latencies count from when a request was to be sent, so that a server that falls behind cannot hide it.
    """
    return _send(port, requests, connections, connect, at=lambda number: number * each)


def _send(port: int, requests: Sequence[bytes], connections: int, connect: Connect, at: Callable[[int], float]) -> Sent:
    """``at``: how many seconds after the start the request of that number may be sent, and is counted from."""
    queue = iter(list(enumerate(requests)))  # iterators of lists are handed from thread to thread safely
    clients = [connect(port) for _ in range(connections)]
    try:
        start = time.perf_counter()

        def share(client: Client) -> tuple[list[float], int]:
            latencies, retries = [], 0
            for number, request in queue:
                due = start + at(number)
                if (early := due - time.perf_counter()) > 0:
                    time.sleep(early)
                begun = due if at(number) else time.perf_counter()
                retries += insist(client, request)
                latencies.append(time.perf_counter() - begun)
            return latencies, retries

        with ThreadPoolExecutor(connections) as threads:
            done = list(threads.map(share, clients))
        seconds = time.perf_counter() - start
    finally:
        for client in clients:
            client.close()
    return Sent(seconds, [latency for latencies, _ in done for latency in latencies], sum(n for _, n in done))


def insist(client: Client, request: bytes) -> int:
    """Send until it is taken; returns how often it was not."""
    for retries in range(_ATTEMPTS):
        answer = client.ask(request)
        if answer.status not in (429, 503):
            # A body would be a partial success: every span of the workload is to be stored.
            assert answer.status == 200, answer
            assert answer.body in (b"", b"{}"), answer.body[:500]
            return retries
        time.sleep(_PAUSE)
    raise TimeoutError(f"the server did not take a request {_ATTEMPTS} times")
