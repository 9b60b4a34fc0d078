"""The formats of exports, each a portion of rows at a time."""

import csv
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from io import StringIO
from typing import Any, Protocol

import orjson

from usage_graph.graph.export.columns import Column, Kind, Values
from usage_graph.graph.scalars import write_big_int, write_date_time, write_decimal

FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""What makes a spreadsheet take a text for a formula, at its beginning."""


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.NDJSON: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
}


class Encoder(Protocol):
    """Rows into the bytes of one file: those of ``begin``, of ``encode`` once for each portion, and of ``end``."""

    def begin(self) -> bytes: ...

    def encode(self, rows: Sequence[Values]) -> bytes: ...

    def end(self) -> bytes: ...


def guarded(text: str) -> str:
    """``text`` as no spreadsheet takes it for a formula: behind an apostrophe where it begins like one.

    So is a text that begins with an apostrophe, so that whoever takes the first apostrophe away has what there was.
    """
    return f"'{text}" if text[:1] in FORMULA or text[:1] == "'" else text


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _truth(value: object) -> str:
    return "true" if value else "false"


_CELLS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DECIMAL: write_decimal,
    Kind.BOOLEAN: _truth,
    Kind.INSTANT: write_date_time,
    Kind.TEXTS: _json,
    Kind.ATTRIBUTES: _json,
}


class Csv:
    """RFC 4180 in UTF-8, with a line of names. What is unknown is an empty cell."""

    def __init__(self, columns: Sequence[Column[Any]], *, guard: bool) -> None:
        """``guard``: texts that look like formulas are made harmless."""
        self._names = [column.name for column in columns]
        cells = {**_CELLS, Kind.TEXT: guarded} if guard else _CELLS
        self._cells = [cells.get(column.kind) for column in columns]

    def begin(self) -> bytes:
        return self._lines([self._names])

    def encode(self, rows: Sequence[Values]) -> bytes:
        return self._lines(
            [
                value if cell is None or value is None else cell(value)
                for cell, value in zip(self._cells, row, strict=True)
            ]
            for row in rows
        )

    def end(self) -> bytes:
        return b""

    def _lines(self, rows: Any) -> bytes:
        text = StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        return text.getvalue().encode()


_JSON: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.INTEGER: write_big_int,
    Kind.DECIMAL: write_decimal,
    Kind.INSTANT: write_date_time,
}


class Ndjson:
    """One JSON object a line, its values written as GraphQL writes them."""

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        self._names = [column.name for column in columns]
        self._values = [_JSON.get(column.kind) for column in columns]

    def begin(self) -> bytes:
        return b""

    def encode(self, rows: Sequence[Values]) -> bytes:
        return b"".join(orjson.dumps(self._object(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows)

    def end(self) -> bytes:
        return b""

    def _object(self, row: Values) -> dict[str, Any]:
        return {
            name: value if write is None or value is None else write(value)
            for name, write, value in zip(self._names, self._values, row, strict=True)
        }
