"""``conversations``: Relay's cursor connections, to the letter, in every order and direction; and each by its id."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversations import calls, conversations_of, page_of_conversations
from tests.graph.api import NOW, Api
from tests.model import sum_of
from tests.records import BASE, record
from tests.store.database import write
from usage_graph.conversations import ConversationField, ConversationOrder, ConversationRequest
from usage_graph.grant import OPEN, Access, Grant
from usage_graph.graph.cursors import write_global_id, write_named_id
from usage_graph.question import Direction
from usage_graph.store.reader import open_reader
from usage_graph.usage import UsageRecord

PAGE = """
query ($filter: UsageFilter, $search: String, $first: Int, $after: String, $last: Int, $before: String,
       $orderBy: ConversationOrder) {
  usage(window: { last: "P61D" }, filter: $filter) {
    conversations(first: $first, after: $after, last: $last, before: $before, search: $search, orderBy: $orderBy) {
      edges { cursor node { id conversation } }
      nodes { id }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      totalCount
    }
  }
}
"""
NODE = """
query ($id: ID!) {
  node(id: $id) {
    __typename id
    ... on Conversation {
      conversation title agent channel user startedAt lastActiveAt turns models
      totals { calls } records { totalCount nodes { spanId agent } }
    }
  }
}
"""


async def page(api: Api, **variables: Any) -> dict[str, Any]:
    """One page; that its parts agree is checked here, for every page of every test."""
    found: dict[str, Any] = (await api.data(PAGE, variables))["usage"]["conversations"]
    edges, info = found["edges"], found["pageInfo"]
    assert found["nodes"] == [{"id": edge["node"]["id"]} for edge in edges]
    assert info["startCursor"] == (edges[0]["cursor"] if edges else None)
    assert info["endCursor"] == (edges[-1]["cursor"] if edges else None)
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [edge["node"]["conversation"] for edge in found["edges"]]


def many(count: int = 100) -> list[UsageRecord]:
    """Conversations of one to three calls each, most of them an hour apart."""
    return [
        record(
            started_at=NOW - timedelta(hours=number, minutes=call),
            trace_id=(number * 4 + call + 1).to_bytes(16, "big"),
            conversation=f"c{number:03}",
            name=f"Title {number % 10}",
            cost_nano=None if number % 7 == 0 else 1_000 * number,
            credits_nano=2**63 - 1 if number % 3 else 0,
        )
        for number in range(1, count + 1)
        for call in range(1 + number % 3)
    ]


async def test_every_field_of_a_conversation() -> None:
    first = record(
        started_at=NOW - timedelta(days=90),
        conversation="c-1",
        name="Old title",
        agent="planner",
        channel="web",
        user_id="ada",
        turn="1",
        response_model="gpt-4o-2024-08-06",
    )
    then = record(
        started_at=NOW - timedelta(hours=2), span_id=b"\2" * 8, conversation="c-1", name="New title", turn="2",
        failed=True, cost_nano=None, credits_nano=1_500_000_000,
    )  # fmt: skip
    last = record(started_at=NOW - timedelta(hours=1), span_id=b"\3" * 8, conversation="c-1", turn="2")
    later = record(started_at=NOW + timedelta(hours=1), span_id=b"\4" * 8, conversation="c-1", turn="3", user_id="bob")
    bare = record(
        started_at=NOW - timedelta(days=1), span_id=b"\5" * 8, conversation="", request_model=None, cost_nano=None
    )
    none = record(started_at=NOW, span_id=b"\6" * 8)
    found = await Api([first, then, last, later, bare, none]).usage(
        """conversations { totalCount nodes {
             __typename conversation title agent channel user startedAt lastActiveAt turns models
             totals { calls failedCalls totalTokens credits cost unpricedCalls }
             records(first: 1) { totalCount nodes { spanId } pageInfo { hasNextPage } } } }"""
    )
    assert found["conversations"] == {
        "totalCount": 2,
        "nodes": [
            {
                "__typename": "Conversation",
                "conversation": "c-1",
                "title": "New title",
                "agent": "planner",
                "channel": "web",
                "user": "bob",
                "startedAt": "2026-01-15T12:30:00Z",
                "lastActiveAt": "2026-04-15T11:30:00Z",
                "turns": 2,
                "models": ["gpt-4o-2024-08-06", "gpt-4o-mini"],
                "totals": {
                    "calls": 2,
                    "failedCalls": 1,
                    "totalTokens": 240,
                    "credits": "1.5",
                    "cost": "0.000027",
                    "unpricedCalls": 1,
                },
                "records": {"totalCount": 2, "nodes": [{"spanId": "03" * 8}], "pageInfo": {"hasNextPage": True}},
            },
            {
                "__typename": "Conversation",
                "conversation": "",
                "title": None,
                "agent": None,
                "channel": None,
                "user": None,
                "startedAt": "2026-04-14T12:30:00Z",
                "lastActiveAt": "2026-04-14T12:30:00Z",
                "turns": 1,
                "models": [],
                "totals": {
                    "calls": 1,
                    "failedCalls": 0,
                    "totalTokens": 120,
                    "credits": "0",
                    "cost": None,
                    "unpricedCalls": 1,
                },
                "records": {"totalCount": 1, "nodes": [{"spanId": "05" * 8}], "pageInfo": {"hasNextPage": False}},
            },
        ],
    }


@pytest.mark.parametrize("size", [7, 50, 100])
async def test_pages_forwards_and_backwards_are_the_whole_list(size: int) -> None:
    api = Api(many())
    whole = names(await page(api, first=100))
    assert whole == [f"c{number:03}" for number in range(1, 101)]

    forwards, after = [], None
    while True:
        found = await page(api, first=size, after=after)
        forwards += names(found)
        assert found["totalCount"] == 100
        assert found["pageInfo"]["hasPreviousPage"] is (after is not None)
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert forwards == whole

    backwards: list[str] = []
    before = None
    while True:
        found = await page(api, last=size, before=before)
        backwards = names(found) + backwards
        assert found["pageInfo"]["hasNextPage"] is (before is not None)
        if not found["pageInfo"]["hasPreviousPage"]:
            break
        before = found["pageInfo"]["startCursor"]
    assert backwards == whole


@settings(max_examples=40, deadline=None)
@given(
    records=st.lists(calls, max_size=14, unique_by=lambda call: (call.trace_id, call.span_id)),
    field=st.sampled_from(ConversationField),
    direction=st.sampled_from(Direction),
    size=st.integers(1, 3),
)
def test_every_order_pages_as_the_model_does(
    records: list[UsageRecord], field: ConversationField, direction: Direction, size: int
) -> None:
    api = Api(records, now=(now := BASE + timedelta(days=60, seconds=1)))
    everything = conversations_of(records, records, now, None, sum_of)
    order = ConversationOrder(field, direction)
    expected = page_of_conversations(everything, order, ConversationRequest(first=100)).conversations
    asked = {"orderBy": {"field": field.name, "direction": direction.name}}

    async def paged() -> tuple[list[str], list[str]]:
        found = await page(api, first=size, **asked)
        forwards = names(found)
        while found["pageInfo"]["hasNextPage"]:
            found = await page(api, first=size, after=found["pageInfo"]["endCursor"], **asked)
            forwards += names(found)
        found = await page(api, last=size, **asked)
        backwards = names(found)
        while found["pageInfo"]["hasPreviousPage"]:
            found = await page(api, last=size, before=found["pageInfo"]["startCursor"], **asked)
            backwards = names(found) + backwards
        return forwards, backwards

    forwards, backwards = asyncio.run(paged())
    assert forwards == backwards == [one.conversation for one in expected]


async def test_after_and_before_together_are_what_lies_between() -> None:
    api = Api(many())
    whole = (await page(api, first=100))["edges"]
    found = await page(api, after=whole[9]["cursor"], before=whole[15]["cursor"])
    assert names(found) == [edge["node"]["conversation"] for edge in whole[10:15]]
    assert names(await page(api, first=4, last=2, after=whole[9]["cursor"])) == names({"edges": whole[12:14]})
    nothing = await page(api, after=whole[-1]["cursor"])
    assert (nothing["edges"], nothing["totalCount"]) == ([], 100)
    assert (nothing["pageInfo"]["hasNextPage"], nothing["pageInfo"]["hasPreviousPage"]) == (False, True)


@pytest.mark.parametrize("argument", ["first", "last"])
async def test_sizes_are_bounded(argument: str) -> None:
    api = Api(many(3))
    assert await api.refused(PAGE, {argument: 101}) == [
        ("LIMIT_EXCEEDED", f"`{argument}` may be at most 100, not 101.")
    ]
    assert await api.refused(PAGE, {argument: -1}) == [("BAD_USER_INPUT", f"`{argument}` must be at least 0, not -1.")]
    assert api.reader.opened == 0


async def test_calls_that_arrive_meanwhile_shift_nothing() -> None:
    """All conversations go on while a client pages, and new ones begin, by a rolling window."""
    api = Api(many())
    whole = names(await page(api, first=100))
    for size in (9, 30):
        api = Api(many())
        found = await page(api, first=size)
        seen = names(found)
        while found["pageInfo"]["hasNextPage"]:
            api.now += timedelta(days=1)
            api.reader.stored += [
                record(
                    started_at=api.now - timedelta(minutes=number),
                    span_id=(len(seen) * 1_000 + number).to_bytes(8, "big"),
                    conversation=f"c{number % 120:03}",
                    name="Title 0",
                )
                for number in range(500)
            ]
            found = await page(api, first=size, after=found["pageInfo"]["endCursor"])
            assert found["totalCount"] == 100
            seen += names(found)
        assert seen == whole


@pytest.mark.parametrize(
    "other",
    [
        {"filter": {"source": {"eq": "chat"}}},
        {"search": "c"},
        {"orderBy": {"field": "COST"}},
        {"orderBy": {"direction": "ASC"}},
    ],
)
async def test_a_cursor_is_refused_under_other_arguments(other: dict[str, Any]) -> None:
    api = Api(many(5))
    cursor = (await page(api, first=1))["pageInfo"]["endCursor"]
    for side in ("after", "before"):
        ((code, message),) = await api.refused(PAGE, {side: cursor, **other})
        assert code == "BAD_CURSOR"
        assert message.startswith("This cursor belongs to another list")


async def test_a_cursor_is_refused_in_another_window_zone_project_or_list() -> None:
    api = Api(many(5))
    found = await api.usage(
        "records(first: 1) { pageInfo { endCursor } } conversations(first: 1) { "
        "pageInfo { endCursor } nodes { records(first: 1) { pageInfo { endCursor } } } }",
        'window: { last: "P61D" }',
    )
    cursor = found["conversations"]["pageInfo"]["endCursor"]
    of_one = found["conversations"]["nodes"][0]["records"]["pageInfo"]["endCursor"]
    window = 'window: { last: "P61D" }'
    for arguments, selection in (
        ('window: { last: "P59D" }', f'conversations(after: "{cursor}")'),
        (f'{window}, timezone: "Europe/Berlin"', f'conversations(after: "{cursor}")'),
        (window, f'records(after: "{cursor}")'),
        (window, f'records(after: "{of_one}")'),
        (window, f'conversations(after: "{found["records"]["pageInfo"]["endCursor"]}")'),
        (window, f'conversations(after: "{of_one}")'),
    ):
        assert await api.code(f"{{ usage({arguments}) {{ {selection} {{ totalCount }} }} }}") == "BAD_CURSOR"
    answer = await api.ask(PAGE, {"after": cursor}, project="other")
    assert answer["errors"][0]["extensions"]["code"] == "BAD_CURSOR"


async def test_a_cursor_of_a_conversations_records_is_good_for_that_conversation() -> None:
    api = Api(many(2))
    document = (
        'query ($after: String, $search: String) { usage(window: { last: "P61D" }) { conversations(search: $search) { '
        "nodes { conversation records(first: 1, after: $after) { nodes { spanId traceId } pageInfo { endCursor } } } "
        "} } }"
    )
    seen = []
    after = None
    for _ in range(3):
        (one,) = (await api.data(document, {"search": "c002", "after": after}))["usage"]["conversations"]["nodes"]
        seen += [node["traceId"] for node in one["records"]["nodes"]]
        after = one["records"]["pageInfo"]["endCursor"]
    assert len(set(seen)) == 3
    assert await api.code(document, {"search": "c001", "after": after}) == "BAD_CURSOR"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["a", "b"]),
        (" ", ["a", "b"]),
        ("TITEL Ä", ["a"]),
        ("planner", ["b"]),
        ("Ada", ["b"]),
        ("B", ["b"]),
        ("%", []),
        ("_", []),
        ("web", []),
        ("gpt", []),
    ],
)
async def test_search(search: str, found: list[str]) -> None:
    api = Api(
        [
            record(started_at=NOW - timedelta(hours=1), conversation="a", name="Der Titel ÄÖ", channel="web"),
            record(
                started_at=NOW - timedelta(hours=2), span_id=b"\2" * 8, conversation="b", agent="planner", user_id="ada"
            ),
        ]
    )
    answer = await page(api, search=search)
    assert names(answer) == found
    assert answer["totalCount"] == len(found)


async def test_a_search_that_no_text_could_match_is_refused() -> None:
    assert await Api().refused(PAGE, {"search": "a\0"}) == [
        ("BAD_USER_INPUT", "`search` holds a NUL character, which no stored text does.")
    ]
    assert await Api().code(PAGE, {"search": "a" * 201}) == "LIMIT_EXCEEDED"


async def test_only_what_is_selected_is_read() -> None:
    api = Api(many(3))
    await api.usage("conversations { totalCount }")
    assert api.reader.asked == ["conversation_count"]
    api.reader.asked.clear()
    await api.usage("conversations { edges { cursor } nodes { title } pageInfo { endCursor } }")
    assert api.reader.asked == ["conversations"]


async def test_the_records_of_all_conversations_of_a_page_cost_what_they_may_be() -> None:
    api = Api(many(100))
    one = "conversations(first: 100) { nodes { records(first: 100) { nodes { id } } } }"
    body = await api.ask(f'{{ usage(window: {{ last: "P61D" }}) {{ {one} }} }}')
    assert body["extensions"]["cost"]["requested"] == 100 + 100 * (1 + 100 + 100)
    assert await api.code(f'{{ usage(window: {{ last: "P61D" }}) {{ {one} again: {one} }} }}') == "COST_EXCEEDED"


async def a_conversation(api: Api, number: int = 0) -> str:
    id: str = (await page(api))["nodes"][number]["id"]
    return id


async def test_a_conversation_is_found_again_over_all_of_its_life() -> None:
    records = [
        record(
            started_at=NOW - timedelta(days=400 - 399 * n), span_id=bytes([n + 1]) * 8, conversation="c", name=f"{n}"
        )
        for n in range(2)
    ]
    api = Api([*records, record(started_at=NOW + timedelta(days=1), span_id=b"\7" * 8, conversation="c")])
    id = await a_conversation(api)
    assert (await api.data(NODE, {"id": id}))["node"] == {
        "__typename": "Conversation",
        "id": id,
        "conversation": "c",
        "title": "1",
        "agent": None,
        "channel": None,
        "user": None,
        "startedAt": "2025-03-11T12:30:00Z",
        "lastActiveAt": "2026-04-14T12:30:00Z",
        "turns": 1,
        "models": ["gpt-4o-mini"],
        "totals": {"calls": 2},
        "records": {
            "totalCount": 2,
            "nodes": [{"spanId": "02" * 8, "agent": None}, {"spanId": "01" * 8, "agent": None}],
        },
    }
    assert await api.data(NODE, {"id": id}, project="other") == {"node": None}


async def test_nodes_of_both_types_keep_their_places() -> None:
    records = many(2)
    api = Api(records)
    call = write_global_id("UsageRecord", records[0].started_at, records[0].id)
    one, two = (write_named_id("Conversation", name) for name in ("c001", "c002"))
    unknown = write_named_id("Conversation", "nobody")
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    ids = [two, unknown, call, "x", one, two, write_named_id("Usage", "c001"), write_named_id("Conversation", "\0")]
    found = (await api.data(document, {"ids": ids}))["nodes"]
    assert [node and node["id"] for node in found] == [two, None, call, None, one, two, None, None]
    assert sorted(api.reader.asked) == ["conversations", "records_by_id"]


def bound(**to: Any) -> Grant:
    return Grant(Access.READ, key="k", project="default", **to)


SHARED = [
    record(
        started_at=NOW - timedelta(hours=3), conversation="shared", user_id="ada", agent="mine", name=None,
        response_model="small",
    ),
    record(
        started_at=NOW - timedelta(hours=4), trace_id=b"\2" * 16, conversation="shared", user_id="bob", agent="secret",
        name="Secret", channel="secret", response_model="secret",
    ),
    record(started_at=NOW - timedelta(hours=2), trace_id=b"\3" * 16, conversation="secret", user_id="bob"),
]  # fmt: skip


@pytest.mark.parametrize("grant", [bound(user="ada"), bound(agent="mine"), bound(user="ada", agent="mine")])
async def test_a_key_of_one_user_or_agent_is_told_nothing_of_others_calls(grant: Grant) -> None:
    api = Api(SHARED, grant=grant)
    id = await a_conversation(api)
    found = (await api.data(NODE, {"id": id}))["node"]
    assert found == {
        "__typename": "Conversation",
        "id": id,
        "conversation": "shared",
        "title": None,
        "agent": "mine",
        "channel": None,
        "user": "ada",
        "startedAt": "2026-04-15T09:30:00Z",
        "lastActiveAt": "2026-04-15T09:30:00Z",
        "turns": 1,
        "models": ["small"],
        "totals": {"calls": 1},
        "records": {"totalCount": 1, "nodes": [{"spanId": "01" * 8, "agent": "mine"}]},
    }
    whole = await page(api)
    assert (names(whole), whole["totalCount"]) == (["shared"], 1)
    for text in ("secret", "bob"):
        assert (await page(api, search=text))["totalCount"] == 0
    assert await api.data(NODE, {"id": write_named_id("Conversation", "secret")}) == {"node": None}
    cursor = whole["pageInfo"]["endCursor"]
    assert await Api(SHARED).code(PAGE, {"after": cursor}) == "BAD_CURSOR"


async def test_a_conversation_from_before_the_records() -> None:
    api = Api(SHARED)
    api.reader.kept_since = (NOW - timedelta(hours=1)).replace(hour=0, minute=0)
    id = write_named_id("Conversation", "shared")
    assert (await api.data(NODE, {"id": id}))["node"]["totals"] == {"calls": 2}
    assert await api.code('{ usage(window: { last: "P61D" }) { conversations { totalCount } } }') == "BEFORE_RECORDS"
    mine = Api(SHARED, grant=bound(user="ada"))
    mine.reader.kept_since = api.reader.kept_since
    assert (await mine.data(NODE, {"id": id}))["node"]["totals"] == {"calls": 1}


async def test_conversations_of_a_filter_are_those_with_such_calls() -> None:
    found = await Api(SHARED).usage(
        "conversations { nodes { conversation agent totals { calls } records { totalCount } } }",
        'window: { last: "P1D" }, filter: { user: { eq: "ada" } }',
    )
    assert found["conversations"]["nodes"] == [
        {"conversation": "shared", "agent": "mine", "totals": {"calls": 1}, "records": {"totalCount": 1}}
    ]


async def test_the_store_answers_as_the_model_does(database: str, month: list[UsageRecord]) -> None:
    every = "conversation title agent channel user startedAt lastActiveAt turns models totals { calls cost credits }"
    records = "records(first: 3, orderBy: { field: COST }) { totalCount nodes { id } pageInfo { hasNextPage } }"
    lists = [
        f'{{ usage(window: {{ last: "P{days}D" }}, filter: {filter_}) {{ conversations(first: 3, search: {search}, '
        f"orderBy: {{ field: {field.name}, direction: {direction} }}) {{ totalCount nodes {{ id {every} {records} }} "
        "pageInfo { hasNextPage endCursor } } } }"
        for days, filter_, search, direction in (
            (30, "{}", "null", "DESC"),
            (9, '{ user: { notIn: ["user-1"] } }', '"user-"', "ASC"),
        )
        for field in ConversationField
    ]
    await write(database, month)
    async with open_reader(database, connections=2, statement_timeout=30) as reader:
        for grant in (OPEN, bound(user="user-3"), bound(agent="agent-1")):
            real, model = Api(store=reader, grant=grant), Api(month, grant=grant)
            for document in lists:
                assert await real.data(document) == await model.data(document), document
            for number in range(6):
                node = {"id": write_named_id("Conversation", f"conversation-{number}")}
                assert await real.data(NODE, node) == await model.data(NODE, node)
