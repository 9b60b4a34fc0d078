"""Phoenix, run in its own environment, with its gRPC port on loopback: it would open that on all interfaces."""

import importlib
from typing import Any

from grpc import aio

_make = aio.server


def server(*arguments: Any, **options: Any) -> Any:
    made: Any = _make(*arguments, **options)
    listen = made.add_insecure_port
    made.add_insecure_port = lambda address: listen(address.replace("[::]", "127.0.0.1"))
    return made


if __name__ == "__main__":
    aio.server = server
    importlib.import_module("phoenix.server.main").main()
