"""The embedded database that another process runs, reached from beside it."""

import socket
from pathlib import Path

from tests.store.database import connected
from usage_graph.store.connect import answers
from usage_graph.store.embedded import Embedded, attach


async def test_it_is_there_while_somebody_runs_it(new_dir: Path) -> None:
    assert attach.dsn(new_dir) is None
    with Embedded(data_dir=new_dir) as embedded:
        beside = attach.dsn(new_dir)
        assert beside == embedded.dsn
        assert await answers(beside)
        async with connected(beside) as connection:
            assert await connection.fetchval("SELECT current_user::text") == "usage_graph"
    assert attach.dsn(new_dir) is None
    assert not await answers(beside)


async def test_where_a_socket_would_have_too_long_a_name_the_link_leads_to_it(open_place: Path) -> None:
    long = open_place / ("d" * 120)
    with Embedded(data_dir=long) as embedded:
        assert attach.dsn(long) == embedded.dsn
    assert attach.dsn(long) is None


async def test_a_socket_that_was_left_behind_is_no_database(new_dir: Path) -> None:
    with Embedded(data_dir=new_dir):
        pass
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(new_dir / "postgresql" / ".s.PGSQL.5432"))
    beside = attach.dsn(new_dir)
    assert beside is not None
    assert not await answers(beside)
