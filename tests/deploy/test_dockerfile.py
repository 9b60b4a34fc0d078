"""The Dockerfile, as far as it can be checked without a container engine: its health check is really run."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import asyncpg
import pytest

from tests.deploy.files import ROOT, environment, stages, values
from tests.serving import Server, free_port
from usage_graph import cli
from usage_graph.config import Settings, load

BUILD, FINAL = stages()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_both_stages_stand_on_the_same_pinned_python_that_the_project_supports() -> None:
    (build,), (final,) = values(BUILD, "FROM"), values(FINAL, "FROM")
    assert build == f"{final} AS build"
    pinned = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-[a-z]+", final)
    assert pinned
    assert f"Programming Language :: Python :: {pinned[1]}" in PROJECT["classifiers"]


def test_everything_is_installed_by_hash_from_wheels() -> None:
    (made, built) = values(BUILD, "RUN")
    assert "--require-hashes" in made
    assert "--only-binary :all:" in made
    assert "--no-deps" in built
    assert "--no-build-isolation" in built
    assert built.endswith("check")


def test_the_final_stage_takes_the_environment_only_and_runs_as_nobody_special() -> None:
    assert values(FINAL, "COPY") == ["--from=build /opt/usage-graph /opt/usage-graph"]
    (user,) = values(FINAL, "USER")
    uid, gid = map(int, user.split(":"))
    assert uid == gid == 10001
    assert f"useradd --uid {uid}" in values(FINAL, "RUN")[0]
    assert environment(FINAL)["PATH"].startswith("/opt/usage-graph/bin:")


def test_it_serves_on_the_ports_of_the_settings_to_others() -> None:
    settings = load({name: value for name, value in environment(FINAL).items() if name.startswith("USAGE_GRAPH_")})
    assert not settings.on_loopback
    assert settings.data_dir == Path("/var/lib/usage-graph")
    assert f"--home-dir {settings.data_dir}" in values(FINAL, "RUN")[0]
    ports = (settings.port, settings.otlp_grpc_port, settings.otlp_http_port)
    assert values(FINAL, "EXPOSE") == [" ".join(map(str, ports))]
    (entrypoint,), (command,) = values(FINAL, "ENTRYPOINT"), values(FINAL, "CMD")
    assert json.loads(entrypoint) == ["usage-graph"]
    assert "usage-graph" in PROJECT["scripts"]
    assert cli.parser().parse_args(json.loads(command))
    assert values(FINAL, "STOPSIGNAL") == ["SIGTERM"]


# --- what the build is given


def copied() -> set[str]:
    return {source for value in values(BUILD, "COPY") for source in value.split()[:-1]}


def test_what_is_copied_is_there_and_nothing_else_is_let_in() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied()
    assert all((ROOT / source).exists() for source in copied())


def test_what_the_wheel_is_made_of_is_copied() -> None:
    links = [path for path in (ROOT / "src").rglob("*") if path.is_symlink()]
    needed = {path.resolve().relative_to(ROOT).parts[0] for path in links}
    needed |= {PROJECT["readme"], *(name for name in PROJECT["license-files"] if not name.startswith("src/"))}
    assert {"sql", "schema", "LICENSE"} <= needed <= copied()


# --- the health check


def run_health_check(port: int, **more: str) -> subprocess.CompletedProcess[str]:
    (value,) = values(FINAL, "HEALTHCHECK")
    program, *arguments = json.loads(value.partition(" CMD ")[2])
    assert program == "python"
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("USAGE_GRAPH_")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**inherited, "USAGE_GRAPH_PORT": str(port), **more},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_ready_server_is_healthy_whatever_proxy_the_environment_names(server: Server) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    done = run_health_check(server.http_port, http_proxy=dead, HTTP_PROXY=dead, no_proxy="", NO_PROXY="")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_server_is_not_healthy() -> None:
    assert run_health_check(free_port()).returncode == 1


async def test_a_server_that_is_not_ready_is_not_healthy(postgresql: str) -> None:
    with Server(database_url=postgresql) as running:
        assert run_health_check(running.http_port).returncode == 0
        connection = await asyncpg.connect(postgresql)
        await connection.execute("DELETE FROM usage_migration")
        await connection.close()
        done = run_health_check(running.http_port)
    assert done.returncode == 1
    assert "HTTP Error 503" in done.stderr


def test_without_a_setting_it_asks_the_default_port() -> None:
    (value,) = values(FINAL, "HEALTHCHECK")
    assert f"(os.environ.get('USAGE_GRAPH_PORT') or '{Settings().port}')" in value


@pytest.mark.parametrize("stage", [BUILD, FINAL])
def test_no_secret_is_baked_in(stage: list[tuple[str, str]]) -> None:
    assert not any(
        re.search(r"PASSWORD|API_KEY|TOKEN|SECRET", value) for name, value in stage if name in ("ARG", "ENV")
    )
