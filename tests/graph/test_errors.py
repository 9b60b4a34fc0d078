"""Every error says what was wrong and carries a code; nothing of the inside gets out."""

import json
import logging
from datetime import timedelta

import pytest

from tests.graph.api import NOW, Api
from usage_graph.errors import QueryTimeout, QueryUnavailable
from usage_graph.graph.cursors import write_global_id

CALLS = "totals { calls }"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ('window: { last: "7 days" }', "BAD_WINDOW", "'7 days' is not a duration: write ISO 8601"),
        ("window: { last: 7 }", "BAD_WINDOW", "7 is not a Duration"),
        ('window: { last: "P9999Y" }', "BAD_WINDOW", "The window begins before the calendar does"),
        (
            'window: { between: { from: "2026-03-01T00:00:00", to: "2026-03-02T00:00:00Z" } }',
            "BAD_WINDOW",
            "'2026-03-01T00:00:00' is not a DateTime: write RFC 3339 with seconds and an offset",
        ),
        (
            'window: { between: { from: "2026-03-02T00:00:00Z", to: "2026-03-02T00:00:00Z" } }',
            "BAD_WINDOW",
            "The window is empty: `from` (2026-03-02T00:00:00+00:00) must be before `to`",
        ),
        ("window: { }", "GRAPHQL_VALIDATION_FAILED", "exactly one"),
        (
            'window: { last: "P1D", period: TODAY }',
            "GRAPHQL_VALIDATION_FAILED",
            "exactly one",
        ),
        ("window: { period: NEXT_WEEK }", "GRAPHQL_VALIDATION_FAILED", "NEXT_WEEK"),
        ('window: { period: TODAY }, timezone: "+01:00"', "BAD_TIMEZONE", "'+01:00' is not an IANA time zone"),
        ("window: { period: TODAY }, timezone: null", "GRAPHQL_VALIDATION_FAILED", "null"),
    ],
)
async def test_literals(api: Api, arguments: str, code: str, message: str) -> None:
    errors = await api.refused(f"{{ usage({arguments}) {{ {CALLS} }} }}")
    assert errors[0][0] == code
    assert message in errors[0][1]
    assert api.reader.opened == 0


@pytest.mark.parametrize(
    ("variables", "code", "message"),
    [
        ({"window": {"last": "7 days"}}, "BAD_WINDOW", "'7 days' is not a duration"),
        ({"window": {"last": 7}}, "BAD_WINDOW", "7 is not a Duration"),
        ({"window": {"between": {"from": "2026-03-01", "to": "x"}}}, "BAD_WINDOW", "'2026-03-01' is not a DateTime"),
        ({"window": {}}, "BAD_USER_INPUT", "xactly one"),
        ({"window": {"last": "P1D", "period": "TODAY"}}, "BAD_USER_INPUT", "xactly one"),
        ({"window": {"last": None}}, "BAD_USER_INPUT", "non-null"),
        ({"window": {"period": "NEXT_WEEK"}}, "BAD_USER_INPUT", "NEXT_WEEK"),
        ({"window": {"first": 1}}, "BAD_USER_INPUT", "first"),
        ({"window": "P1D"}, "BAD_USER_INPUT", "WindowInput"),
        ({}, "BAD_USER_INPUT", "$window"),
        ({"window": {"last": "P1D"}, "timezone": "Berlin"}, "BAD_TIMEZONE", "'Berlin' is not an IANA time zone"),
        ({"window": {"last": "P1D"}, "filter": {"source": {"like": "x"}}}, "BAD_USER_INPUT", "like"),
        ({"window": {"last": "P1D"}, "filter": {"source": {"eq": 1}}}, "BAD_USER_INPUT", "String"),
        ({"window": {"last": "P1D"}, "filter": {"status": ["MAYBE"]}}, "BAD_USER_INPUT", "MAYBE"),
        ({"window": {"last": "P1D"}, "filter": {"source": {"in": [None]}}}, "BAD_USER_INPUT", "null"),
        ({"window": {"last": "P1D"}, "first": 2**31}, "BAD_USER_INPUT", "Int"),
    ],
)
async def test_variables(api: Api, variables: dict[str, object], code: str, message: str) -> None:
    document = f"""query ($window: WindowInput!, $timezone: TimeZone! = "UTC", $filter: UsageFilter, $first: Int = 1) {{
      usage(window: $window, timezone: $timezone, filter: $filter) {{ records(first: $first) {{ totalCount }} {CALLS} }}
    }}"""
    errors = await api.refused(document, variables)
    assert errors[0][0] == code
    assert message in errors[0][1]
    assert api.reader.opened == 0


@pytest.mark.parametrize(
    ("selection", "code", "message"),
    [
        ("series(top: 0) { bucket }", "BAD_USER_INPUT", "`top` must be at least 1, not 0."),
        ("series(top: 101) { bucket }", "LIMIT_EXCEEDED", "`top` may be at most 100, not 101."),
        ("breakdown(by: USER, first: -1) { other { key } }", "BAD_USER_INPUT", "`first` must be at least 1, not -1."),
        ("breakdown(by: USER, first: 101) { other { key } }", "LIMIT_EXCEEDED", "`first` may be at most 100, not 101."),
        ("topConsumers(first: 0) { key }", "BAD_USER_INPUT", "`first` must be at least 1, not 0."),
        ("topConsumers(first: 1000) { key }", "LIMIT_EXCEEDED", "`first` may be at most 100, not 1000."),
        ("series(bucket: FIFTEEN_MINUTES) { bucket }", "TOO_MANY_POINTS", "More than 2000 points"),
    ],
)
async def test_what_a_field_refuses(api: Api, selection: str, code: str, message: str) -> None:
    body = await api.ask(f'{{ usage(window: {{ last: "P60D" }}) {{ {CALLS} {selection} }} }}')
    (error,) = body["errors"]
    assert body["data"] is None
    assert error["extensions"] == {"code": code}
    assert error["message"].startswith(message)
    assert error["path"][0] == "usage"
    assert error["locations"]


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ("{ usage", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("{ usages }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'usages'"),
        ("{ usage { totals { calls } } }", "GRAPHQL_VALIDATION_FAILED", "window"),
        ("# nothing", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        (" ", "GRAPHQL_PARSE_FAILED", "Syntax Error"),
        ("fragment F on Usage { __typename }", "OPERATION_RESOLUTION_FAILURE", "The document has no operation"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE", "several operations"),
        ("mutation { record }", "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'record'"),
        ("subscription { usage }", "OPERATION_RESOLUTION_FAILURE", "Subscriptions are answered over a WebSocket"),
    ],
)
async def test_documents(api: Api, document: str, code: str, message: str) -> None:
    errors = await api.refused(document)
    assert errors[0][0] == code
    assert message in errors[0][1]


async def test_an_operation_is_chosen_by_name(api: Api) -> None:
    document = "query A { a: __typename } query B { b: __typename }"
    answer = await api.http("POST", json={"query": document, "operationName": "B"})
    assert answer.json()["data"] == {"b": "Query"}
    answer = await api.http("POST", json={"query": document, "operationName": "C"})
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"
    assert "'C'" in error["message"]


async def test_internal_errors_are_masked_and_logged_under_their_id(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    secret = 'column "cost" of /var/lib/postgresql/usage_record'

    async def fail(_: str) -> None:
        raise RuntimeError(secret)

    api.reader.before = fail
    with caplog.at_level(logging.ERROR):
        body = await api.ask(f'{{ usage(window: {{ last: "P1D" }}) {{ {CALLS} }} }}')
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert error["path"] == ["usage", "totals"]
    assert "postgresql" not in json.dumps(body)
    id = error["message"].removeprefix("Internal error, id ").split(":")[0]
    (logged,) = caplog.records
    assert logged.name == "usage_graph.graph.failures"
    assert logged.getMessage() == f"Internal error {id} at usage.totals"
    assert logged.exc_info is not None
    assert secret in str(logged.exc_info[1])
    assert api.reader.open == 0


async def test_a_broken_clock_is_masked_too(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    del api.now
    answer = await api.http("POST", json={"query": "{ __typename }"}, headers={"accept": "application/json"})
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL"}
    assert "now" not in error["message"].split()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("error", [QueryTimeout("It took too long."), QueryUnavailable("The database is away.")])
async def test_the_stores_own_errors_are_passed_on(
    api: Api, error: QueryTimeout | QueryUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: str) -> None:
        raise error

    api.reader.before = fail
    document = f'{{ usage(window: {{ last: "P1D" }}) {{ {CALLS} }} }}'
    assert await api.refused(document) == [(error.code, str(error))]
    assert caplog.records == []


async def test_a_nullable_field_fails_alone(api: Api) -> None:
    async def fail(_: str) -> None:
        raise QueryUnavailable("The database is away.")

    api.reader.before = fail
    id = write_global_id("UsageRecord", NOW - timedelta(days=1), 1)
    body = await api.ask(f'{{ __typename node(id: "{id}") {{ id }} }}')
    assert body["data"] == {"__typename": "Query", "node": None}
    assert body["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
