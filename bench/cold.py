"""First answers: of a server that has just started, with nothing of the database in memory as far as one can say so."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench.capture import check
from bench.cases import Asking, Case
from bench.children import server
from bench.database import Database
from bench.wire import Connection, post

_DROP_CACHES = Path("/proc/sys/vm/drop_caches")


def measure(database: Database, name: str, cases: Sequence[Case], asking: Asking) -> dict[str, float]:
    """Milliseconds of the first answer to each case, in a fresh server whose database has been forgotten before each.

    The first case also pays for the server's first connections to the database.
    """
    found = {}
    with server(database.dsn(name)) as child:
        for case in cases:
            forget(database, name)
            request = post("/graphql", asking.ask(case).body, content_type="application/json")
            with Connection(child.port) as client:
                begun = time.perf_counter()
                answer = client.ask(request)
                found[case.name] = (time.perf_counter() - begun) * 1000
            check(answer.status, answer.body)
    return found


def forget(database: Database, name: str) -> None:
    """Empty PostgreSQL's buffers, and the system's where this process may."""
    database.forget(name)
    with suppress(OSError):
        _DROP_CACHES.write_text("1")
