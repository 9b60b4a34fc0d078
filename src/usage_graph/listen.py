"""Sockets to listen on: made before anything else starts, so that a taken port is one clear sentence."""

import errno
import socket

from usage_graph.errors import StartupError


class PortTaken(StartupError):
    """Somebody else listens there."""


def bind(host: str, port: int) -> socket.socket:
    """A TCP socket bound to ``host`` and ``port`` (0: any free one), not yet listening.

    The protocol is named, because asyncio turns Nagle's algorithm off only on sockets that say they are TCP.

    Raises:
        PortTaken: the port is in use.
        StartupError: the address is not one of this machine's, or the port is not allowed.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise StartupError(f"USAGE_GRAPH_HOST: {host!r} is not an address to listen on ({error.strerror}).") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"Port {port} on {host} is in use by another program.") from None
        raise StartupError(f"Cannot listen on {host} port {port}: {error.strerror}.") from None
    return sock


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
