"""Parquet, written as rows come. Needs ``pyarrow``, which the server does without until somebody asks for it."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from usage_graph.graph.export.columns import Column, Kind, Values

ROW_GROUP = 8_000
"""Rows of a group, which is what is held back: readers skip whole groups, and the file's end lists all of them."""

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.DECIMAL: pa.decimal128(38, 9),
    Kind.FLOAT: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.TEXTS: pa.list_(pa.string()),
    Kind.ATTRIBUTES: pa.map_(pa.string(), pa.string()),
}


class Parquet:
    """Row groups compressed with zstd."""

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        self._schema = pa.schema([(column.name, _TYPES[column.kind]) for column in columns])
        self._maps = [number for number, column in enumerate(columns) if column.kind is Kind.ATTRIBUTES]
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._waiting: list[Any] = []
        self._rows = 0

    def begin(self) -> bytes:
        return self._sink.take()

    def encode(self, rows: Sequence[Values]) -> bytes:
        if not rows:
            return b""
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for number in self._maps:
            columns[number] = [None if found is None else list(found.items()) for found in columns[number]]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._waiting.append(pa.record_batch(arrays, schema=self._schema))
        self._rows += len(rows)
        if self._rows >= ROW_GROUP:
            self._write()
        return self._sink.take()

    def end(self) -> bytes:
        if self._waiting:
            self._write()
        self._writer.close()
        return self._sink.take()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._waiting), row_group_size=self._rows)
        self._waiting, self._rows = [], 0


class _Sink(io.RawIOBase):
    """Keeps what is written to it until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any, /) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
