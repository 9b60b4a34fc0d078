"""GraphQL over HTTP: what is accepted, and with which status and form it is answered."""

import json
from typing import Any

import pytest

from tests.graph.api import Api

QUERY = "{ __typename }"
CALLS = 'query Q($last: Duration! = "P60D") { usage(window: { last: $last }) { totals { calls } } }'
GRAPHQL_JSON = "application/graphql-response+json"


async def test_post(api: Api) -> None:
    answer = await api.http("POST", json={"query": QUERY, "extensions": {"anything": 1}, "unknown": True})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b'{"data":{"__typename":"Query"},"extensions":{"cost":{"requested":0,"limit":40000}}}'


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
async def test_json_is_accepted_as_people_write_it(api: Api, content_type: str) -> None:
    answer = await api.http("POST", content=json.dumps({"query": QUERY}), headers={"content-type": content_type})
    assert answer.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/graphql"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
    ids=str,
)
async def test_other_content_is_refused(api: Api, headers: dict[str, str]) -> None:
    """Browsers send the first four across origins without asking; none of them is answered."""
    answer = await api.http("POST", content=json.dumps({"query": QUERY}), headers=headers)
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a GraphQL request"),
        (b"{", "not a GraphQL request"),
        (b"nothing", "not a GraphQL request"),
        (b"{}", "missing required field `query`"),
        (b'{"query": 1}', "Expected `str`, got `int` - at `$.query`"),
        (b'{"query": null}', "Expected `str`, got `null` - at `$.query`"),
        (b'{"query": "{ a }", "variables": []}', "at `$.variables`"),
        (b'{"query": "{ a }", "variables": "{}"}', "at `$.variables`"),
        (b'{"query": "{ a }", "operationName": 1}', "at `$.operationName`"),
        (b'{"query": "{ a }", "variables": {"a": NaN}}', "not a GraphQL request"),
        (b'{"query": "\xff"}', "not a GraphQL request"),
        (b'{"query": "{ a }", "variables": {"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}}", "not a GraphQL request"),
        (b'[{"query": "{ __typename }"}]', "one operation per request"),
        (b" \n[]", "one operation per request"),
    ],
    ids=range(14),
)
async def test_a_body_that_is_no_request(api: Api, body: bytes, message: str) -> None:
    answer = await api.http("POST", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert message in error["message"]


@pytest.mark.parametrize("query", ["", " "])
async def test_an_empty_document(api: Api, query: str) -> None:
    answer = await api.http("POST", json={"query": query}, headers={"accept": GRAPHQL_JSON})
    assert answer.status_code == 400


async def test_the_body_is_bounded(api: Api) -> None:
    def padded(size: int) -> bytes:
        start, end = b'{"query": "{ __typename }", "variables": {"a": "', b'"}}'
        return start + b"x" * (size - len(start) - len(end)) + end

    headers = {"content-type": "application/json"}
    assert (await api.http("POST", content=padded(2**20), headers=headers)).status_code == 200
    answer = await api.http("POST", content=padded(2**20 + 1), headers=headers)
    assert answer.status_code == 413
    assert "1048576 bytes" in answer.json()["errors"][0]["message"]


async def test_get(api: Api) -> None:
    answer = await api.http("GET", params={"query": QUERY})
    assert answer.json()["data"] == {"__typename": "Query"}
    variables = {"query": CALLS, "variables": '{"last": "PT8H"}', "operationName": "Q", "extensions": "{}"}
    assert (await api.http("GET", params=variables)).json()["data"] == {"usage": {"totals": {"calls": 1}}}


@pytest.mark.parametrize(
    "params",
    [
        {"query": ""},
        {"query": CALLS, "variables": "{"},
        {"query": CALLS, "variables": "[]"},
        {"query": CALLS, "extensions": "1"},
    ],
    ids=str,
)
async def test_a_get_that_is_no_request(api: Api, params: dict[str, str]) -> None:
    answer = await api.http("GET", params=params, headers={"accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_other_methods_are_refused(api: Api, method: str) -> None:
    answer = await api.http(method, json={"query": QUERY})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_REQUEST"}


@pytest.mark.parametrize(
    ("query", "strict"),
    [(QUERY, 200), ("{", 400), ("{ unknown }", 400), ("mutation { a }", 400), ('{ node(id: "x") { id } }', 200)],
)
async def test_the_status_is_as_the_accepted_form_has_it(api: Api, query: str, strict: int) -> None:
    answer = await api.http(
        "POST", json={"query": query}, headers={"accept": f"{GRAPHQL_JSON}, application/json;q=0.9"}
    )
    assert answer.headers["content-type"] == GRAPHQL_JSON
    assert answer.status_code == strict
    assert ("data" in answer.json()) is (strict == 200)
    for accept in ("application/json", "*/*"):
        answer = await api.http("POST", json={"query": query}, headers={"accept": accept})
        assert answer.headers["content-type"] == "application/json"
        assert answer.status_code == 200


async def test_a_variable_that_cannot_be_read_is_a_request_error(api: Api) -> None:
    request = {"query": CALLS, "variables": {"last": "x"}}
    answer = await api.http("POST", json=request, headers={"accept": GRAPHQL_JSON})
    assert answer.status_code == 400
    assert "data" not in answer.json()


async def test_a_field_that_fails_is_not_a_request_error(api: Api) -> None:
    request = {"query": '{ usage(window: { last: "P9999Y" }) { totals { calls } } }'}
    answer = await api.http("POST", json=request, headers={"accept": GRAPHQL_JSON})
    assert answer.status_code == 200
    assert answer.json()["data"] is None


@pytest.mark.parametrize("name", [b"other", b" other ", "größer".encode(), b"x" * 256])
async def test_projects_are_named_by_a_header(api: Api, name: bytes) -> None:
    answer = await api.http("POST", json={"query": CALLS}, headers=[(b"x-usage-graph-project", name)])
    assert answer.json()["data"] == {"usage": {"totals": {"calls": 0}}}


@pytest.mark.parametrize("name", [b"", b"  ", b"\xff", b"a\tb", b"x" * 257, "a\u200b".encode()])
async def test_a_header_that_names_no_project_is_refused(api: Api, name: bytes) -> None:
    answer = await api.http("POST", json={"query": CALLS}, headers=[(b"x-usage-graph-project", name)])
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["message"].startswith("x-usage-graph-project ")
    assert api.reader.opened == 0


async def test_a_surrogate_half_in_a_variable_is_refused(api: Api) -> None:
    document = 'query ($s: String) { usage(window: { last: "P1D" }, filter: { search: $s }) { totals { calls } } }'
    body = json.dumps({"query": document, "variables": {"s": "\ud800"}})
    answer = await api.http("POST", content=body, headers={"content-type": "application/json"})
    found: dict[str, Any] = answer.json()
    assert found["errors"]
    assert api.reader.opened == 0
