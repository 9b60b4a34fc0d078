"""The demo touches nothing but its own directory."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from usage_graph.config import Settings, load
from usage_graph.demo import stage
from usage_graph.errors import DemoError


def test_it_never_uses_the_users_database_nor_what_is_set_for_it(tmp_path: Path) -> None:
    users = load(
        {
            "USAGE_GRAPH_DATABASE_URL": "postgresql://db/mine",
            "USAGE_GRAPH_ENGINE": "timescaledb",
            "USAGE_GRAPH_RETENTION": "P7D",
            "USAGE_GRAPH_PORT": "9000",
        }
    )

    assert stage.own_settings(users, tmp_path) == replace(
        Settings(), data_dir=tmp_path, port=9000, explicit=frozenset({"port"})
    )


def test_its_directory_is_made_and_emptied_again(tmp_path: Path) -> None:
    (tmp_path / "postgresql").mkdir()
    directory = stage.fresh_directory(tmp_path)
    (directory / "postgresql" / "base").mkdir(parents=True)
    (directory / "postgresql" / "base" / "1").write_text("old")
    (directory / "log").write_text("old")
    (directory / "link").symlink_to(tmp_path / "postgresql")

    assert stage.fresh_directory(tmp_path) == directory
    assert [left.name for left in directory.iterdir()] == [stage.MARKER]
    assert (tmp_path / "postgresql").is_dir()


def a_file(place: Path) -> None:
    place.write_text("mine")


def a_directory(place: Path) -> None:
    place.mkdir()
    (place / "mine").write_text("mine")


def a_link(place: Path) -> None:
    elsewhere = place.with_name("elsewhere")
    elsewhere.mkdir()
    (elsewhere / stage.MARKER).touch()
    place.symlink_to(elsewhere)


@pytest.mark.parametrize("make", [a_file, a_directory, a_link])
def test_what_it_did_not_make_is_left_alone(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "demo")
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(DemoError, match="--data-dir"):
        stage.fresh_directory(tmp_path)

    assert sorted(tmp_path.rglob("*")) == before


def test_one_demo_at_a_time(tmp_path: Path) -> None:
    with stage.only_demo(tmp_path):
        with pytest.raises(DemoError, match="Another demo is running"), stage.only_demo(tmp_path):
            raise AssertionError("two demos in one directory")
        with stage.only_demo(tmp_path / ".."):
            pass
    with stage.only_demo(tmp_path):
        pass


def test_a_place_that_cannot_be_written_to_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(DemoError, match="cannot be written to"), stage.only_demo(tmp_path / "file" / "data"):
        raise AssertionError("a directory below a file")


def test_variables_for_other_collectors_are_kept_from_the_sender() -> None:
    foreign = {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_HEADERS": "key=secret", "https_proxy": "http://p:1"}

    assert stage.sender_environment(foreign | {"PATH": "/bin", "LANG": "C"}) == {"PATH": "/bin", "LANG": "C"}
