"""CSV, row by row: columns are found by their names in the first row, in any order."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from usage_graph.errors import ImportFailed
from usage_graph.importing import lines
from usage_graph.importing.tally import Tally
from usage_graph.report.text import printable

CUT_OFF = "rows that their file ends in the middle of"
_DELIMITERS = ",;\t"
_NAMED = 5
_LONGEST_NAME = 64


class Row(NamedTuple):
    """``number`` is that of the row's first line. A value that is not UTF-8 holds lone surrogates."""

    number: int
    values: dict[str, str]


def named(names: Sequence[str]) -> str:
    """Some of ``names``, short and printable, for a message: they come from a file."""
    told = [printable(name)[:_LONGEST_NAME] for name in names[:_NAMED]]
    if len(names) > _NAMED:
        told.append(f"and {len(names) - _NAMED} more")
    return ", ".join(told)


def columns(path: Path) -> list[str]:
    """The names in the first row; none in an empty file.

    Raises:
        ImportFailed: the file cannot be read, or a name is there twice.
    """
    problems: list[str] = []
    first = next(lines.read(path, Tally(say=problems.append)), None)
    if problems:
        raise ImportFailed(problems[0])
    names = _split(first) if first else []
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ImportFailed(f"{printable(str(path))}: two columns have one name: {named(twice)}.")
    return names


def rows(path: Path, tally: Tally) -> Iterator[Row]:
    """Every row below the first. Bad ones are told to ``tally``; one that the file's end cuts off is left out."""
    csv.field_size_limit(lines.MAX_LINE)
    read = lines.read(path, tally)
    first = next(read, None)
    if first is None:
        return
    names = _split(first)
    last = [first]
    reader = csv.reader(_texts(read, last), delimiter=_delimiter(_text(first)), strict=True)
    while True:
        before = last[0].number
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if last[0].whole:
                tally.bad(path, before + 1, f"is not CSV ({error})")
            else:
                tally.left_out[CUT_OFF] += 1
            continue
        if len(row) == len(names):
            yield Row(before + 1, dict(zip(names, row, strict=True)))
        elif not last[0].whole and len(row) < len(names):
            tally.left_out[CUT_OFF] += 1
        elif row:
            tally.bad(path, before + 1, f"has {len(row)} values for {len(names)} columns")


def _texts(read: Iterator[lines.Line], last: list[lines.Line]) -> Iterator[str]:
    for line in read:
        last[0] = line
        yield _text(line) + "\n"


def _text(line: lines.Line) -> str:
    return line.data.decode("utf-8", "surrogateescape")


def _delimiter(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _split(first: lines.Line) -> list[str]:
    header = _text(first).removeprefix("\ufeff")
    return [name.strip() for name in next(csv.reader([header], delimiter=_delimiter(header)), [])]
