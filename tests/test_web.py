"""What the server sends goes out in as few pieces as it can."""

import asyncio
import socket

from tests.serving import Server
from usage_graph.web import _Joining

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class _Noted(asyncio.Transport):
    """Notes what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def _joining() -> tuple[_Joining, _Noted]:
    noted = _Noted()
    return _Joining(noted, asyncio.get_running_loop()), noted


async def test_a_head_is_sent_with_what_follows_it_at_once() -> None:
    joining, noted = _joining()
    joining.write(HEAD)
    assert noted.written == []
    joining.write(b"body")
    joining.write(b"more")
    assert noted.written == [HEAD + b"body", b"more"]
    await asyncio.sleep(0)
    assert len(noted.written) == 2


async def test_a_head_that_nothing_follows_is_sent_all_the_same() -> None:
    joining, noted = _joining()
    joining.write(HEAD)
    await asyncio.sleep(0)
    assert noted.written == [HEAD]
    joining.write(HEAD)
    joining.close()
    assert noted.written == [HEAD, HEAD]
    assert joining.is_closing()


async def test_nothing_is_written_to_what_is_closing() -> None:
    joining, noted = _joining()
    joining.write(HEAD)
    noted.close()
    await asyncio.sleep(0)
    assert noted.written == []


def test_answers_come_in_one_piece(server: Server) -> None:
    """Over a connection that takes each piece as it comes."""
    with socket.create_connection(("127.0.0.1", server.http_port)) as connection:
        for path in (b"/healthz", b"/graphql?query=%7B__typename%7D"):
            connection.sendall(b"GET " + path + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert body
