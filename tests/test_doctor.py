"""What doctor says of a machine: before the first start, while a server runs, and where none can start."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.serving import Server, free_port
from usage_graph.config import Settings
from usage_graph.doctor import Check, doctor
from usage_graph.page import app as page


def settings(data_dir: Path) -> Settings:
    return Settings(
        data_dir=data_dir,
        port=free_port(),
        otlp_http_port=free_port(),
        otlp_grpc_port=free_port(),
        explicit=frozenset(),
    )


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


async def test_before_the_first_start_nothing_is_made(tmp_path: Path) -> None:
    found = by_name(await doctor(settings(tmp_path / "new")))
    assert all(check.ok for check in found.values())
    assert "to be made at the first start" in found["database"].detail
    assert not (tmp_path / "new").exists()


async def test_a_running_server_is_asked_itself(server: Server, tmp_path: Path) -> None:
    running = replace(settings(tmp_path), port=server.http_port, otlp_http_port=server.otlp_port)
    found = by_name(await doctor(running))
    assert found["server"] == Check("server", True, f"runs at {server.http} and is ready; engine: postgresql")
    assert all(check.ok for check in found.values())


async def test_a_server_that_is_not_ready_says_why(empty_database: str, postgresql: str, tmp_path: Path) -> None:
    import asyncpg

    with Server(database_url=postgresql) as running:
        connection = await asyncpg.connect(postgresql)
        await connection.execute("DELETE FROM usage_migration WHERE version = 3")
        await connection.close()
        found = by_name(await doctor(replace(settings(tmp_path), port=running.http_port)))
        assert not found["server"].ok
        assert "1 migration(s) outstanding" in found["server"].detail


@pytest.mark.parametrize(
    ("taken", "explicit", "ok"),
    [
        ("port", frozenset(), False),
        ("otlp_http_port", frozenset(), True),
        ("otlp_http_port", frozenset({"otlp_http_port"}), False),
    ],
)
async def test_a_taken_port_matters_to_those_who_asked_for_it(
    tmp_path: Path, taken: str, explicit: frozenset[str], ok: bool
) -> None:
    with socket.socket() as blocker:
        blocker.bind(("127.0.0.1", 0))
        blocker.listen()
        wanted = replace(settings(tmp_path), explicit=explicit, **{taken: blocker.getsockname()[1]})
        blocker.settimeout(0.1)
        found = by_name(await doctor(wanted))
    assert found[taken].ok is ok
    assert "in use by another program" in found[taken].detail


async def test_a_data_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = by_name(await doctor(settings(tmp_path / "file" / "data")))
    assert not found["database"].ok
    assert "Choose another with USAGE_GRAPH_DATA_DIR" in found["database"].detail


async def test_an_installation_without_the_page_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = by_name(await doctor(settings(tmp_path / "new")))
    assert found["usage page"] == Check("usage page", True, "is there")
    monkeypatch.setattr(page, "_STATIC", tmp_path)
    found = by_name(await doctor(settings(tmp_path / "new")))
    assert found["usage page"] == Check("usage page", False, "lacks index.html: install usage-graph anew")
