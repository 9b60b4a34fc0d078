"""``usage-graph``, which tells of its TCP connections: whoever connects to the Unix socket that the environment names.

The answer is JSON: ``[[local port, peer's port, TCP_NODELAY], ...]``.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from usage_graph.cli import main

VARIABLE = "USAGE_GRAPH_TEST_SOCKETS"


def connections() -> Iterator[tuple[int, int, bool]]:
    """Those of this process, whoever accepted them."""
    for open_file in Path("/dev/fd").iterdir():
        with suppress(OSError), socket.socket(fileno=os.dup(int(open_file.name))) as sock:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                local, peer = sock.getsockname()[1], sock.getpeername()[1]
                yield local, peer, bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def tell(listening: socket.socket) -> None:
    while True:
        asking, _ = listening.accept()
        with asking:
            asking.sendall(json.dumps(list(connections())).encode())


def ask(path: Path) -> list[tuple[int, int, bool]]:
    """What the process at ``path`` tells."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))
        with asking.makefile("rb") as answer:
            return [(local, peer, delays) for local, peer, delays in json.load(answer)]


if __name__ == "__main__":
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(os.environ[VARIABLE])
    listening.listen()
    threading.Thread(target=tell, args=(listening,), daemon=True).start()
    sys.exit(main())
