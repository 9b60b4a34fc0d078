"""Nothing of another project, or of another user, is reachable: by no field, id, cursor, filter, export or error text.

Everything that others sent says so in each of its texts. Fields, arguments and exports are taken from the schema and
the routes, so that what is added to them is tried, too; whoever adds something that cannot be asked for by what is
known here is told.
"""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

import httpx
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)

from tests.conftest import fresh
from tests.export.exports import FORMATS, parsed
from tests.otlp import PROTOBUF, Value, call, request
from tests.serving import Server
from tests.store.database import connected
from usage_graph.grant import Access
from usage_graph.graph.export.formats import Format
from usage_graph.graph.export.parameters import Table
from usage_graph.graph.schema import sdl
from usage_graph.store.keys import create_key

SCHEMA = build_schema(sdl())

MINE, THEIRS = "apple-project", "zebra-project"


def object_type(name: str) -> GraphQLObjectType:
    found = SCHEMA.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return found


QUERY, USAGE = object_type("Query"), object_type("Usage")

OTHER = {"reader": ("zebra",), "admin": ("zebra",), "bound": ("zebra", "yak")}
"""What answers to each caller must not hold: zebra is another project, yak another user of the same."""
TOKENS = {"apple": 11, "yak": 5_550_123, "zebra": 7_654_321}
_now = datetime.now(UTC)
BETWEEN = f'{{between: {{from: "{_now - timedelta(days=1):%FT%TZ}", to: "{_now + timedelta(days=1):%FT%TZ}"}}}}'
WINDOW = f"window: {BETWEEN}"

TEXTS = (
    *("source", "name", "agent", "conversation", "user", "channel", "service", "environment", "provider"),
    *("request-model", "response-model", "error", "scope", "team"),
)
"""What is told of each caller's calls, and must be found by whoever may see them."""

REQUIRED = {("window", "WindowInput"): BETWEEN}
"""How arguments are given that must be, by name and type; those of an enum take each of its values."""


def spans_of(whose: str, number: int) -> list[Any]:
    """Two calls; the first in a conversation that all have. Other callers' have the same trace and span ids."""
    texts: dict[str, Any] = {
        **{f"usage_graph.{name}": f"{whose}-{name}" for name in ("source", "name", "agent", "user", "channel")},
        "gen_ai.provider.name": f"{whose}-provider",
        "gen_ai.request.model": f"{whose}-request-model",
        "error.type": f"{whose}-error",
        "gen_ai.usage.input_tokens": TOKENS[whose],
        "usage_graph.credits": 1,
        "team": f"{whose}-team",
    }
    start = time.time_ns() - 60 * 10**9
    return [
        call(number, {**texts, "usage_graph.conversation": "shared"}, start_ns=start),
        call(
            number + 1,
            {
                **texts,
                "usage_graph.conversation": f"{whose}-conversation",
                "gen_ai.response.model": f"{whose}-response-model",
            },
            start_ns=start + 10**9,
        ),
    ]


def request_of(whose: str, number: int) -> bytes:
    resource = {"service.name": f"{whose}-service", "deployment.environment.name": f"{whose}-environment"}
    message = request(spans_of(whose, number), resource=resource)
    unknown = message.resource_spans[0].scope_spans.add()
    unknown.scope.name = f"{whose}-scope"
    odd = call(number + 2)
    del odd.attributes[:]
    odd.attributes.add(key="odd.input_tokens").value.int_value = 5
    odd.attributes.add(key="odd.output_tokens").value.int_value = 5
    unknown.spans.append(odd)
    return message.SerializeToString()


PROPERTY = [
    'mutation { setPrice(input: {model: "zebra-priced", perCall: "7654321"}) { userErrors { message } } }',
    "mutation { setCreditPlan(input: {period: MONTH, included: 7654321, price: 7654321}) { userErrors { message } } }",
    'mutation { setCreditRule(input: {model: "zebra-ruled", perCall: 7654321}) { userErrors { message } } }',
]
"""What another project has besides its calls."""
OWN_PLAN = "mutation { setCreditPlan(input: {period: MONTH, included: 1000, price: 1}) { userErrors { message } } }"


class World(NamedTuple):
    """A server, two projects in it, and who asks."""

    server: Server
    keys: Mapping[str, str]

    def headers(self, who: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[who]}"}

    def ask(self, who: str, document: str) -> str:
        """The whole answer, as it is sent."""
        answer = httpx.post(
            f"{self.server.http}/graphql", json={"query": document}, headers=self.headers(who), timeout=60
        )
        assert answer.status_code in (200, 400), answer.text
        return answer.text

    def data(self, who: str, document: str) -> dict[str, Any]:
        answer = json.loads(self.ask(who, document))
        assert "errors" not in answer, (document, answer)
        found: dict[str, Any] = answer["data"]
        return found

    def send(self, who: str, body: bytes) -> None:
        headers = {**PROTOBUF, **self.headers(who)}
        assert httpx.post(f"{self.server.http}/v1/traces", content=body, headers=headers).status_code == 200


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    async def made(dsn: str) -> dict[str, str]:
        async with connected(dsn) as connection:
            wanted: dict[str, dict[str, Any]] = {
                "apple": {"access": Access.ADMIN, "project": MINE},
                "sender": {"access": Access.INGEST, "project": MINE},
                "reader": {"access": Access.READ, "project": MINE},
                "admin": {"access": Access.ADMIN, "project": MINE},
                "bound": {"access": Access.READ, "project": MINE, "user": "apple-user"},
                "yak": {"access": Access.READ, "project": MINE, "user": "yak-user"},
                "zebra": {"access": Access.ADMIN, "project": THEIRS, "label": "zebra-label"},
            }
            return {name: (await create_key(connection, **what))[1] for name, what in wanted.items()}

    with fresh(request, "postgresql") as dsn:
        keys = asyncio.run(made(dsn))
        with Server(database_url=dsn, settings={"USAGE_GRAPH_ATTRIBUTES": "team"}) as server:
            found = World(server, keys)
            for document in PROPERTY:
                found.data("zebra", document)
            found.data("apple", OWN_PLAN)
            found.send("sender", request_of("apple", 10))
            found.send("sender", request_of("yak", 20))
            found.send("zebra", request_of("zebra", 10))
            deadline = time.monotonic() + 20
            while "zebra-scope" not in found.ask("zebra", "{ ingestHealth { unrecognisedBy { scope } } }"):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            yield found


@pytest.fixture(params=OTHER)
def who(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def check(who: str, text: str) -> None:
    """Fails where ``text``, which was answered to ``who``, tells of others."""
    for whose in OTHER[who]:
        assert whose not in text, text
        assert str(TOKENS[whose]) not in text, text


# --- every field, with every value of every enum


def given(field: GraphQLField) -> Iterator[str]:
    """Ways to give a field its arguments: the least there must be, then each value of each enum."""

    def values(argument: GraphQLArgument) -> list[str]:
        type_ = get_named_type(argument.type)
        return list(type_.values) if isinstance(type_, GraphQLEnumType) else []

    least: dict[str, str] = {}
    for name, argument in field.args.items():
        if is_required_argument(argument):
            type_ = get_named_type(argument.type).name
            chosen = values(argument)[0] if values(argument) else REQUIRED.get((name, type_))
            assert chosen is not None, f"say in REQUIRED how {name}: {type_} is given"
            least[name] = chosen
    ways = [least]
    for name, argument in field.args.items():
        ways += [{**least, name: value} for value in values(argument)]
    for way in ways:
        if "ATTRIBUTE" in (way.get("by"), way.get("dimension")):
            way["attribute"] = '"team"'
        if way.get("then") == "ATTRIBUTE":
            way["thenAttribute"] = '"team"'
        if way.get("then") == way.get("by") is not None:
            continue
        yield f"({', '.join(f'{name}: {value}' for name, value in way.items())})" if way else ""


def selection(type_: Any, depth: int = 5) -> str:
    """Everything that there is to ask of a type."""
    named = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    assert not is_abstract_type(named)  # its types have fields of their own to ask for
    fields = [
        f"{name}{next(given(field))} {selection(field.type, depth - 1)}"
        for name, field in named.fields.items()
        if is_leaf_type(get_named_type(field.type)) or depth
    ]
    return f"{{ __typename {' '.join(fields)} }}"


BY_ID = {name for name, field in QUERY.fields.items() if {"id", "ids"} & field.args.keys()}
DOCUMENTS = [
    *(
        f"{{ usage({WINDOW}) {{ {name}{arguments} {selection(field.type)} }} }}"
        for name, field in USAGE.fields.items()
        for arguments in given(field)
    ),
    *(
        f"{{ {name}{arguments} {selection(field.type)} }}"
        for name, field in QUERY.fields.items()
        if name not in {"usage"} | BY_ID
        for arguments in given(field)
    ),
]


def test_whoever_may_see_it_sees_all_of_it(world: World) -> None:
    answers = [world.ask("zebra", document) for document in DOCUMENTS]
    for document, answer in zip(DOCUMENTS, answers, strict=True):
        assert "errors" not in json.loads(answer), (document, answer)
    for text in TEXTS:
        assert any(f"zebra-{text}" in answer for answer in answers), text
    assert any(str(TOKENS["zebra"]) in answer for answer in answers)
    both = [world.ask("reader", document) for document in DOCUMENTS]
    for text in TEXTS:
        assert any(f"yak-{text}" in answer for answer in both), text


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_field_tells_of_others(world: World, document: str) -> None:
    for who in OTHER:
        check(who, world.ask(who, document))


def test_everyone_is_told_of_their_own(world: World) -> None:
    expected = {"reader": 4, "admin": 4, "bound": 2, "zebra": 2}
    for who, calls in expected.items():
        data = world.data(who, f"{{ usage({WINDOW}) {{ totals {{ calls }} records {{ totalCount }} }} }}")
        assert data["usage"] == {"totals": {"calls": calls}, "records": {"totalCount": calls}}
    (item,) = world.data("bound", f"{{ usage({WINDOW}) {{ topConsumers(by: USER) {{ key share }} }} }}")["usage"][
        "topConsumers"
    ]
    assert item == {"key": "apple-user", "share": None}


def test_a_bound_key_is_told_nothing_of_the_whole(world: World) -> None:
    fresh_ = f"{{ usage({WINDOW}) {{ freshness {{ dataThrough materializedThrough }} }} }}"
    assert world.data("reader", fresh_)["usage"]["freshness"]["dataThrough"] is not None
    assert world.data("bound", fresh_)["usage"]["freshness"] == {"dataThrough": None, "materializedThrough": None}
    (error,) = json.loads(world.ask("bound", "{ ingestHealth { accepted } }"))["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"


# --- what others do


def quarter() -> int:
    return int(time.time()) // 900


def unmoved(world: World, who: str, others: Callable[[], None]) -> None:
    """Fails where an answer to ``who`` is another one after ``others`` did something."""
    while True:
        begun = quarter()
        before = [world.ask(who, document) for document in DOCUMENTS]
        others()
        after = [world.ask(who, document) for document in DOCUMENTS]
        if quarter() == begun:  # else buckets have ended, which is told
            break
    for document, old, new in zip(DOCUMENTS, before, after, strict=True):
        assert json.loads(old) == json.loads(new), document


def test_what_another_project_does_moves_nothing(world: World) -> None:
    def zebra() -> None:
        world.send("zebra", request_of("zebra", 100))
        world.data("zebra", OWN_PLAN.replace("1000", "2000"))
        for document in PROPERTY:
            world.data("zebra", document)

    unmoved(world, "admin", zebra)


def test_what_another_user_does_moves_nothing(world: World) -> None:
    unmoved(world, "bound", lambda: world.send("sender", request_of("yak", 200)))


# --- by id


NODES = {one.name for one in SCHEMA.get_possible_types(cast(GraphQLInterfaceType, SCHEMA.type_map["Node"]))}


def ids_in(answer: Any) -> Iterator[str]:
    if isinstance(answer, dict):
        if answer.get("__typename") in NODES:
            yield answer["id"]
        for value in answer.values():
            yield from ids_in(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from ids_in(value)


def all_ids(world: World, who: str) -> set[str]:
    telling = [document for document in DOCUMENTS if " id " in document]
    return {id for document in telling for id in ids_in(json.loads(world.ask(who, document)))}


def test_only_these_fields_take_ids() -> None:
    assert {"node", "nodes"} == BY_ID


def test_no_id_finds_what_is_others(world: World) -> None:
    types = [f"__typename ... on {name} {selection(object_type(name))}" for name in NODES]
    of = {who: all_ids(world, who) for who in (*OTHER, "zebra")}
    # A shared conversation has one id, and each its own calls of it.
    assert all(len(of["zebra"] - of[who]) >= 3 for who in OTHER)
    assert len(of["reader"] - of["bound"]) >= 3
    for id in of["zebra"]:
        assert world.data("zebra", f'{{ node(id: "{id}") {{ id }} }}')["node"] == {"id": id}
    for who in OTHER:
        everyones = sorted(of["zebra"] | of["reader"])
        for id in everyones:
            for type_ in types:
                node = world.data(who, f'{{ node(id: "{id}") {{ {type_} }} }}')["node"]
                check(who, json.dumps(node))
                assert (node is not None) == (id in of[who])
        for type_ in types:
            check(who, json.dumps(world.data(who, f"{{ nodes(ids: {json.dumps(everyones)}) {{ {type_} }} }}")))


# --- by cursor


def connections(type_: str) -> list[str]:
    fields = object_type(type_).fields.items()
    return [name for name, field in fields if get_named_type(field.type).name.endswith("Connection")]


def lists(world: World) -> Iterator[tuple[str, list[str]]]:
    """Every list with cursors: a page of it, and where its end is told."""
    for name in connections("Usage"):
        inner = selection(USAGE.fields[name].type)
        yield f"{{ usage({WINDOW}) {{ {name}(ARGUMENTS) {inner} }} }}", ["usage", name]
    shared = (
        f'{{ usage({WINDOW}, filter: {{conversation: {{eq: "shared"}}}}) {{ conversations {{ nodes {{ id }} }} }} }}'
    )
    ((id,),) = [one["id"].split() for one in world.data("reader", shared)["usage"]["conversations"]["nodes"]]
    for type_ in NODES:
        for name in connections(type_):
            inner = selection(object_type(type_).fields[name].type)
            yield f'{{ node(id: "{id}") {{ ... on {type_} {{ {name}(ARGUMENTS) {inner} }} }} }}', ["node", name]


def test_no_cursor_of_others_is_taken(world: World) -> None:
    tried = 0
    for page, path in lists(world):

        def cursor(who: str, page: str = page, path: list[str] = path) -> str:
            found: Any = world.data(who, page.replace("ARGUMENTS", "first: 1"))
            for name in path:
                found = found[name]
            end: str = found["pageInfo"]["endCursor"]
            return end

        for whose, askers in (("zebra", [*OTHER]), ("reader", ["bound"]), ("yak", ["bound", "reader"])):
            for who in askers:
                for place in ("after", "before"):
                    text = world.ask(who, page.replace("ARGUMENTS", f'{place}: "{cursor(whose)}"'))
                    check(who, text)
                    assert {error["extensions"]["code"] for error in json.loads(text)["errors"]} == {"BAD_CURSOR"}
                    tried += 1
    assert tried >= 24


# --- by filter and search


def filters(text: str) -> Iterator[str]:
    filter_ = SCHEMA.type_map["UsageFilter"]
    assert isinstance(filter_, GraphQLInputObjectType)
    yield f'{{search: "{text}"}}'
    for name, field in filter_.fields.items():
        if get_named_type(field.type).name == "StringFilter":
            for condition in (f'contains: "{text}"', f'startsWith: "{text}"', f'eq: "{text}-{name}"'):
                yield f"{{{name}: {{{condition}}}}}"
    if "or" in filter_.fields:
        # What widens a filter does not widen it beyond the caller's own.
        yield f'{{or: [{{search: "{text}"}}, {{search: "{text}"}}]}}'
        yield f'{{not: {{not: {{search: "{text}"}}}}}}'


def test_no_filter_and_no_search_reaches_others(world: World, who: str) -> None:
    asked = "totals { calls } records { totalCount nodes { id } } breakdown(by: USER) { groups { key } }"
    for whose in OTHER[who]:
        for filter_ in filters(whose):
            document = f"{{ usage({WINDOW}, filter: {filter_}) {{ {asked} }} }}"
            assert world.data(who, document)["usage"] == {
                "totals": {"calls": 0},
                "records": {"totalCount": 0, "nodes": []},
                "breakdown": {"groups": []},
            }


def test_no_filter_widens_what_is_seen(world: World, who: str) -> None:
    own = world.data(who, f"{{ usage({WINDOW}) {{ totals {{ calls }} }} }}")
    for filter_ in (
        '{user: {notIn: ["nobody"]}}',
        "{or: [{user: {isNull: true}}, {user: {isNull: false}}]}",
        '{not: {user: {eq: "nobody"}}}',
    ):
        document = f"{{ usage({WINDOW}, filter: {filter_}) {{ totals {{ calls }} records {{ nodes {{ name }} }} }} }}"
        text = world.ask(who, document)
        check(who, text)
        assert json.loads(text)["data"]["usage"]["totals"] == own["usage"]["totals"]


# --- errors


def test_no_error_tells_of_others(world: World, who: str) -> None:
    wrong = [
        "{ nothing }",
        "{ usage }",
        "query",
        '{ usage(window: {last: "-P1D"}) { totals { calls } } }',
        f'{{ usage({WINDOW}, timezone: "Nowhere") {{ totals {{ calls }} }} }}',
        f"{{ usage({WINDOW}) {{ series(by: NOTHING) {{ bucket }} }} }}",
        f"{{ usage({WINDOW}) {{ series(bucket: FIFTEEN_MINUTES, by: USER, top: 1000) {{ bucket }} }} }}",
        f'{{ usage({WINDOW}) {{ records(after: "x") {{ totalCount }} }} }}',
        f"{{ usage({WINDOW}) {{ records(first: 1000) {{ totalCount }} }} }}",
        '{ node(id: "x") { id } }',
        '{ usage(window: {last: "P9000Y"}) { totals { calls } } }',
        "mutation { nothing }",
        "subscription { nothing }",
    ]
    for document in wrong:
        check(who, world.ask(who, document))
    for headers in ({"x-usage-graph-project": "zebra-project"}, {"x-usage-graph-project": "none"}):
        answer = httpx.post(
            f"{world.server.http}/graphql", json={"query": "{x}"}, headers={**world.headers(who), **headers}
        )
        assert answer.status_code == 403
        check(who, answer.text)
    for path in ("/", "/nowhere", "/metrics", "/healthz", "/readyz", "/graphql", "/export", "/v1/traces"):
        check(who, httpx.get(f"{world.server.http}{path}", headers=world.headers(who)).text)


# --- exports


EXPORTS = [(table, format_) for table in Table for format_ in FORMATS]


@pytest.mark.parametrize(("table", "format_"), EXPORTS)
def test_no_export_tells_of_others(world: World, table: str, format_: str) -> None:
    assert set(FORMATS) == set(Format)

    def text(who: str, **more: str) -> str:
        answer = httpx.get(
            f"{world.server.http}/export/{table}",
            params={"last": "P1D", "format": format_, **more},
            headers=world.headers(who),
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return repr(parsed(answer.content, format_))

    ways: list[dict[str, str]] = [{}]
    if table == "series":
        ways += [{"by": value} for value in cast(GraphQLEnumType, SCHEMA.type_map["UsageDimension"]).values]
        ways = [way if way.get("by") != "ATTRIBUTE" else {**way, "attribute": "team"} for way in ways]
    told = "".join(text("zebra", **way) for way in ways)
    assert "zebra-" in told
    for who in OTHER:
        for way in ways:
            check(who, text(who, **way))
        for whose in OTHER[who]:
            filter_ = json.dumps({"or": [{"search": whose}, {"user": {"startsWith": whose}}]})
            check(who, text(who, filter=filter_))
        for wrong in ({"last": "x"}, {"filter": "x"}, {"nothing": "x"}, {"format": "x"}):
            answer = httpx.get(
                f"{world.server.http}/export/{table}", params={"last": "P1D"} | wrong, headers=world.headers(who)
            )
            assert answer.status_code == 400
            check(who, answer.text)
        answer = httpx.get(
            f"{world.server.http}/export/{table}",
            params={"last": "P1D"},
            headers={**world.headers(who), "x-usage-graph-project": THEIRS},
        )
        assert answer.status_code == 403
        check(who, answer.text)


# --- subscriptions


@pytest.mark.parametrize("name", object_type("Subscription").fields)
def test_no_subscription_tells_of_others(world: World, name: str) -> None:
    field = object_type("Subscription").fields[name]
    document = f"subscription {{ {name}{next(given(field))} {selection(field.type, 3)} }}"
    told: dict[str, list[str]] = {who: [] for who in (*OTHER, "zebra")}

    def listen(who: str) -> None:
        with (
            suppress(httpx.ReadTimeout),
            httpx.stream(
                "POST",
                f"{world.server.http}/graphql",
                json={"query": document},
                headers={**world.headers(who), "accept": "text/event-stream"},
                timeout=httpx.Timeout(10, read=20),
            ) as events,
        ):
            assert events.status_code == 200
            for line in events.iter_lines():
                told[who].append(line)
                if f"{'zebra' if who == 'zebra' else 'apple'}-late" in line:
                    return

    listeners = [threading.Thread(target=listen, args=(who,)) for who in told]
    for listener in listeners:
        listener.start()
    number = 1000 + 1000 * list(object_type("Subscription").fields).index(name)
    while any(listener.is_alive() for listener in listeners):
        number += 10
        for who, whose in (("zebra", "zebra"), ("sender", "yak"), ("sender", "apple")):
            late: dict[str, Value] = {
                "gen_ai.usage.input_tokens": TOKENS[whose],
                "usage_graph.user": f"{whose}-user",
                "usage_graph.conversation": f"{whose}-late",
                "usage_graph.name": f"{whose}-late",
            }
            number += 1
            world.send(who, request([call(number, late)]).SerializeToString())
        time.sleep(0.5)
    for who, lines in told.items():
        assert "late" in "".join(lines), who
        if who in OTHER:
            check(who, "".join(lines))


# --- changes


MUTATIONS = {
    "setPrice": '{model: "zebra-priced", perCall: "1"}',
    "removePrice": '{model: "zebra-priced"}',
    "setCreditPlan": "{period: DAY, included: 1, price: 1}",
    "removeCreditPlan": "{}",
    "setCreditRule": '{model: "zebra-ruled", perCall: 1}',
    "removeCreditRule": '{model: "zebra-ruled"}',
    "createKey": "{scope: READ}",
    "revokeKey": '{id: "ID"}',
}


def test_nobody_changes_what_is_others(world: World) -> None:
    assert MUTATIONS.keys() == object_type("Mutation").fields.keys()
    zebras_key = world.keys["zebra"].split("_")[1]

    def tried(who: str) -> dict[str, str]:
        return {
            name: world.ask(who, f"mutation {{ {name}(input: {input_}) {{ userErrors {{ code message }} }} }}")
            for name, input_ in ((name, input_.replace("ID", zebras_key)) for name, input_ in MUTATIONS.items())
        }

    for who in ("reader", "bound"):
        for answer in tried(who).values():
            assert {error["extensions"]["code"] for error in json.loads(answer)["errors"]} == {"FORBIDDEN"}
            check(who, answer)

    def by_the_admin() -> None:
        answers = tried("admin")
        assert "NOT_FOUND" in answers["revokeKey"]
        for name in ("setPrice", "removePrice", "createKey"):
            every = MUTATIONS[name].replace("{", "{allProjects: true, ", 1)
            text = world.ask("admin", f"mutation {{ {name}(input: {every}) {{ userErrors {{ code }} }} }}")
            assert json.loads(text).get("errors") or json.loads(text)["data"][name]["userErrors"]
        assert json.loads(world.ask("admin", "{ keys(allProjects: true) { id } }"))["errors"]

    unmoved(world, "zebra", by_the_admin)
