"""``latency``: what it answers, and that histograms are read only where it is asked for."""

from datetime import timedelta
from typing import Any

import pytest

from tests.graph.api import NOW, Api, WatchedSnapshot
from tests.model import ModelSnapshot, sum_of
from tests.records import record
from usage_graph.usage import UsageRecord

NUMBERS = "avgMs p50Ms p95Ms p99Ms maxMs"
LATENCY = f"latency {{ {NUMBERS} firstToken {{ calls {NUMBERS} }} tokensPerSecond }}"


def calls() -> list[UsageRecord]:
    """A hundred of two agents, in one conversation each. Every second was streamed, one is of unknown length."""
    return [
        record(
            span_id=(n + 1).to_bytes(8, "big"),
            started_at=NOW - timedelta(hours=n + 1),
            agent=f"agent {n % 2}",
            conversation=f"conversation {n % 2}",
            duration_us=n * 10_000,
            first_token_us=n * 1_000 if n % 2 else None,
            output_tokens=None if n == 50 else 100,
        )
        for n in range(100)
    ]


@pytest.fixture
def api() -> Api:
    return Api(calls())


def answer_of(records: list[UsageRecord]) -> dict[str, Any]:
    latency = sum_of(records, latency=True).latency
    names = {"avgMs": "avg_ms", "p50Ms": "p50_ms", "p95Ms": "p95_ms", "p99Ms": "p99_ms", "maxMs": "max_ms"}

    def numbers(of: Any) -> dict[str, Any]:
        return {name: getattr(of, attribute) for name, attribute in names.items()}

    first = latency.first_token
    return {
        **numbers(latency),
        "firstToken": {"calls": first.calls, **numbers(first)},
        "tokensPerSecond": latency.tokens_per_second,
    }


async def test_what_it_answers(api: Api) -> None:
    found = (await api.usage(f"totals {{ calls {LATENCY} }}"))["totals"]
    assert found["calls"] == 100
    latency = found["latency"]
    assert latency == answer_of(calls())
    # 99 calls took 10, 20, ... 990 ms, and of one it is unknown how long.
    assert latency["avgMs"] == 500
    assert latency["p50Ms"] == pytest.approx(500, rel=0.02)
    assert latency["p95Ms"] == pytest.approx(950, rel=0.02)
    assert latency["p99Ms"] == pytest.approx(990, rel=0.02)
    assert 990 <= latency["maxMs"] < 990 * 1.04
    assert latency["firstToken"]["calls"] == 50
    assert latency["firstToken"]["avgMs"] == 50
    assert latency["tokensPerSecond"] == pytest.approx(98 * 100 / (49.5 - 0.5))


async def test_of_no_calls_nothing_is_known() -> None:
    latency = (await Api().usage(f"totals {{ {LATENCY} }}"))["totals"]["latency"]
    assert latency.pop("firstToken") == {"calls": 0, **dict.fromkeys(NUMBERS.split())}
    assert set(latency.values()) == {None}


async def test_wherever_there_are_totals(api: Api) -> None:
    """Each with the calls that are its own: the whole of them, the others, and those of another window."""
    found = await api.usage(
        f"""
        series(bucket: DAY, by: AGENT, top: 1, metric: CALLS) {{
            points {{ totals {{ {LATENCY} }} }}
            groups {{ key totals {{ {LATENCY} }} points {{ totals {{ {LATENCY} }} }} }}
            other {{ totals {{ {LATENCY} }} }}
        }}
        plain: series(bucket: DAY) {{ points {{ totals {{ {LATENCY} }} }} }}
        breakdown(by: AGENT, first: 1, metric: CALLS, previous: PRECEDING) {{
            groups {{ key totals {{ {LATENCY} }} previous {{ totals {{ {LATENCY} }} }} }}
            other {{ totals {{ {LATENCY} }} }}
        }}
        topConsumers(by: AGENT, first: 2, metric: CALLS) {{ key totals {{ {LATENCY} }} }}
        conversations(first: 5) {{ nodes {{ conversation totals {{ {LATENCY} }} }} }}
        previous {{ totals {{ {LATENCY} }} }}
        """
    )
    by_agent = {f"agent {n}": answer_of([one for one in calls() if one.agent == f"agent {n}"]) for n in (0, 1)}
    series, breakdown = found["series"], found["breakdown"]
    for split in (series, breakdown):
        assert split["groups"][0]["totals"]["latency"] == by_agent[split["groups"][0]["key"]]
        assert split["other"]["totals"]["latency"] == by_agent["agent 1"]
    assert series["points"] == found["plain"]["points"]
    assert len({point["totals"]["latency"]["p50Ms"] for point in series["points"]}) > 3
    assert any(point["totals"]["latency"]["p50Ms"] for point in series["groups"][0]["points"])
    nothing = answer_of([])
    assert breakdown["groups"][0]["previous"]["totals"]["latency"] == nothing
    assert found["previous"]["totals"]["latency"] == nothing
    assert {one["key"]: one["totals"]["latency"] for one in found["topConsumers"]} == by_agent
    of_conversations = {one["conversation"]: one["totals"]["latency"] for one in found["conversations"]["nodes"]}
    assert of_conversations == {key.replace("agent", "conversation"): value for key, value in by_agent.items()}


async def test_a_conversation_by_its_id(api: Api) -> None:
    (one, *_) = (await api.usage("conversations { nodes { id conversation } }"))["conversations"]["nodes"]
    asked = f"query($id: ID!) {{ node(id: $id) {{ ... on Conversation {{ totals {{ {LATENCY} }} }} }} }}"
    found = (await api.ask(asked, {"id": one["id"]}))["data"]["node"]
    mine = [call for call in calls() if call.conversation == one["conversation"]]
    assert found["totals"]["latency"] == answer_of(mine)


ON = "fragment Speed on UsageTotals { latency { p50Ms } } fragment Whole on Usage { totals { ...Speed } }"


@pytest.mark.parametrize(
    ("selection", "asks"),
    [
        ("totals { calls }", False),
        ("totals { latency { p50Ms } }", True),
        ("totals { how: latency { p50Ms } }", True),
        ("latency: totals { calls }", False),
        ("totals { ... { latency { p50Ms } } }", True),
        ("totals { ... on UsageTotals { latency { p50Ms } } }", True),
        ("totals { ...Speed }", True),
        ("...Whole", True),
        ("totals { calls } totals { latency { p50Ms } }", True),
        ("totals { calls ...Speed @include(if: $yes) }", True),
        ("totals { calls ...Speed @include(if: $no) }", False),
        ("totals { calls ...Speed @skip(if: $yes) }", False),
        ("totals { calls latency @skip(if: $no) { p50Ms } }", True),
        ("totals { calls latency @include(if: false) { p50Ms } }", False),
        ("totals { calls ... @skip(if: true) { latency { p50Ms } } }", False),
    ],
)
async def test_histograms_are_read_where_they_are_asked_for(
    api: Api, selection: str, asks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    async def totals(self: ModelSnapshot, scope: Any, *, latency: bool = False) -> Any:
        asked.append(latency)
        return sum_of(calls(), latency=latency)

    monkeypatch.setattr(WatchedSnapshot, "totals", totals)
    used = " ".join(name for name in ("Speed", "Whole") if f"...{name}" in selection)
    fragments = ON if "Whole" in used else ON.partition(" fragment Whole")[0] if used else ""
    # Variables must be used, whatever the selection.
    usage = f'usage(window: {{ last: "P7D" }}) {{ {selection} range {{ from @include(if: $yes) to @skip(if: $no) }} }}'
    found = await api.ask(f"query($yes: Boolean! = true, $no: Boolean!) {{ {usage} }} {fragments}", {"no": False})
    assert "errors" not in found, found
    assert asked == [asks]


async def test_of_a_record(api: Api) -> None:
    found = await api.usage("records(first: 100) { nodes { durationMs firstTokenMs tokensPerSecond } }")
    by_duration = {one.pop("durationMs"): one for one in found["records"]["nodes"]}
    assert by_duration[0] == {"firstTokenMs": None, "tokensPerSecond": None}
    assert by_duration[10] == {"firstTokenMs": 1, "tokensPerSecond": pytest.approx(10_000)}
    assert by_duration[500] == {"firstTokenMs": None, "tokensPerSecond": None}
    assert by_duration[990] == {"firstTokenMs": 99, "tokensPerSecond": pytest.approx(100 / 0.99)}
