"""A server that is administered while it runs, by GraphQL alone: keys and prices, and what is too much for a minute."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.serving import Server

TOTALS = '{ usage(window: { last: "P1D" }) { totals { calls } } }'
CREATE = """mutation ($input: CreateKeyInput!) {
    createKey(input: $input) { key { id project } secret userErrors { message } }
}"""
REVOKE = "mutation ($id: ID!) { revokeKey(input: { id: $id }) { key { id } userErrors { message } } }"
PRICE = """mutation {
    setPrice(input: { model: "house", input: "1", output: "2" }) { price { project } userErrors { message } }
}"""


def eventually(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


class Caller:
    """Somebody with a key, or without one."""

    def __init__(self, server: Server, secret: str | None = None) -> None:
        self._url = f"{server.http}/graphql"
        self._headers = {} if secret is None else {"authorization": f"Bearer {secret}"}

    def post(self, document: str, **variables: Any) -> httpx.Response:
        asked = {"query": document, "variables": variables}
        return httpx.post(self._url, json=asked, headers=self._headers, timeout=30)

    def data(self, document: str, **variables: Any) -> Any:
        """The one field of an answer."""
        body = self.post(document, **variables).json()
        assert "errors" not in body, body
        (found,) = body["data"].values()
        return found


@pytest.fixture
def served(postgresql: str) -> Any:
    with Server(database_url=postgresql, settings={"USAGE_GRAPH_RATE_LIMIT": "1000"}) as server:
        yield server


def test_a_server_is_administered_by_graphql(served: Server) -> None:
    anyone = Caller(served)
    made = anyone.data(CREATE, input={"scope": "ADMIN", "label": "the first"})
    assert made["key"]["project"] == "default"
    # From the first key on nobody gets in without one.
    assert eventually(lambda: anyone.post("{ __typename }").status_code == 401)
    admin = Caller(served, made["secret"])
    assert admin.data(PRICE) == {"price": {"project": "default"}, "userErrors": []}
    assert admin.data("{ prices { model } }") == [{"model": "house"}]

    read = admin.data(CREATE, input={"scope": "READ"})
    reader = Caller(served, read["secret"])
    assert eventually(lambda: reader.post("{ __typename }").status_code == 200)
    assert reader.post(PRICE).json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"

    # A thousand points a minute, and a question costs a hundred. A refused mutation has cost one, too.
    answers = [reader.post(TOTALS) for _ in range(11)]
    assert [answer.status_code for answer in answers[:9]] == [200] * 9
    refused = answers[-1]
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 6
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["extensions"]["cost"]["perMinute"] == 1000
    # Whoever has another key has points of their own.
    assert admin.post(TOTALS).status_code == 200

    assert admin.data(REVOKE, id=read["key"]["id"])["key"] == {"id": read["key"]["id"]}
    assert eventually(lambda: reader.post("{ __typename }").status_code == 401)
    assert admin.post("{ __typename }").status_code == 200
