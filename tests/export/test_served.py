"""Exports of a server as an operator runs it: keys, and files that break off."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.export.test_store import FILL
from tests.serving import Server
from tests.store.database import connected
from usage_graph import cli
from usage_graph.store.connect import Connection

KEY = "an-operators-key-of-the-tests"
ROWS = 40_000
HEADERS = {"authorization": f"Bearer {KEY}"}
WINDOW = {"from": "2026-04-14T00:00:00Z", "to": "2026-04-16T00:00:00Z"}
TO_THE_COMMAND = ("--from", "2026-04-14T00:00Z", "--to", "2026-04-16T00:00Z")


@pytest.fixture
def guarded(postgresql: str) -> Iterator[tuple[Server, str]]:
    """A server that wants a key, and its database with ``ROWS`` calls."""
    with Server(database_url=postgresql, settings={"USAGE_GRAPH_API_KEY": KEY}) as server:
        yield server, postgresql


async def fill(dsn: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute(FILL.replace("$1", str(ROWS)))


async def cut_readers(dsn: str) -> int:
    """End the connections that exports read by; how many there were."""
    async with connected(dsn) as connection:
        ended = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'usage-graph reader' AND state = 'idle in transaction'"
        )
    return len(ended)


async def read_while_cut(client: httpx.AsyncClient, url: str, dsn: str, got: list[bytes]) -> None:
    """Read a file into ``got``; the connection that it comes from ends after its first part."""
    async with client.stream("GET", url, params={**WINDOW, "format": "ndjson"}, headers=HEADERS) as answer:
        assert answer.status_code == 200
        async for part in answer.aiter_raw():
            if not got:
                assert await cut_readers(dsn) == 1
            got.append(part)


async def leave(client: httpx.AsyncClient, url: str) -> None:
    """Ask for a file, and hang up after its first part; again where the server has yet to notice that others did."""
    status = 429
    while status == 429:
        async with client.stream("GET", url, params=WINDOW, headers=HEADERS) as answer:
            status = answer.status_code
            await anext(answer.aiter_raw())
    assert status == 200


async def test_keys_and_broken_files(
    guarded: tuple[Server, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, dsn = guarded
    monkeypatch.delenv("USAGE_GRAPH_API_KEY", raising=False)
    await fill(dsn)
    url = f"{server.http}/export/records"
    async with httpx.AsyncClient(timeout=60) as client:
        for headers in ({}, {"x-api-key": "another-key-of-somebody"}):
            refused = await client.get(url, params=WINDOW, headers=headers)
            assert refused.status_code == 401
            assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        counted = await client.head(url, params=WINDOW, headers={"x-api-key": KEY})
        assert counted.headers["x-usage-graph-rows"] == str(ROWS)
        assert counted.content == b""

        # The database goes away in the middle.
        got: list[bytes] = []
        with pytest.raises(httpx.RemoteProtocolError):
            await read_while_cut(client, url, dsn, got)
        assert 0 < b"".join(got).count(b"\n") < ROWS

        # Clients that leave: each would keep the next from its export.
        for _ in range(5):
            await leave(client, url)
        whole = await client.get(url, params=WINDOW, headers=HEADERS)
        while whole.status_code == 429:  # the server has yet to notice
            whole = await client.get(url, params=WINDOW, headers=HEADERS)
        assert whole.content.count(b"\r\n") == ROWS + 1

    output = tmp_path / "calls.parquet"
    command = ["export", "records", *TO_THE_COMMAND, "--endpoint", server.http, "--format", "parquet"]
    assert cli.main([*command, "--output", str(output)]) == 1
    assert "This server wants a key" in capsys.readouterr().err
    assert not output.exists()
    assert cli.main([*command, "--output", str(output), "--key", KEY]) == 0
    assert f"Exported records: {ROWS:,} rows, " in capsys.readouterr().err
    assert output.read_bytes()[-4:] == b"PAR1"

    server.stop()
    assert "an export was broken off: QueryUnavailable" in server.log
    assert "Traceback" not in server.log


async def locks(connection: Connection) -> int:
    """How many locks of tables exports hold."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE a.datname = "
        "current_database() AND a.application_name = 'usage-graph reader' AND l.locktype = 'relation'"
    )
    return count


async def released(connection: Connection) -> None:
    """Returns when exports lock no table any more."""
    while await locks(connection):
        await connection.execute("SELECT pg_sleep(0.1)")


async def read(parts: AsyncIterator[bytes], got: bytearray) -> None:
    async for part in parts:
        got.extend(part)


async def test_a_client_that_reads_slowly_locks_nothing_for_longer_than_an_export_may_take(postgresql: str) -> None:
    settings = {"USAGE_GRAPH_EXPORT_TIMEOUT": "3"}
    with Server(database_url=postgresql, settings=settings) as server:
        await fill(postgresql)
        url, got = f"{server.http}/export/records", bytearray()
        async with (
            connected(postgresql) as connection,
            httpx.AsyncClient(timeout=60) as client,
            client.stream("GET", url, params={**WINDOW, "format": "ndjson"}) as answer,
        ):
            assert answer.status_code == 200
            parts = answer.aiter_raw()
            got.extend(await anext(parts))
            assert await locks(connection) > 0
            # It takes no more, until the server has given it up: sooner than after the minute of a client that stalls.
            async with asyncio.timeout(30):
                await released(connection)
            with pytest.raises(httpx.RemoteProtocolError):
                await read(parts, got)
        assert 0 < got.count(b"\n") < ROWS
        server.stop()
    assert "an export was broken off: QueryTimeout: The export took longer than 3 seconds" in server.log
    assert "Traceback" not in server.log
