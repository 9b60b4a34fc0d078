"""The gRPC receiver alone in a process, so that its memory can be measured: prints its port, then its peak in bytes."""

import asyncio
import resource
import sys

from tests.exporter.store import Store
from tests.receiver.running import MAX_BODY, service_of
from usage_graph.exporter.exporter import Exporter
from usage_graph.grant import OPEN
from usage_graph.receiver import grpc
from usage_graph.receiver.intake import Intake

_UNIT = 1 if sys.platform == "darwin" else 1024


async def main() -> None:
    exporter = Exporter(write=Store().write, batch_spans=1, batch_timeout=0.001, queue_spans=1, queue_bytes=1)
    intake = Intake(max_bytes=MAX_BODY)
    server = grpc.server(service_of(exporter), max_body_bytes=MAX_BODY, intake=intake, admit=lambda _: OPEN)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * _UNIT, flush=True)
    await server.stop(0)


if __name__ == "__main__":
    asyncio.run(main())
