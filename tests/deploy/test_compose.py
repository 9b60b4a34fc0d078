"""docker-compose.yml, as far as it can be checked without a container engine."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.deploy.files import COMPOSE, ENV_EXAMPLE, ROOT, SERVICES, VARIABLES, environment, filled, stages
from usage_graph import app
from usage_graph.config import PREFIX, Settings, load
from usage_graph.store.embedded import cluster

SECRETS = {"POSTGRES_PASSWORD": "0123456789abcdef", "USAGE_GRAPH_API_KEY": "fedcba9876543210"}
COLLECTOR_TEXT = (ROOT / "otel" / "collector.yaml").read_text(encoding="utf-8")
COLLECTOR: dict[str, Any] = yaml.safe_load(COLLECTOR_TEXT)

every_service = pytest.mark.parametrize("name", SERVICES)


def environ(name: str) -> dict[str, str]:
    """What a service finds in its environment, made of ``SECRETS`` and defaults."""
    return {key: filled(value, SECRETS) for key, value in SERVICES[name].get("environment", {}).items()}


# --- images


@every_service
def test_images_are_pinned(name: str) -> None:
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+\.\d+(-pg\d+)?", SERVICES[name]["image"])


def test_our_own_image_is_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    ours = {name for name, service in SERVICES.items() if service["image"] == f"usage-graph:{version}"}
    assert (
        ours == {name for name, service in SERVICES.items() if "build" in service} == {"usage-graph", "collector-queue"}
    )


def test_timescaledb_has_the_community_features_and_its_volume_where_its_postgresql_looks() -> None:
    database = SERVICES["timescaledb"]
    found = re.fullmatch(r"timescale/timescaledb:(\d+)\.(\d+)\.\d+-pg(\d+)", database["image"])
    assert found
    assert (int(found[1]), int(found[2])) >= (2, 29)
    place = "/var/lib/postgresql" if int(found[3]) >= 18 else "/var/lib/postgresql/data"
    assert database["volumes"] == [f"timescaledb:{place}"]


def test_the_collector_is_the_one_that_its_configuration_is_written_for() -> None:
    version = SERVICES["collector"]["image"].rpartition(":")[2]
    assert f"Written for otelcol-contrib {version} " in COLLECTOR_TEXT
    assert f"`otelcol-contrib` {version}:" in (ROOT / "otel" / "README.md").read_text(encoding="utf-8")


# --- who may do what


@every_service
def test_services_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"max-size", "max-file"} <= service["logging"]["options"].keys()
    assert not {"privileged", "pid", "ipc", "devices"} & service.keys()


def test_root_is_only_who_gives_the_queue_away_and_can_do_nothing_else() -> None:
    assert {name for name, service in SERVICES.items() if str(service.get("user", "")).startswith("0")} == {
        "collector-queue"
    }
    assert [name for name, service in SERVICES.items() if "cap_add" in service] == ["collector-queue"]
    giver, owner = SERVICES["collector-queue"], SERVICES["collector"]
    assert (giver["cap_add"], giver["network_mode"], giver["restart"]) == (["CHOWN"], "none", "no")
    command, user, place = giver["entrypoint"]
    assert (command, user) == ("chown", owner["user"])
    assert f"collector-queue:{place}" in giver["volumes"]
    assert f"collector-queue:{place}" in owner["volumes"]
    assert environ("collector")["COLLECTOR_QUEUE_DIR"] == place
    assert owner["depends_on"] == {"collector-queue": {"condition": "service_completed_successfully"}}


def test_only_the_collectors_and_the_apis_ports_are_published_and_on_loopback() -> None:
    published = {
        name: [filled(port, {}) for port in service["ports"]]
        for name, service in SERVICES.items()
        if "ports" in service
    }
    api = Settings().port
    assert published == {
        "usage-graph": [f"127.0.0.1:{api}:{api}"],
        "collector": ["127.0.0.1:4317:4317", "127.0.0.1:4318:4318"],
    }
    protocols = COLLECTOR["receivers"]["otlp"]["protocols"].values()
    assert [protocol["endpoint"].rpartition(":")[2] for protocol in protocols] == ["4317", "4318"]


def test_only_usage_graph_reaches_the_database() -> None:
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert SERVICES["timescaledb"]["networks"] == ["database"]
    assert [name for name, service in SERVICES.items() if "database" in service.get("networks", [])] == [
        "timescaledb",
        "usage-graph",
    ]


# --- secrets


def test_secrets_have_no_default_and_say_where_to_get_them() -> None:
    for variable in VARIABLES:
        if variable.name in SECRETS:
            assert (variable.default, variable.complaint) == (None, "see .env.example")
        else:
            assert variable.default is not None
    assert {variable.name for variable in VARIABLES} > SECRETS.keys()


def test_the_example_has_every_variable_and_no_secret() -> None:
    assigned = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert assigned == {variable.name: variable.default or "" for variable in VARIABLES}


def test_the_command_in_the_example_makes_secrets_and_keeps_those_there_are(tmp_path: Path) -> None:
    (command,) = re.findall(r"^#   (\(umask .*?> \.env\))$", ENV_EXAMPLE, re.MULTILINE | re.DOTALL)
    script = re.sub(r"^#", "", command, flags=re.MULTILINE)
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True, timeout=30)
    made = tmp_path / ".env"
    text = made.read_text()
    secrets = dict(line.split("=") for line in text.splitlines())
    assert secrets.keys() == SECRETS.keys()
    assert all(re.fullmatch(r"[0-9a-f]{64}", secret) for secret in secrets.values())
    assert len(set(secrets.values())) == len(secrets)
    assert made.stat().st_mode & 0o777 == 0o600
    again = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, check=False, timeout=30)
    assert again.returncode != 0
    assert made.read_text() == text


# --- what the services say to each other


def test_usage_graph_starts_with_the_settings_it_is_given_in_the_image_and_here() -> None:
    given = {**environment(stages()[-1]), **environ("usage-graph")}
    settings = load({name: value for name, value in given.items() if name.startswith(PREFIX)})
    assert settings.api_key == SECRETS["USAGE_GRAPH_API_KEY"]
    assert not settings.on_loopback
    url, database = urlsplit(settings.database_url or ""), environ("timescaledb")
    assert url.hostname in SERVICES
    assert (url.username, url.path) == (database["POSTGRES_USER"], f"/{database['POSTGRES_DB']}")
    assert given["PGPASSWORD"] == database["POSTGRES_PASSWORD"] == SECRETS["POSTGRES_PASSWORD"]
    assert SERVICES["usage-graph"]["depends_on"] == {url.hostname: {"condition": "service_healthy"}}


def test_the_database_is_healthy_when_it_answers_over_tcp() -> None:
    database = environ("timescaledb")
    kind, program, *arguments = SERVICES["timescaledb"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "pg_isready")
    assert {
        "--host=127.0.0.1",
        f"--username={database['POSTGRES_USER']}",
        f"--dbname={database['POSTGRES_DB']}",
    } <= set(arguments)


def test_text_compares_as_in_the_embedded_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    embedded = {option for option in cluster._initdb_options(18) if re.search(r"encoding|locale|ctype", option)}
    assert set(shlex.split(environ("timescaledb")["POSTGRES_INITDB_ARGS"])) == embedded


def test_the_collector_is_told_everything_it_can_be_told() -> None:
    told = environ("collector")
    assert told.keys() - {"GOMEMLIMIT"} == set(re.findall(r"\$\{env:(\w+)", COLLECTOR_TEXT))
    assert told["COLLECTOR_HOST"] == "0.0.0.0"  # noqa: S104  (in its container)
    assert told["USAGE_GRAPH_API_KEY"] == SECRETS["USAGE_GRAPH_API_KEY"]
    endpoint = urlsplit(told["USAGE_GRAPH_ENDPOINT"])
    assert (endpoint.hostname, endpoint.port) == ("usage-graph", Settings().port)
    assert set(SERVICES["collector"]["networks"]) & set(SERVICES["usage-graph"]["networks"])


def test_the_collectors_memory_is_bounded_in_the_right_order() -> None:
    limiter = COLLECTOR["processors"]["memory_limiter"]["limit_mib"]
    soft = int(environ("collector")["GOMEMLIMIT"].removesuffix("MiB"))
    assert soft == pytest.approx(0.8 * limiter, rel=0.01)
    assert int(SERVICES["collector"]["mem_limit"].removesuffix("m")) > limiter


def test_mounted_files_exist_and_cannot_be_changed_from_within() -> None:
    mounts = [
        volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume.startswith(".")
    ]
    assert mounts == ["./otel/collector.yaml:/etc/otelcol-contrib/config.yaml:ro"]
    assert all((ROOT / mount.split(":")[0]).is_file() for mount in mounts)


def test_named_volumes_and_networks_are_those_that_are_used() -> None:
    volumes = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {volume for volume in volumes if not volume.startswith(".")} == COMPOSE["volumes"].keys()
    assert {network for service in SERVICES.values() for network in service.get("networks", [])} == COMPOSE[
        "networks"
    ].keys()


def test_usage_graph_has_the_time_it_takes_to_stop() -> None:
    grace = int(SERVICES["usage-graph"]["stop_grace_period"].removesuffix("s"))
    assert grace > 3 * app._GRACE
