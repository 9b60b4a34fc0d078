"""``GET /export/records``: what is in it is what GraphQL answers, whatever the format."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema, get_named_type

from tests.export.exports import FORMATS, WINDOW, Exports, whole
from tests.graph.api import NOW, Api
from tests.graph.conftest import MONTH
from tests.records import record
from usage_graph.grant import Access, Grant
from usage_graph.graph.export.columns import RECORDS
from usage_graph.graph.schema import sdl
from usage_graph.usage import UsageRecord

DETAILS = [
    one._replace(
        first_token_us=number * 1000 if number % 3 else None,
        attributes=(("feature", "search"), ("team", f"team {number % 4}"))[: number % 3],
    )
    for number, one in enumerate(MONTH)
]


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()


def selected(kind: str) -> dict[str, list[str]]:
    """The fields of a type of the schema, each with those of its own type; attributes as they are."""
    type_ = build_schema(sdl()).type_map[kind]
    assert isinstance(type_, GraphQLObjectType)
    found = {}
    for name, field in type_.fields.items():
        inner = get_named_type(field.type)
        found[name] = list(inner.fields) if isinstance(inner, GraphQLObjectType) else []
    return found


async def test_the_rows_are_what_graphql_answers() -> None:
    fields = selected("UsageRecord")
    selection = " ".join(f"{name} {{ {' '.join(inner)} }}" if inner else name for name, inner in fields.items())
    answer = await Api(DETAILS).usage(
        f"records(first: 100, orderBy: {{ field: STARTED_AT, direction: ASC }}) {{ nodes {{ {selection} }} }}"
    )
    expected = []
    for node in answer["records"]["nodes"]:
        row: dict[str, Any] = {}
        for name, value in node.items():
            if name == "attributes":
                row[name] = {one["key"]: one["value"] for one in value}
            elif fields[name]:
                row |= {f"{snake(name)}_{snake(inner)}": of_it for inner, of_it in value.items()}
            else:
                row[snake(name)] = value
        expected.append(row)

    rows = await Exports(DETAILS).rows("records", format="ndjson", **WINDOW)

    beyond = set(rows[0]) - set(expected[0])
    assert beyond <= {"turn"}
    assert [{name: value for name, value in row.items() if name not in beyond} for row in rows] == expected
    assert len(rows) == 100
    assert list(rows[0]) == [column.name for column in RECORDS]


async def test_what_a_record_has_besides() -> None:
    one = DETAILS[4]._replace(turn="turn 7")
    (row,) = await Exports([one]).rows("records", format="ndjson", **WINDOW)
    assert row["first_token_ms"] == 4
    assert row["turn"] == "turn 7"
    assert row["attributes"] == {"feature": "search"}


async def test_all_formats_say_the_same() -> None:
    exports = Exports(DETAILS)
    text, lines, parquet = [await exports.rows("records", format=format, **WINDOW) for format in FORMATS]

    for cells, values, typed in zip(text, lines, parquet, strict=True):
        assert list(cells) == list(values) == list(typed)
        for name, value in values.items():
            if isinstance(value, bool):
                assert (cells[name], typed[name]) == (str(value).lower(), value)
            elif name == "attributes":
                assert (typed[name], json.loads(cells[name])) == (value, value)
            elif name == "started_at":
                assert cells[name] == value == typed[name].isoformat().replace("+00:00", "Z")
            elif value is None:
                assert (cells[name], typed[name]) == ("", None)
            elif isinstance(typed[name], Decimal):
                assert cells[name] == value
                assert typed[name] == Decimal(value)
                assert typed[name].as_tuple().exponent == -9
            else:
                assert (cells[name], typed[name]) == (str(value), value)


@pytest.mark.parametrize("format", FORMATS)
async def test_sums_are_the_totals(format: str) -> None:
    totals = (await Api(MONTH).usage("totals { calls inputTokens outputTokens cost credits costs { other } }"))[
        "totals"
    ]
    rows = await Exports(MONTH).rows("records", format=format, **WINDOW)

    assert len(rows) == totals["calls"]
    assert whole(rows, "input_tokens") == totals["inputTokens"]
    assert whole(rows, "output_tokens") == totals["outputTokens"]
    assert whole(rows, "cost") == Decimal(totals["cost"])
    assert whole(rows, "costs_other") == Decimal(totals["costs"]["other"])
    assert whole(rows, "credits") == Decimal(totals["credits"])


async def test_what_a_file_is_called_and_how_long_it_is() -> None:
    exports = Exports(MONTH)
    for format, media_type in {
        "csv": "text/csv; charset=utf-8; header=present",
        "ndjson": "application/x-ndjson",
        "parquet": "application/vnd.apache.parquet",
    }.items():
        answers = [
            await exports.get("records", method=method, format=format, last="P10D") for method in ("GET", "HEAD")
        ]
        for answer in answers:
            assert answer.status_code == 200
            assert answer.headers["content-type"] == media_type
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-usage-graph-rows"] == "34"
            name = f"usage-graph-records-20260405T123000Z-20260415T123000Z.{format}"
            assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answers[0].content
        assert answers[1].content == b""


async def test_without_a_format_it_is_csv() -> None:
    assert (await Exports(MONTH).file("records", **WINDOW)).startswith(b"id,started_at,source,")


async def test_the_window_is_that_of_the_zone() -> None:
    exports = Exports(MONTH)
    for parameters, arguments in [
        (
            {"period": "LAST_MONTH", "timezone": "Asia/Kathmandu"},
            'window: { period: LAST_MONTH }, timezone: "Asia/Kathmandu"',
        ),
        ({"last": "P1D", "timezone": "America/New_York"}, 'window: { last: "P1D" }, timezone: "America/New_York"'),
        (
            {"from": "2026-04-01T00:00:00+02:00", "to": "2026-04-05T00:00:00+02:00"},
            'window: { between: { from: "2026-04-01T00:00:00+02:00", to: "2026-04-05T00:00:00+02:00" } }',
        ),
    ]:
        answer = await Api(MONTH).usage("totals { calls }", arguments)
        rows = await exports.rows("records", **parameters)
        assert len(rows) == answer["totals"]["calls"] > 0


async def test_a_window_without_its_end_ends_now() -> None:
    later = record(started_at=NOW, span_id=b"\7" * 8)
    rows = await Exports([*MONTH, later]).rows("records", **{"from": (NOW - timedelta(days=1)).isoformat()})
    assert [row["started_at"] for row in rows] == sorted(
        one.started_at.isoformat().replace("+00:00", "Z") for one in MONTH if one.started_at >= NOW - timedelta(days=1)
    )


async def test_an_offset_may_lose_its_plus_to_the_url() -> None:
    transported = {"from": "2026-04-01T00:00:00 02:00", "to": "2026-04-05T00:00:00 02:00"}
    plain = {name: text.replace(" ", "+") for name, text in transported.items()}
    exports = Exports(MONTH)
    assert await exports.file("records", **transported) == await exports.file("records", **plain)


@pytest.mark.parametrize(
    ("wanted", "picked"),
    [
        ({"agent": {"eq": "agent-1"}}, lambda one: one.agent == "agent-1"),
        ({"agent": {"isNull": True}, "status": ["ERROR"]}, lambda one: one.agent is None and one.failed),
        ({"search": "CONVERSATION 3"}, lambda one: one.name == "Conversation 3"),
        (
            {"or": [{"user": {"eq": "user-1"}}, {"channel": {"eq": "web"}}]},
            lambda one: one.user_id == "user-1" or one.channel == "web",
        ),
        ({"not": {"source": {"in": ["chat", "agent"]}}}, lambda one: one.source == "memory"),
        (
            {"attributes": [{"key": "team", "value": {"eq": "team 2"}}]},
            lambda one: ("team", "team 2") in one.attributes,
        ),
        ({"model": {"in": []}}, lambda _: False),
        ({}, lambda _: True),
    ],
)
async def test_a_filter_is_graphqls(wanted: dict[str, Any], picked: Any) -> None:
    exports = Exports(DETAILS)
    expected = [one.span_id.hex() for one in sorted(DETAILS, key=lambda one: one.started_at) if picked(one)]
    answer = await exports.get("records", format="ndjson", filter=wanted, **WINDOW)
    assert answer.headers.get("x-usage-graph-rows") == str(len(expected)), answer.text
    assert re.findall(r'"span_id":"(\w+)"', answer.text) == expected


@pytest.mark.parametrize("format", FORMATS)
async def test_nothing_to_export_is_a_file_all_the_same(format: str) -> None:
    answer = await Exports().get("records", format=format, **WINDOW)
    assert answer.status_code == 200
    assert answer.headers["x-usage-graph-rows"] == "0"
    assert await Exports().rows("records", format=format, **WINDOW) == []


def other(one: UsageRecord, project: str) -> UsageRecord:
    return record(project=project, started_at=one.started_at, span_id=one.span_id, agent=f"of {project}")


async def test_a_project_is_exported_alone() -> None:
    exports = Exports([*MONTH, *(other(one, "theirs") for one in MONTH[:5]), other(MONTH[7], "größer")])
    for table in ("records", "series"):
        by = {"by": "AGENT", "top": "100"} if table == "series" else {}
        ours, theirs = [await exports.file(table, project=name, **by, **WINDOW) for name in (None, "theirs")]
        assert b"of theirs" in theirs
        assert b"of " not in ours
        assert b"agent-1" not in theirs
        assert b"of gr\xc3\xb6\xc3\x9fer" in await exports.file(table, project="größer", **by, **WINDOW)
        assert len((await exports.file(table, project="nobody", **by, **WINDOW)).splitlines()) == 1


async def test_a_key_exports_what_it_may_read() -> None:
    records = [*MONTH, *(other(one, "theirs") for one in MONTH[:5])]
    bound = Exports(records, grant=Grant(Access.READ, "k", "default", user="user-3"))
    rows = await bound.rows("records", format="ndjson", **WINDOW)
    assert {row["user"] for row in rows} == {"user-3"}
    assert len(rows) == sum(one.user_id == "user-3" for one in MONTH)
    assert (await bound.get("records", **WINDOW)).headers["x-usage-graph-rows"] == str(len(rows))
    # A filter narrows it, and widens nothing.
    assert await bound.rows("records", filter={"user": {"eq": "user-4"}}, **WINDOW) == []
    everything = {"or": [{"user": {"eq": "user-4"}}, {"user": {"isNull": False}}]}
    assert len(await bound.rows("records", filter=everything, **WINDOW)) == len(rows)
    assert sum(int(row["calls"]) for row in await bound.rows("series", **WINDOW)) == len(rows)

    assert (await bound.refused("records", project="theirs", **WINDOW))[:2] == (403, "FORBIDDEN")
    ingest = Exports(records, grant=Grant(Access.INGEST, "k", "default"))
    assert (await ingest.refused("records", **WINDOW))[:2] == (403, "FORBIDDEN")
