"""What admins change by GraphQL, over the real store; and that nobody else changes, or sees, any of it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.graph.api import NOW, Api
from tests.store.database import connected
from usage_graph.grant import OPEN, Access, Grant
from usage_graph.graph.schema import schema
from usage_graph.keys import Keys
from usage_graph.store.administration import Administration, open_administration
from usage_graph.store.keys import open_key_reader
from usage_graph.store.prices import list_prices

OURS = Grant(Access.ADMIN, key="ours", project="ours")
ERRORS = "userErrors { field message code }"
PRICE = "project model provider since input output cacheRead cacheWrite cacheWrite1h reasoning perCall"
PLAN = "since period timezone included price"
RULE = "model channel since perCall per1kTokens"
KEY = "id scope project user agent label createdAt expiresAt revokedAt"
OBJECTS = {
    "setPrice": f"price {{ {PRICE} }}",
    "removePrice": f"price {{ {PRICE} }}",
    "setCreditPlan": f"creditPlan {{ {PLAN} }}",
    "removeCreditPlan": f"creditPlan {{ {PLAN} }}",
    "setCreditRule": f"creditRule {{ {RULE} }}",
    "removeCreditRule": f"creditRule {{ {RULE} }}",
    "createKey": f"key {{ {KEY} }} secret",
    "revokeKey": f"key {{ {KEY} }}",
}
INPUTS: dict[str, dict[str, Any]] = {
    "setPrice": {"model": "house", "perCall": "1"},
    "removePrice": {"model": "house"},
    "setCreditPlan": {"period": "MONTH", "included": "1", "price": "1"},
    "removeCreditPlan": {},
    "setCreditRule": {"perCall": "1"},
    "removeCreditRule": {},
    "createKey": {"scope": "READ"},
    "revokeKey": {"id": "x"},
}
QUERIES = {
    "prices": PRICE,
    "creditPlans": PLAN,
    "creditRules": RULE,
    "keys": KEY,
}


def document(mutation: str) -> str:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {{ {OBJECTS[mutation]} {ERRORS} }} }}"


class Admin:
    """Somebody with a grant, and the store."""

    def __init__(self, administration: Administration) -> None:
        self.api = Api(administration=administration)

    async def change(
        self, mutation: str, *, grant: Grant = OURS, project: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """The payload."""
        self.api.app.grant = grant
        body = await self.api.ask(document(mutation), {"input": fields}, project=project)
        assert "errors" not in body, body["errors"]
        payload: dict[str, Any] = body["data"][mutation]
        done = next(value for name, value in payload.items() if name not in ("userErrors", "secret"))
        assert bool(payload["userErrors"]) == (done is None)
        return payload

    async def wrong(self, mutation: str, **fields: Any) -> list[tuple[list[str], str]]:
        """What is wrong with an input: the path to it, without ``input``, and the code."""
        errors = (await self.change(mutation, **fields))["userErrors"]
        assert all(error["field"][0] == "input" and error["message"] for error in errors)
        return [(error["field"][1:], error["code"]) for error in errors]

    async def see(self, field: str, *, grant: Grant = OURS, project: str | None = None) -> list[dict[str, Any]]:
        self.api.app.grant = grant
        name = field.partition("(")[0]
        data = await self.api.data(f"{{ {field} {{ {QUERIES[name]} }} }}", project=project)
        found: list[dict[str, Any]] = data[name]
        return found


@pytest.fixture
async def admin(database: str) -> AsyncIterator[Admin]:
    async with open_administration(database) as administration:
        yield Admin(administration)


def test_every_mutation_is_tested() -> None:
    fields = schema._schema.mutation_type
    assert fields is not None
    assert set(fields.fields) == set(OBJECTS) == set(INPUTS)


async def test_a_price_is_set_seen_replaced_and_removed(admin: Admin) -> None:
    fields: dict[str, Any] = {
        "model": "House-Model",
        "provider": "azure.ai.openai",
        "since": "2026-03-01T00:00:00+01:00",
    }
    rates: dict[str, Any] = {"input": "3", "output": "15", "cacheRead": "0.30", "cacheWrite1h": 6, "reasoning": "0"}
    price = (await admin.change("setPrice", **fields, **rates))["price"]
    wanted = {
        "project": "ours",
        "model": "house-model",
        "provider": "azure",
        "since": "2026-02-28T23:00:00Z",
        "input": "3",
        "output": "15",
        "cacheRead": "0.3",
        "cacheWrite": None,
        "cacheWrite1h": "6",
        "reasoning": "0",
        "perCall": "0",
    }
    assert price == wanted
    assert await admin.see("prices") == [wanted]
    again = (await admin.change("setPrice", **fields, perCall="0.5"))["price"]
    assert again == {**dict.fromkeys(wanted), **{k: wanted[k] for k in ("project", "model", "provider", "since")}} | {
        "input": "0",
        "output": "0",
        "perCall": "0.5",
    }
    assert await admin.see("prices") == [again]
    # Another time, or none, is another price.
    for other in ({**fields, "since": None}, {**fields, "provider": None}, {**fields, "model": "house"}):
        assert await admin.wrong("removePrice", **other) == [([], "NOT_FOUND")]
    assert (await admin.change("removePrice", **fields))["price"] == again
    assert await admin.see("prices") == []


@pytest.mark.parametrize(
    ("mutation", "fields", "wrong"),
    [
        ("setPrice", {"model": "m", "input": "3"}, [["output"]]),
        ("setPrice", {"model": "m"}, [["input"], ["output"]]),
        (
            "setPrice",
            {"model": "a*b", "provider": " ", "input": "-1", "output": "1", "cacheWrite1h": "0.0000000000001"},
            [["input"], ["cacheWrite1h"], ["model"], ["provider"]],
        ),
        ("setPrice", {"model": "a\0b", "perCall": "1"}, [["model"]]),
        ("setPrice", {"model": "m" * 257, "perCall": "1"}, [["model"]]),
        ("removePrice", {"model": ""}, [["model"]]),
        ("setCreditPlan", {"period": "MONTH", "included": "-1", "price": "1"}, [["included"]]),
        ("setCreditPlan", {"period": "MONTH", "included": "1", "price": "10000000"}, [["price"]]),
        (
            "setCreditPlan",
            {"period": "DAY", "included": "1", "price": "1", "since": "2026-03-01T00:07:00Z"},
            [["since"]],
        ),
        ("setCreditRule", {}, [["perCall"]]),
        ("setCreditRule", {"model": "a*b", "perCall": "1"}, [["model"]]),
        ("setCreditRule", {"channel": "\n", "perCall": "1"}, [["channel"]]),
        ("setCreditRule", {"per1kTokens": "-1"}, [["per1kTokens"]]),
        ("removeCreditRule", {"model": " "}, [["model"]]),
        ("createKey", {"scope": "READ", "label": " "}, [["label"]]),
        ("createKey", {"scope": "READ", "user": "u" * 257}, [["user"]]),
        ("createKey", {"scope": "INGEST", "agent": "a"}, [[]]),
        ("createKey", {"scope": "READ", "expiresAt": NOW.isoformat()}, [["expiresAt"]]),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_changed(
    admin: Admin, mutation: str, fields: dict[str, Any], wrong: list[list[str]]
) -> None:
    assert await admin.wrong(mutation, **fields) == [(path, "INVALID") for path in wrong]
    for field in QUERIES:
        assert await admin.see(field) == []


async def test_messages_say_what_to_do_without_naming_the_field_twice(admin: Admin) -> None:
    payload = await admin.change("setPrice", model="m", input="3")
    assert payload["userErrors"] == [
        {"field": ["input", "output"], "message": "Missing; say 0 if it costs nothing.", "code": "INVALID"}
    ]


async def test_what_is_not_there_cannot_be_removed(admin: Admin) -> None:
    assert await admin.wrong("removePrice", model="m") == [([], "NOT_FOUND")]
    assert await admin.wrong("removeCreditPlan") == [(["since"], "NOT_FOUND")]
    assert await admin.wrong("removeCreditRule") == [([], "NOT_FOUND")]
    assert await admin.wrong("revokeKey", id="nobody\0") == [(["id"], "NOT_FOUND")]


async def test_credit_plans(admin: Admin) -> None:
    fields: dict[str, Any] = {"period": "MONTH", "included": "1000.5", "price": "0.01"}
    first: dict[str, Any] = {**fields, "since": None, "timezone": "UTC"}
    assert (await admin.change("setCreditPlan", **fields))["creditPlan"] == first
    later: dict[str, Any] = {**fields, "since": "2026-03-01T00:00:00Z", "timezone": "Asia/Kathmandu"}
    assert (await admin.change("setCreditPlan", **later))["creditPlan"] == later
    assert await admin.see("creditPlans") == [first, later]
    changed: dict[str, Any] = {**first, "included": "2"}
    await admin.change("setCreditPlan", **changed)
    assert await admin.see("creditPlans") == [changed, later]
    assert (await admin.change("removeCreditPlan"))["creditPlan"] == changed
    assert await admin.see("creditPlans") == [later]
    assert (await admin.change("removeCreditPlan", since=later["since"]))["creditPlan"] == later
    assert await admin.see("creditPlans") == []


async def test_credit_rules(admin: Admin) -> None:
    rule: dict[str, Any] = {"model": "gpt-4o*", "channel": "web", "since": None, "perCall": "1", "per1kTokens": "0.25"}
    assert (await admin.change("setCreditRule", **rule | {"model": " GPT-4o* "}))["creditRule"] == rule
    every: dict[str, Any] = {**dict.fromkeys(rule), "perCall": "2"}
    await admin.change("setCreditRule", perCall=2)
    assert sorted(await admin.see("creditRules"), key=str) == sorted([rule, every], key=str)
    assert (await admin.change("removeCreditRule"))["creditRule"] == every
    assert await admin.see("creditRules") == [rule]
    assert (await admin.change("removeCreditRule", model="GPT-4O*", channel="web"))["creditRule"] == rule


async def test_keys_open_what_they_are_made_for_until_they_are_revoked(admin: Admin, database: str) -> None:
    expires = (NOW + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    payload = await admin.change("createKey", scope="READ", label="dashboard", user="ann", expiresAt=expires)
    key, secret = payload["key"], payload["secret"]
    assert key | {"id": "", "createdAt": ""} == {
        **dict.fromkeys(key),
        "id": "",
        "createdAt": "",
        "scope": "READ",
        "project": "ours",
        "user": "ann",
        "label": "dashboard",
        "expiresAt": expires,
    }
    assert await admin.see("keys") == [key]
    assert secret not in str(await admin.see("keys"))
    keys = Keys(dsn=database, api_key=None, clock=lambda: NOW)
    async with open_key_reader(database) as reader:
        await keys.look(reader)
        assert keys.grant(secret) == Grant(Access.READ, key["id"], "ours", "ann", expires_at=NOW + timedelta(days=1))
        revoked = (await admin.change("revokeKey", id=key["id"]))["key"]
        assert revoked == key | {"revokedAt": revoked["revokedAt"]}
        assert revoked["revokedAt"] is not None
        await keys.look(reader)
    with pytest.raises(Exception, match="been revoked"):
        keys.grant(secret)
    assert await admin.wrong("revokeKey", id=key["id"]) == [(["id"], "NOT_FOUND")]


async def test_a_key_does_not_outlive_the_one_that_makes_it(admin: Admin) -> None:
    end = NOW + timedelta(days=1)
    ending = OURS._replace(expires_at=end)
    too_late = (end + timedelta(microseconds=1)).isoformat()
    assert await admin.wrong("createKey", grant=ending, scope="ADMIN", expiresAt=too_late) == [
        (["expiresAt"], "INVALID")
    ]
    assert await admin.see("keys") == []
    ends = end.isoformat().replace("+00:00", "Z")
    sooner = NOW.replace(hour=NOW.hour + 1).isoformat().replace("+00:00", "Z")
    for wanted, got in (({}, ends), ({"expiresAt": ends}, ends), ({"expiresAt": sooner}, sooner)):
        made = await admin.change("createKey", grant=ending, scope="ADMIN", **wanted)
        assert made["key"]["expiresAt"] == got
    assert (await admin.change("createKey", scope="ADMIN"))["key"]["expiresAt"] is None


async def test_an_operator_sets_for_the_request_s_project_or_for_all(admin: Admin) -> None:
    await admin.change("setPrice", grant=OPEN, project="ours", model="house", perCall="1")
    await admin.change("setPrice", grant=OPEN, project="theirs", model="house", perCall="2")
    await admin.change("setPrice", grant=OPEN, project="theirs", model="house", perCall="3", allProjects=True)

    async def prices(**who: Any) -> list[tuple[str | None, str]]:
        return [(price["project"], price["perCall"]) for price in await admin.see("prices", **who)]

    assert await prices() == [(None, "3"), ("ours", "1")]
    assert await prices(grant=OPEN, project="theirs") == [(None, "3"), ("theirs", "2")]
    assert await prices(grant=OPEN) == [(None, "3")]
    # A project's admin sees those of all, and leaves them as they are.
    assert await admin.wrong("setPrice", model="house", perCall="9", allProjects=True) == [
        (["allProjects"], "NOT_ALLOWED")
    ]
    assert await admin.wrong("removePrice", model="house", allProjects=True) == [(["allProjects"], "NOT_ALLOWED")]
    assert (await admin.change("removePrice", model="house"))["price"]["perCall"] == "1"
    assert await prices() == [(None, "3")]
    removed = await admin.change("removePrice", grant=OPEN, model="house", allProjects=True)
    assert removed["price"]["perCall"] == "3"


async def test_only_operators_make_and_see_operators_keys(admin: Admin) -> None:
    assert await admin.wrong("createKey", scope="ADMIN", allProjects=True) == [(["allProjects"], "NOT_ALLOWED")]
    assert await admin.wrong("createKey", grant=OPEN, scope="READ", allProjects=True) == [([], "INVALID")]
    operators = (await admin.change("createKey", grant=OPEN, scope="ADMIN", allProjects=True))["key"]
    assert operators["project"] is None
    theirs = (await admin.change("createKey", grant=OPEN, project="theirs", scope="INGEST"))["key"]
    assert await admin.see("keys") == []
    assert await admin.see("keys", grant=OPEN, project="theirs") == [theirs]
    found = await admin.see("keys(allProjects: true)", grant=OPEN)
    assert {key["id"] for key in found} == {operators["id"], theirs["id"]}
    admin.api.app.grant = OURS
    assert await admin.api.code("{ keys(allProjects: true) { id } }") == "FORBIDDEN"
    for key in (operators, theirs):
        assert await admin.wrong("revokeKey", id=key["id"]) == [(["id"], "NOT_FOUND")]
    assert (await admin.change("revokeKey", grant=OPEN, id=theirs["id"]))["key"]["id"] == theirs["id"]


async def test_nothing_of_another_project_is_seen_or_touched(admin: Admin) -> None:
    theirs = Grant(Access.ADMIN, key="theirs", project="theirs")
    await admin.change("setPrice", grant=theirs, **INPUTS["setPrice"])
    await admin.change("setCreditPlan", grant=theirs, **INPUTS["setCreditPlan"])
    await admin.change("setCreditRule", grant=theirs, **INPUTS["setCreditRule"])
    key = (await admin.change("createKey", grant=theirs, **INPUTS["createKey"]))["key"]
    for mutation in ("removePrice", "removeCreditPlan", "removeCreditRule"):
        assert [code for _, code in await admin.wrong(mutation, **INPUTS[mutation])] == ["NOT_FOUND"]
    assert await admin.wrong("revokeKey", id=key["id"]) == [(["id"], "NOT_FOUND")]
    for field in QUERIES:
        assert await admin.see(field) == []
        assert len(await admin.see(field, grant=theirs)) == 1
    # Nor by naming it.
    admin.api.app.grant = OURS
    body = await admin.api.ask("{ prices { model } }", project="theirs")
    assert body["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("access", [Access.READ, Access.INGEST])
async def test_whoever_is_no_admin_changes_and_sees_nothing(postgresql: str, access: Access) -> None:
    async with open_administration(postgresql) as administration:
        admin = Admin(administration)
        admin.api.app.grant = Grant(access, key="k", project="ours")
        for mutation, fields in INPUTS.items():
            body = await admin.api.ask(document(mutation), {"input": fields})
            assert [error["extensions"]["code"] for error in body["errors"]] == ["FORBIDDEN"], mutation
            assert body["data"] is None
        for field, selection in QUERIES.items():
            assert await admin.api.code(f"{{ {field} {{ {selection} }} }}") == "FORBIDDEN"
        for field in QUERIES:
            assert await admin.see(field) == []


@pytest.mark.parametrize("mutation", list(INPUTS))
async def test_a_get_or_a_stream_changes_nothing(postgresql: str, mutation: str) -> None:
    asked = document(mutation).replace("($input", "M($input")
    async with open_administration(postgresql) as administration:
        admin = Admin(administration)
        parameters = {"query": asked, "variables": json.dumps({"input": INPUTS[mutation]})}
        answer = await admin.api.http("GET", params=parameters, headers={"accept": "application/json"})
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"
        assert error["message"].startswith("Mutations are sent with POST")
        stream = await admin.api.http(
            "POST",
            json={"query": asked, "variables": {"input": INPUTS[mutation]}},
            headers={"accept": "text/event-stream"},
        )
        assert "Mutations are sent with POST" in stream.text
        for field in QUERIES:
            assert await admin.see(field, grant=OPEN) == []


async def test_several_changes_of_one_request_are_made_in_their_order(admin: Admin) -> None:
    admin.api.app.grant = OURS
    set_ = 'setPrice(input: { model: "house", perCall: $cost }) { price { perCall } }'
    texts = [f"a{n}: {set_}".replace("$cost", str(n)) for n in range(5)]
    removal = 'gone: removePrice(input: { model: "house" }) { price { perCall } userErrors { code } }'
    data = await admin.api.data(f"mutation {{ {' '.join(texts)} {removal} }}")
    assert data["gone"] == {"price": {"perCall": "4"}, "userErrors": []}
    assert await admin.see("prices") == []


async def test_a_database_that_is_away_is_an_error_not_a_user_s() -> None:
    async with open_administration("postgresql://nobody@127.0.0.1:1/none") as administration:
        admin = Admin(administration)
        for mutation in ("setPrice", "createKey"):
            assert await admin.api.code(document(mutation), {"input": INPUTS[mutation]}) == "UNAVAILABLE"
        assert await admin.api.code("{ prices { model } }") == "UNAVAILABLE"


async def test_what_was_set_is_what_the_command_line_sees(postgresql: str) -> None:
    async with open_administration(postgresql) as administration, connected(postgresql) as connection:
        admin = Admin(administration)
        await admin.change("setPrice", model="house", perCall="1")
        (price,) = await list_prices(connection)
        assert (price.project, price.model, price.per_call) == ("ours", "house", Decimal(1))
