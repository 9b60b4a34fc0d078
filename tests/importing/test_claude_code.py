"""Session logs of Claude Code: which lines are calls, which lines are the same call, and what it used."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.histories import (
    BASE,
    OTHERS,
    SECRET,
    answer,
    jsonl,
    message_id,
    question,
    request_id,
    usage,
    write,
)
from tests.importing.running import Found
from usage_graph.errors import ImportFailed
from usage_graph.importing import claude_code
from usage_graph.importing.claude_line import decode
from usage_graph.importing.fields import BadLine


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., Found]:
    def find(*files: list[dict[str, Any]], **more: Any) -> Found:
        paths = [write(tmp_path / "-home-ada" / f"{number}.jsonl", lines) for number, lines in enumerate(files)]
        return Found("claude-code", *paths, **more)

    return find


def test_a_call(found: Callable[..., Found]) -> None:
    call = found([question(1), answer(1, at=4)]).call

    assert call.identity == call.response_id == message_id(1)
    assert call.request_id == request_id(1)
    assert (call.source, call.service, call.name, call.conversation) == (None, "claude-code", "lighthouse", "session-a")
    assert call.model == "claude-sonnet-4-5-20250929"
    assert (call.started_at, call.duration) == (BASE, timedelta(seconds=4))
    # Inclusive: 22 + 300 written + 2048 read.
    assert (call.input_tokens, call.output_tokens) == (2370, 159)
    assert (call.cache_read_tokens, call.cache_write_tokens, call.cache_write_1h_tokens) == (2048, 300, 100)
    assert call.service_tier == "standard"
    assert call.cost is None
    assert call.channel is None


def test_lines_of_one_answer_are_one_call_with_its_last_usage(found: Callable[..., Found]) -> None:
    blocks = [
        answer(1, at=at, output=output, stop=stop) for at, output, stop in ((2, 9, None), (3, 9, None), (9, 159, "x"))
    ]
    there = found([question(1), *blocks])

    assert there.call.output_tokens == 159
    assert (there.call.started_at, there.call.duration) == (BASE, timedelta(seconds=9))
    assert there.tally.left_out[claude_code.COPIES] == 2


@given(st.permutations([3, 9, 9, 159]))
def test_the_order_of_the_lines_does_not_matter(outputs: list[int]) -> None:
    lines = [answer(1, at=at, output=output) for at, output in enumerate(outputs)]
    with TemporaryDirectory() as directory:
        call = Found("claude-code", write(Path(directory, "a.jsonl"), lines)).call

    assert call.output_tokens == 159
    assert (call.started_at, call.duration) == (BASE, timedelta(seconds=3))


def test_copies_in_a_resumed_session_count_once_and_stay_with_the_first(found: Callable[..., Found]) -> None:
    first = [question(1), answer(1, at=1), question(2, at=60), answer(2, at=61)]
    fork = [answer(1, at=1, session="fork"), answer(2, at=61, session="fork"), answer(3, at=120, session="fork")]
    there = found(first, fork)

    assert [(call.response_id, call.conversation) for call in there.calls] == [
        (message_id(1), "session-a"),
        (message_id(2), "session-a"),
        (message_id(3), "fork"),
    ]


def test_a_copy_with_another_request_or_none_is_the_same_call(found: Callable[..., Found]) -> None:
    copy = answer(1, at=1, requestId="req_of_a_sidechain", isSidechain=True, session="side")
    bare = answer(1, at=1)
    del bare["requestId"]
    call = found([copy], [answer(1, at=1), bare]).call

    assert call.request_id == request_id(1)
    assert call.channel is None
    assert call.conversation == "session-a"


def test_sidechains_are_calls(found: Callable[..., Found]) -> None:
    calls = found([answer(1), answer(2, at=1, isSidechain=True)]).calls
    assert [call.channel for call in calls] == [None, "sidechain"]


def test_ids_that_are_not_unique_are_not_trusted(found: Callable[..., Found]) -> None:
    short: dict[str, Any] = {"message": {"id": "msg_1"}}
    calls = found(
        [answer(1, **short), answer(1, at=1, **short), answer(2, at=2, **short)],
        [answer(3, at=3, requestId=None, session="b", **short), answer(4, at=4, requestId=None, session="c", **short)],
    ).calls

    assert [call.identity for call in calls] == [
        f"msg_1/{request_id(1)}",
        f"msg_1/{request_id(2)}",
        "msg_1/b",
        "msg_1/c",
    ]
    assert {call.response_id for call in calls} == {None}


def test_a_line_without_any_id_is_its_own_call(found: Callable[..., Found]) -> None:
    bare = answer(1, message={"id": None}, requestId=None)
    there = found([bare, {**bare, "uuid": None}])

    assert there.call.identity == "uuid/assistant-1-0"
    assert there.said[0].endswith(":2: has no message.id, no requestId and no uuid.")


def test_what_claude_code_made_up_is_no_call(found: Callable[..., Found]) -> None:
    made_up = answer(1, message={"model": "<synthetic>"}, isApiErrorMessage=True)
    there = found([made_up, answer(2, message={"usage": None}), *OTHERS])

    assert there.calls == []
    assert there.said == []
    assert dict(there.tally.left_out) == {claude_code.MADE_UP: 1, claude_code.UNMEASURED: 1}


def test_an_answer_that_may_go_on_is_left_for_the_next_import(found: Callable[..., Found]) -> None:
    lines = [answer(1, at=0, output=3, stop=None), answer(2, at=1, output=50)]
    young = found(lines, now=BASE + timedelta(minutes=9))
    old = found(lines, now=BASE + timedelta(minutes=11))

    assert [call.output_tokens for call in young.calls] == [50]
    assert young.tally.left_out[claude_code.UNFINISHED] == 1
    assert [call.output_tokens for call in old.calls] == [3, 50]


def test_calls_on_the_way_to_an_answer_are_calls(found: Callable[..., Found]) -> None:
    advice = {"type": "advisor_message", "model": "claude-opus-4-8", "input_tokens": 900, "output_tokens": 70}
    own = {"type": "message", "input_tokens": 22, "output_tokens": 159}
    squeezed = {"type": "compaction", "input_tokens": 5000, "output_tokens": 300}
    blocks = [answer(1, at=at, message={"usage": usage(iterations=[own, advice, squeezed])}) for at in (1, 2)]
    first, second, third = found(blocks).calls

    assert (first.model, first.input_tokens, first.output_tokens) == ("claude-sonnet-4-5-20250929", 2370, 159)
    assert (second.model, second.input_tokens, second.output_tokens) == ("claude-opus-4-8", 900, 70)
    assert (third.model, third.input_tokens, third.output_tokens) == ("claude-sonnet-4-5-20250929", 5000, 300)
    assert second.response_id is second.request_id is third.request_id is None
    assert len({first.identity, second.identity, third.identity}) == 3


def test_cache_writes_that_are_in_the_parts_only(found: Callable[..., Found]) -> None:
    call = found([answer(1, message={"usage": usage(cache_creation_input_tokens=0)})]).call
    assert (call.input_tokens, call.cache_write_tokens, call.cache_write_1h_tokens) == (2370, 300, 100)


@pytest.mark.parametrize(
    ("more", "tier"),
    [({"service_tier": None}, None), ({"speed": "fast"}, "fast"), ({"service_tier": "batch"}, "batch")],
)
def test_the_service_tier(found: Callable[..., Found], more: dict[str, Any], tier: str | None) -> None:
    assert found([answer(1, message={"usage": usage(**more)})]).call.service_tier == tier


@pytest.mark.parametrize(
    ("prefix", "provider"), [("msg_bdrk_", "aws.bedrock"), ("msg_vrtx_", "gcp.vertex_ai"), ("msg_", None)]
)
def test_the_seller_is_in_the_id(found: Callable[..., Found], prefix: str, provider: str | None) -> None:
    call = found([answer(1, message={"id": prefix + "0123456789abcdefghij"})]).call
    assert call.provider == provider


def test_a_reported_cost(found: Callable[..., Found]) -> None:
    assert found([answer(1, costUSD=0.0035304)]).call.cost == Decimal("0.0035304")


@pytest.mark.parametrize(
    ("parent_at", "began"),
    [(-30, -30), (0, 0), (5, 4), (-3600, 4)],
    ids=["half a minute before", "as the session began", "after it", "an hour before"],
)
def test_when_a_call_began(found: Callable[..., Found], parent_at: float, began: float) -> None:
    call = found([question(1, at=parent_at), answer(1, at=4)]).call
    assert call.started_at == BASE + timedelta(seconds=began)


@pytest.mark.parametrize("cwd", ["/home/ada/src/lighthouse/", "C:\\work\\lighthouse", "lighthouse"])
def test_the_name_is_that_of_the_directory(found: Callable[..., Found], cwd: str) -> None:
    assert found([answer(1, cwd=cwd)]).call.name == "lighthouse"


def test_without_a_directory_there_is_no_name(found: Callable[..., Found]) -> None:
    assert found([answer(1, cwd="/"), answer(2, at=1, cwd=None)]).calls[0].name is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{oh no", "is not JSON"),
        (b"[1]", "is not a line of Claude Code: Expected object, got array"),
        (b'{"type": "assistant", "message": "SECRET-PROMPT"}', "Expected object, got str - at message"),
        (b'{"type": "assistant"}', "Object missing required field message"),
        (jsonl([answer(1, timestamp="SECRET-PROMPT")])[:-1], "timestamp is not a time"),
        (jsonl([answer(1, timestamp=None)])[:-1], "timestamp is missing"),
        (jsonl([answer(1, message={"usage": usage(-1)})])[:-1], "message.usage.output_tokens is not a whole number"),
        (
            jsonl([answer(1, message={"usage": usage(input_tokens=SECRET)})])[:-1],
            "got str - at message.usage.input_tokens",
        ),
        (b'{"type": "assistant", "message": {"id": "\xff"}}', "is not JSON"),
        (b'{"type": ' + b"[" * 100_000, "is not JSON"),
        (b"\0" * 100, "is not JSON"),
    ],
)
def test_bad_lines_are_said_and_skipped(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl([answer(1)]) + line + b"\n" + b"\n  \n" + jsonl([answer(2, at=1)]))
    there = Found("claude-code", path)

    assert len(there.calls) == 2
    (problem,) = there.said
    assert problem.startswith(f"{path}:2: ")
    assert said in problem
    assert "SECRET" not in problem
    with pytest.raises(ImportFailed, match=r"a\.jsonl:2: "):
        Found("claude-code", path, strict=True)


def test_the_last_line_may_be_half_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl([answer(1), answer(2, at=1)])[:-200])
    there = Found("claude-code", path, strict=True)

    assert there.call.response_id == message_id(1)
    assert there.tally.left_out[claude_code.UNFINISHED] == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["type", "message", "timestamp", "uuid", "parentUuid", "sessionId", "requestId", "cwd", "costUSD", "isSidechain"]


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_line_is_read_or_refused(data: bytes) -> None:
    with suppress(BadLine):
        decode(data)


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.dictionaries(st.sampled_from(sorted(usage())), JSON))
def test_any_answer_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, more: Any, used: Any) -> None:
    line = {**answer(1, message={"usage": {**usage(), **used}}), **more}
    path = write(tmp_path_factory.getbasetemp() / "any.jsonl", [line])
    there = Found("claude-code", path)

    assert len(there.calls) + there.tally.bad_lines <= 1
    for call in there.calls:
        assert (call.cache_read_tokens or 0) + (call.cache_write_tokens or 0) <= (call.input_tokens or 10**13)


def test_default_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ImportFailed, match=r"\.claude/projects or .*\.config/claude/projects"):
        claude_code.default_paths({})
    for path in (".claude/projects", ".config/claude/projects", "elsewhere/projects"):
        (tmp_path / path).mkdir(parents=True)

    assert claude_code.default_paths({}) == [tmp_path / ".claude/projects", tmp_path / ".config/claude/projects"]
    assert claude_code.default_paths({"CLAUDE_CONFIG_DIR": f"{tmp_path}/elsewhere"}) == [
        tmp_path / "elsewhere/projects"
    ]
