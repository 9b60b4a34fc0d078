"""The files of a history and their lines."""

import gzip
import os
import sys
from pathlib import Path

import pytest

from usage_graph.errors import ImportFailed
from usage_graph.importing import lines
from usage_graph.importing.lines import MAX_LINE, Line, find, read
from usage_graph.importing.tally import Tally


def tally(said: list[str] | None = None, *, strict: bool = False) -> Tally:
    return Tally(say=(said if said is not None else []).append, strict=strict)


def test_lines_are_numbered_and_the_last_may_be_half(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\r\n\ntwo\nthr")

    assert list(read(path, tally())) == [
        Line(1, b"one", True),
        Line(2, b"", True),
        Line(3, b"two", True),
        Line(4, b"thr", False),
    ]


def test_an_empty_file_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.touch()
    assert list(read(path, tally())) == []


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert [line.data for line in read(path, tally())] == [b"one", b"two"]


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-12], lambda data: b"no gzip", lambda data: data[:40] + b"\0" * 9]
)
def test_damaged_gzip_is_said(tmp_path: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    path, said = tmp_path / "a.csv.gz", list[str]()
    path.write_bytes(spoil(gzip.compress(os.urandom(3000).hex().encode())))
    counted = tally(said)
    list(read(path, counted))

    assert counted.unreadable == 1
    assert said[0].startswith(f"{path}: cannot be read")


def test_a_line_over_16_mib_is_skipped_without_being_kept(tmp_path: Path) -> None:
    path, said = tmp_path / "a.jsonl", list[str]()
    with path.open("wb") as file:
        file.write(b"one\n" + b"x" * (MAX_LINE + 2**21) + b"\n" + b"y" * (MAX_LINE - 1) + b"\nend\n")
    got = list(read(path, tally(said)))

    assert [(line.number, len(line.data)) for line in got] == [(1, 3), (3, MAX_LINE - 1), (4, 3)]
    assert said == [f"{path}:2: is longer than 16 MiB."]


def test_directories_are_searched_and_each_file_is_met_once(tmp_path: Path) -> None:
    newer, older, packed = tmp_path / "a" / "new.jsonl", tmp_path / "b" / "c" / "old.JSONL", tmp_path / "p.jsonl.gz"
    for path, age in ((newer, 10), (older, 30), (packed, 20), (tmp_path / "notes.txt", 5)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "again.jsonl").symlink_to(newer)

    found = find([tmp_path, newer], (".jsonl",), tally())

    assert [path.resolve() for path in found] == [older, packed, newer]


def test_a_named_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "export"
    path.touch()
    assert find([path], (".csv",), tally()) == [path]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ImportFailed, match=r"none is not there\."):
        find([tmp_path / "none"], (".csv",), tally())
    with pytest.raises(ImportFailed, match=r"pipe is neither a file nor a directory\."):
        find([tmp_path / "pipe"], (".csv",), tally())
    with pytest.raises(ImportFailed, match=r"There is no \.ndjson or \.csv file in "):
        find([tmp_path], (".ndjson", ".csv"), tally())


@pytest.mark.skipif(sys.platform != "linux", reason="a file that nobody, not even root, can read")
def test_an_unreadable_file_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    counted = tally(said)
    assert list(read(Path("/proc/self/mem"), counted)) == []
    assert counted.unreadable == 1
    assert said == ["/proc/self/mem: cannot be read (Input/output error)."]


def test_a_strict_tally_ends_at_the_first_problem(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"a\.csv:7: is not CSV\."):
        tally(strict=True).bad(Path("a.csv"), 7, "is not CSV")


def test_only_the_first_problems_are_said() -> None:
    said: list[str] = []
    counted = tally(said)
    for number in range(30):
        counted.bad(Path("\x1b[2Ja"), number + 1, "is bad")

    assert len(said) == Tally.SHOWN == 20
    assert said[19] == "a:20: is bad."
    assert counted.bad_lines == 30
    assert counted.unsaid == 10


def test_progress_is_told_on_the_way(tmp_path: Path) -> None:
    path, told = tmp_path / "a.jsonl", list[int]()
    path.write_bytes(b"{}\n" * 2500)
    counted = Tally(say=lambda _: None, tell=lambda: told.append(counted.bytes))
    assert sum(1 for _ in lines.read(path, counted)) == 2500
    assert told == [3000, 6000]
