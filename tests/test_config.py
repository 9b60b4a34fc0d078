"""Settings: environment, flags over it, every problem at once, all of them documented."""

from pathlib import Path

import pytest

from usage_graph.config import SETTINGS, Settings, default_data_dir, load
from usage_graph.errors import ConfigError

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_defaults() -> None:
    settings = load({})
    assert settings == Settings(data_dir=default_data_dir())
    assert (settings.host, settings.port, settings.otlp_http_port, settings.otlp_grpc_port) == (
        "127.0.0.1",
        8000,
        4318,
        4317,
    )
    assert settings.database_url is None
    assert settings.on_loopback


def test_flags_override_the_environment() -> None:
    settings = load({"USAGE_GRAPH_PORT": "9000", "USAGE_GRAPH_HOST": "::1"}, {"port": "9001", "host": None})
    assert (settings.port, settings.host) == (9001, "::1")
    assert settings.explicit == {"port", "host"}


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            {
                "USAGE_GRAPH_PORT": "eighty",
                "USAGE_GRAPH_DATABASE_URL": "mysql://root:secret@db/x",
                "USAGE_GRAPH_CORS_ORIGINS": "example.com",
                "USAGE_GRAPH_PROT": "1",
            },
            {"write_mode": "fast"},
        )
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    assert "USAGE_GRAPH_PORT: 'eighty' is not a whole number from 0 to 65535." in problems
    assert "USAGE_GRAPH_DATABASE_URL: must begin with postgresql://." in problems
    assert "USAGE_GRAPH_PROT is not a setting" in problems
    assert "--write-mode: 'fast' is not copy or unnest." in problems
    assert "secret" not in problems


def test_empty_means_unset() -> None:
    assert load({"USAGE_GRAPH_DATABASE_URL": "", "USAGE_GRAPH_PORT": ""}) == Settings(data_dir=default_data_dir())


def test_lists() -> None:
    settings = load(
        {"USAGE_GRAPH_CORS_ORIGINS": "https://a.example, http://localhost:3000/", "USAGE_GRAPH_ALLOWED_HOSTS": "db"}
        | {"USAGE_GRAPH_METRIC_SOURCES": "claude-code, codex_exec,"}
    )
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.allowed_hosts == ("db",)
    assert settings.metric_sources == ("claude-code", "codex_exec")


@pytest.mark.parametrize(
    ("host", "guarded"),
    [("localhost", True), ("::1", True), ("127.8.0.1", True), ("0.0.0.0", False), ("::", False), ("db.example", False)],  # noqa: S104
)
def test_all_of_loopback_is_guarded(host: str, guarded: bool) -> None:
    assert load({"USAGE_GRAPH_HOST": host}).on_loopback is guarded


def test_a_home_that_nobody_has() -> None:
    with pytest.raises(ConfigError, match=r"USAGE_GRAPH_DATA_DIR: '~nobody-here/x' begins with the home directory"):
        load({"USAGE_GRAPH_DATA_DIR": "~nobody-here/x"})


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: object) -> None:
    variable = setting.variable  # type: ignore[attr-defined]
    assert f"| `{variable}` |" in README, f"{variable} is missing from the README's table of settings"
