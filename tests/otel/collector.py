"""A Collector as a child process: ``rotel``, OTLP in and OTLP out.

Its binary can run processors written in Python and therefore asks for ``libpython`` when it starts. Not every Python
comes with that library, and the tests write no processors, so a copy of the binary runs that no longer asks.
"""

import os
import signal
import struct
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import httpx

from tests.serving import free_port

START_TIMEOUT = 20.0

# Of the ELF format: types of sections, tags of the dynamic section, how symbols bind.
_SHT_DYNAMIC, _SHT_DYNSYM = 6, 11
_DT_NEEDED = 1
_STB_WEAK = 2


def binary() -> bytes:
    """The Collector's program as its package has it."""
    spec = find_spec("rotel")
    assert spec is not None, "rotel is not installed; it is part of requirements/dev.txt"
    assert spec.origin is not None
    return (Path(spec.origin).parent / "rotel-agent").read_bytes()


def without_python(program: bytes) -> bytes:
    """The same 64-bit little-endian ELF program, with Python's symbols weak and its library not asked for."""
    image = bytearray(program)
    (start,) = struct.unpack_from("<Q", image, 0x28)
    size, count = struct.unpack_from("<HH", image, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, start + number * size) for number in range(count)]
    [symbols] = [section for section in sections if section[1] == _SHT_DYNSYM]
    [dynamic] = [section for section in sections if section[1] == _SHT_DYNAMIC]
    names = sections[symbols[6]][4]

    def name(offset: int) -> bytes:
        return bytes(image[names + offset : image.index(0, names + offset)])

    def entries(section: tuple[int, ...], step: int) -> range:
        return range(section[4], section[4] + section[5], step)

    for at in entries(symbols, 24):
        offset, info, _, defined = struct.unpack_from("<IBBH", image, at)
        if not defined and name(offset).lstrip(b"_").startswith(b"Py"):
            image[at + 4] = _STB_WEAK << 4 | info & 0xF
    needed = [at for at in entries(dynamic, 16) if struct.unpack_from("<Q", image, at) == (_DT_NEEDED,)]
    libraries = {at: struct.unpack_from("<Q", image, at + 8)[0] for at in needed}
    kept = [offset for offset in libraries.values() if not name(offset).startswith(b"libpython")]
    for at, offset in libraries.items():
        if offset not in kept:
            # An entry cannot be taken out; a library that is named twice is loaded once.
            struct.pack_into("<Q", image, at + 8, kept[0])
    return bytes(image)


class Collector:
    """``rotel`` on free ports of loopback: OTLP by gRPC and by HTTP in, OTLP by ``protocol`` out to ``endpoint``.

    It keeps in memory what ``endpoint`` has not taken, and sends again for a minute, twice a second.
    """

    def __init__(
        self, program: Path, *, protocol: str, endpoint: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.grpc_port, self.http_port = free_port(), free_port()
        self.grpc = f"http://127.0.0.1:{self.grpc_port}"
        self.http = f"http://127.0.0.1:{self.http_port}"
        options = {
            "otlp-grpc-endpoint": f"127.0.0.1:{self.grpc_port}",
            "otlp-http-endpoint": f"127.0.0.1:{self.http_port}",
            "exporter": "otlp",
            "otlp-exporter-protocol": protocol,
            "otlp-exporter-endpoint": endpoint,
            "otlp-exporter-request-timeout": "1s",
            "otlp-exporter-retry-initial-backoff": "200ms",
            "otlp-exporter-retry-max-backoff": "500ms",
            "otlp-exporter-retry-max-elapsed-time": "60s",
            # What it splits off a larger batch has lost its resource.
            "batch-max-size": "8192",
        }
        self._command = [str(program), "start", *(f"--{name}={value}" for name, value in options.items())]
        if headers:
            sent = ",".join(f"{name}={value}" for name, value in headers.items())
            self._command.append(f"--otlp-exporter-custom-headers={sent}")
        self._log = program.with_name(f"{protocol}-{self.http_port}.log")

    @property
    def log(self) -> str:
        return self._log.read_text()

    def said(self, text: str) -> bool:
        return text in self.log

    def __enter__(self) -> "Collector":
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("ROTEL_", "OTEL_", "USAGE_"))
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, env=inherited, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the collector did not start:\n{self.log}")
            time.sleep(0.02)
        return self

    def _listens(self) -> bool:
        try:
            httpx.get(self.http, timeout=5)
        except httpx.TransportError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
