"""CSV, NDJSON and Parquet, whatever is in the rows."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from tests.export.exports import parsed
from usage_graph.graph.export.columns import Column, Kind, Values
from usage_graph.graph.export.formats import Csv, Encoder, Ndjson
from usage_graph.graph.export.parquet import ROW_GROUP, Parquet

KINDS = tuple(Kind)
COLUMNS = [Column(kind.name.lower(), kind, lambda row: row) for kind in KINDS]

# What the store can hold: neither NUL nor a lone surrogate.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
instants = st.datetimes(datetime(1970, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: texts,
    Kind.INTEGER: st.integers(0, 2**63 - 1),
    Kind.DECIMAL: st.integers(0, 10**28 - 1).map(lambda nano: Decimal(nano).scaleb(-9)),
    Kind.FLOAT: st.floats(0, 1e12, allow_nan=False),
    Kind.BOOLEAN: st.booleans(),
    Kind.INSTANT: instants,
    Kind.TEXTS: st.lists(texts, max_size=3),
    Kind.ATTRIBUTES: st.dictionaries(texts, texts, max_size=3),
}
rows = st.tuples(*(st.none() | VALUES[kind] for kind in KINDS))


def written(encoder: Encoder, portions: list[list[Values]]) -> bytes:
    return encoder.begin() + b"".join(map(encoder.encode, portions)) + encoder.end()


def read_text(kind: Kind, value: Any) -> Any:
    """What a cell of CSV or a value of NDJSON says."""
    match kind, value:
        case _, None | "":
            return None
        case Kind.DECIMAL, str():
            assert "e" not in value.lower()
            return Decimal(value)
        case Kind.INSTANT, str():
            assert value.endswith("Z")
            return datetime.fromisoformat(value)
        case Kind.INTEGER, _:
            return int(value)
        case Kind.FLOAT, _:
            return float(value)
        case Kind.BOOLEAN, str():
            return {"true": True, "false": False}[value]
        case ((Kind.TEXTS | Kind.ATTRIBUTES), str()):
            return json.loads(value)
    return value


@given(st.lists(st.lists(rows, max_size=4), max_size=3), st.booleans())
def test_csv_reads_back(portions: list[list[Values]], guard: bool) -> None:
    content = written(Csv(COLUMNS, guard=guard), portions)
    head, *lines = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)

    assert head == [column.name for column in COLUMNS]
    found = []
    for line in lines:
        cells = [cell[1:] if guard and cell[:1] == "'" else cell for cell in line]
        found.append(tuple(read_text(kind, cell) for kind, cell in zip(KINDS, cells, strict=True)))
    assert found == [row for portion in portions for row in portion]
    # RFC 4180: every line ends with CRLF, the last one, too.
    assert content.endswith(b"\r\n")


@given(st.lists(st.lists(rows, max_size=4), max_size=3))
def test_ndjson_reads_back(portions: list[list[Values]]) -> None:
    content = written(Ndjson(COLUMNS), portions)
    found = []
    for line in content.splitlines(keepends=True):
        assert line.endswith(b"\n")
        values = json.loads(line, parse_float=float)
        assert list(values) == [column.name for column in COLUMNS]
        found.append(tuple(read_text(kind, value) for kind, value in zip(KINDS, values.values(), strict=True)))
    assert found == [row for portion in portions for row in portion]


@given(st.lists(st.lists(rows, max_size=4), max_size=3))
def test_parquet_reads_back(portions: list[list[Values]]) -> None:
    found = [tuple(row.values()) for row in parsed(written(Parquet(COLUMNS), portions), "parquet")]
    assert found == [row for portion in portions for row in portion]


def test_a_number_that_json_readers_would_round_is_a_string() -> None:
    column = [Column("n", Kind.INTEGER, lambda row: row)]
    assert Ndjson(column).encode([(2**53 - 1,), (2**53,)]) == b'{"n":9007199254740991}\n{"n":"9007199254740992"}\n'


def test_csv_to_the_letter() -> None:
    columns = [Column(name, Kind.TEXT, lambda row: row) for name in ("a", "b")]
    content = written(Csv(columns, guard=True), [[('say "hi"', "1,2"), ("two\r\nlines", None), ("ä", " x ")]])
    assert content.decode() == 'a,b\r\n"say ""hi""","1,2"\r\n"two\r\nlines",\r\nä, x \r\n'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'"])
def test_no_text_is_a_formula_to_a_spreadsheet(start: str) -> None:
    columns = [Column("a", Kind.TEXT, lambda row: row)]
    text = f'{start}HYPERLINK("http://evil.example","x")'
    _, (guarded,) = csv.reader(io.StringIO(written(Csv(columns, guard=True), [[(text,)]]).decode(), newline=""))
    _, (kept,) = csv.reader(io.StringIO(written(Csv(columns, guard=False), [[(text,)]]).decode(), newline=""))
    assert (guarded, kept) == (f"'{text}", text)


def test_only_texts_are_guarded() -> None:
    columns = [Column(name, kind, lambda row: row) for name, kind in (("n", Kind.DECIMAL), ("t", Kind.TEXT))]
    assert Csv(columns, guard=True).encode([(Decimal("-1.5"), "a=b"), (None, "2-1")]) == b"-1.5,a=b\r\n,2-1\r\n"


def test_the_types_of_parquet() -> None:
    content = written(Parquet(COLUMNS), [])
    schema = parquet.read_schema(pa.BufferReader(content))
    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "text": "string",
        "integer": "int64",
        "decimal": "decimal128(38, 9)",
        "float": "double",
        "boolean": "bool",
        "instant": "timestamp[us, tz=UTC]",
        "texts": "list<element: string>",
        "attributes": "map<string, string ('attributes')>",
    }


def test_row_groups_are_of_some_thousand_rows_and_compressed() -> None:
    encoder = Parquet([Column("n", Kind.INTEGER, lambda row: row)])
    portion = [(number,) for number in range(1000)]
    parts = [encoder.begin()]
    held = 0
    for _ in range(20):
        parts.append(encoder.encode(portion))
        held = 0 if parts[-1] else held + len(portion)
        assert held < ROW_GROUP
    parts.append(encoder.end())
    file = parquet.ParquetFile(pa.BufferReader(b"".join(parts)))

    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [8000, 8000, 4000]
    assert {group.column(0).compression for group in groups} == {"ZSTD"}
    assert file.read().column("n").to_pylist() == list(range(1000)) * 20
