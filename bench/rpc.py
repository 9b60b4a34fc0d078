"""The client for OTLP/gRPC: as much of HTTP/2 as one unary call after another on one connection needs.

A general client would spend more of the two processors on a request than the server does, and compress it anew.
"""

import gzip
import socket
import struct
from typing import Self

from bench.wire import Answer

_TIMEOUT = 120.0
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_INITIAL_WINDOW = 0x4
_FRAME = 16_384
_DEFAULT_WINDOW = 65_535
_PATH = b"/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def message(body: bytes, *, compress: bool) -> bytes:
    """A gRPC message: whether it is compressed, its length, and itself."""
    sent = gzip.compress(body, 6) if compress else body
    return struct.pack(">BI", compress, len(sent)) + sent


def _literal(name: bytes, value: bytes) -> bytes:
    """A header that is not indexed, both parts shorter than 127 bytes."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def _headers(compressed: bool) -> bytes:
    # POST and http are in HPACK's static table (3, 6), and so are the names :path (4) and :authority (1).
    block = b"\x83\x86\x04" + bytes([len(_PATH)]) + _PATH + b"\x01\x09127.0.0.1"
    block += _literal(b"te", b"trailers") + _literal(b"content-type", b"application/grpc")
    return block + _literal(b"grpc-encoding", b"gzip") if compressed else block


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Connection:
    """One connection to a port of loopback; ``ask`` takes what ``message`` returns."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = bytearray()
        self._stream = -1
        self._window = self._initial = _DEFAULT_WINDOW
        self._stream_window = 0
        # Answers are small, but many: the window for all of them is opened once and for all.
        opened = _frame(_WINDOW, 0, 0, struct.pack(">I", 2**30))
        self._socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + opened)

    def ask(self, request: bytes) -> Answer:
        """Status 200 and what the server's message says; 503 where it sent none, which is any error of gRPC's."""
        self._stream += 2
        self._stream_window = self._initial
        unsent = memoryview(request)
        head = _frame(_HEADERS, _END_HEADERS, self._stream, _headers(request[0] == 1))
        unsent = self._push(head, unsent)
        body = b""
        while True:
            kind, flags, stream, payload = self._receive()
            if kind == _DATA and stream == self._stream:
                body += payload
            elif kind in (_RESET, _GOAWAY):
                raise ConnectionError(f"the server ended the call: frame {kind}, {payload!r}")
            if flags & _END_STREAM and kind in (_DATA, _HEADERS) and stream == self._stream:
                return Answer(200, b"", body[5:]) if body else Answer(503, b"", b"")
            if unsent:
                unsent = self._push(b"", unsent)

    def _push(self, head: bytes, unsent: memoryview) -> memoryview:
        """Send as much as the windows let through; returns the rest."""
        frames = [head]
        while unsent and (room := min(_FRAME, self._window, self._stream_window)) > 0:
            part, unsent = unsent[:room], unsent[room:]
            frames.append(_frame(_DATA, 0 if unsent else _END_STREAM, self._stream, bytes(part)))
            self._window -= len(part)
            self._stream_window -= len(part)
        if sent := b"".join(frames):
            self._socket.sendall(sent)
        return unsent

    def _receive(self) -> tuple[int, int, int, bytes]:
        """The next frame; what keeps the connection going is done about it."""
        head = self._take(9)
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        payload = self._take(int.from_bytes(head[:3]))
        if kind == _SETTINGS and not flags & _ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from(">HI", payload, at)
                if name == _INITIAL_WINDOW:
                    self._stream_window += value - self._initial
                    self._initial = value
            self._socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._socket.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW:
            (more,) = struct.unpack(">I", payload)
            if stream == self._stream:
                self._stream_window += more
            elif stream == 0:
                self._window += more
        return kind, flags, stream, payload

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            if not (received := self._socket.recv(1 << 18)):
                raise ConnectionError("the server closed the connection")
            self._rest += received
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
