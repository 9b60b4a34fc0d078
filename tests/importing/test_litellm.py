"""LiteLLM's spend logs: what a row says of a call, which rows are none, and what a table must have."""

import gzip
import json
import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.histories import BASE, SECRET, spend, table
from tests.importing.running import Found
from usage_graph.errors import ImportFailed
from usage_graph.importing import litellm
from usage_graph.importing import table as csv_table


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., Found]:
    def find(*rows: dict[str, Any], **more: Any) -> Found:
        path = tmp_path / "spend.csv"
        path.write_bytes(table(rows))
        return Found("litellm", path, **more)

    return find


def test_a_call(found: Callable[..., Found]) -> None:
    call = found(spend()).call

    assert call.identity == call.response_id == "chatcmpl-A0000000000000000000000000001"
    assert (call.started_at, call.duration) == (BASE + timedelta(milliseconds=250), timedelta(seconds=2.5))
    assert (call.request_model, call.response_model, call.provider) == ("house-model", "gpt-4o", "openai")
    assert (call.source, call.service, call.name, call.user) == (None, "litellm", "billing-bot", "ada")
    assert (call.input_tokens, call.output_tokens) == (1207, 311)
    assert (call.cache_read_tokens, call.cache_write_tokens, call.reasoning_tokens) == (1024, None, 64)
    assert call.cost == Decimal("0.002875")
    assert (call.operation, call.failed, call.error_type) == ("chat", False, None)
    assert SECRET not in repr(call)


def test_columns_in_any_order_and_as_few_as_needed(tmp_path: Path) -> None:
    row = spend()
    for number in range(5):
        shuffled = random.Random(number).sample(sorted(row), len(row))  # noqa: S311
        path = tmp_path / f"{number}.csv"
        path.write_bytes(table([{name: row[name] for name in shuffled}]))
        assert Found("litellm", path).call.cost == Decimal("0.002875")
    path.write_bytes(table([{name: row[name] for name in litellm.REQUIRED}]))
    call = Found("litellm", path).call

    assert (call.model, call.input_tokens, call.cost, call.duration) == ("gpt-4o", 1207, None, timedelta())


@pytest.mark.parametrize(
    "dress",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.rstrip(b"\n"),
        lambda data: data + b"\n\n",
    ],
    ids=["byte order mark", "CRLF", "no last line end", "empty lines"],
)
def test_every_way_to_write_a_table(tmp_path: Path, dress: Callable[[bytes], bytes]) -> None:
    plain, packed = tmp_path / "a.csv", tmp_path / "b.csv.gz"
    plain.write_bytes(dress(table([spend()])))
    packed.write_bytes(gzip.compress(dress(table([spend()], delimiter=";"))))
    assert Found("litellm", plain).call == Found("litellm", packed).call


def test_nothing_is_in_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.touch()
    assert Found("litellm", path).calls == []
    path.write_bytes(table([spend()]).splitlines()[0])
    assert Found("litellm", path).calls == []


def test_a_table_without_what_is_needed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"request_id,model,spend\nx,y,1\n")
    with pytest.raises(ImportFailed, match=r"a\.csv has no column startTime, prompt_tokens, completion_tokens\."):
        Found("litellm", path)
    path.write_bytes(b"model,request_id,model\n")
    with pytest.raises(ImportFailed, match=r"two columns have one name: model\."):
        Found("litellm", path)


def test_anthropic_as_newer_and_older_versions_count_it(found: Callable[..., Found]) -> None:
    used = {
        "cache_read_input_tokens": 2048,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_1h_input_tokens": 100},
        "prompt_tokens_details": {"cached_tokens": 2048},
    }
    metadata = json.dumps({"additional_usage_values": used, "usage_object": None})
    inside, beside = found(
        spend(1, prompt_tokens="2370", metadata=metadata), spend(2, prompt_tokens="22", metadata=metadata)
    ).calls

    for call in (inside, beside):
        assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (2370, 2048, 300)
        assert call.cache_write_1h_tokens == 100


def test_no_spend_with_tokens_is_an_unknown_cost(found: Callable[..., Found]) -> None:
    assert found(spend(spend="0.0")).call.cost is None


def test_no_tokens_are_unknown_tokens(found: Callable[..., Found]) -> None:
    call = found(spend(prompt_tokens="0", completion_tokens="0", call_type="aimage_generation")).call
    assert (call.input_tokens, call.output_tokens, call.cost) == (None, None, Decimal("0.002875"))
    assert call.operation == "image"


def test_a_failed_call(found: Callable[..., Found]) -> None:
    metadata = json.dumps(
        {
            "status": "failure",
            "error_information": {"error_class": "RateLimitError", "error_message": SECRET, "traceback": SECRET},
        }
    )
    nothing = {"spend": "0", "prompt_tokens": "0", "completion_tokens": "0"}
    call = found({**spend(status="failure", metadata=metadata), **nothing}).call

    assert (call.failed, call.error_type) == (True, "RateLimitError")
    assert (call.input_tokens, call.cost) == (None, None)
    assert SECRET not in repr(call)


@pytest.mark.parametrize(
    ("call_type", "operation"),
    [
        ("acompletion", "chat"),
        ("completion", "chat"),
        ("litellm.completion", "chat"),
        ("anthropic_messages", "chat"),
        ("aresponses", "chat"),
        ("atext_completion", "completion"),
        ("aembedding", "embeddings"),
        ("arerank", "rerank"),
        ("atranscription", "audio"),
        ("something_new", "chat"),
        ("", "chat"),
    ],
)
def test_operations(found: Callable[..., Found], call_type: str, operation: str) -> None:
    assert found(spend(call_type=call_type)).call.operation == operation


def test_rows_that_are_no_calls(found: Callable[..., Found]) -> None:
    nothing = {"spend": "0", "prompt_tokens": "0", "completion_tokens": "0"}
    there = found(spend(1, cache_hit="True", spend="0"), {**spend(2, call_type="acreate_file"), **nothing})

    assert there.calls == []
    assert dict(there.tally.left_out) == {litellm.CACHED: 1, litellm.NO_CALLS: 1}


def test_a_session_is_a_conversation_only_if_it_has_several_calls(found: Callable[..., Found]) -> None:
    calls = found(spend(1, session_id="mine"), spend(2), spend(3, session_id="mine"), spend(4, session_id="")).calls
    assert [call.conversation for call in calls] == ["mine", None, "mine", None]


def test_metadata_that_is_not_json_loses_only_the_details(found: Callable[..., Found]) -> None:
    there = found(spend(1, metadata="{'a': 'python'}"), spend(2, metadata=""), spend(3, metadata='{"usage_object": 7}'))

    assert [(call.input_tokens, call.cache_read_tokens) for call in there.calls] == [(1207, None)] * 3
    assert there.tally.left_out[litellm.OPAQUE] == 2


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"startTime": SECRET}, "startTime is not a time"),
        ({"startTime": ""}, "startTime is missing"),
        ({"endTime": SECRET}, "endTime is not a time"),
        ({"prompt_tokens": SECRET}, "prompt_tokens is not a number"),
        ({"completion_tokens": "-3"}, "completion_tokens is not a whole number"),
        ({"spend": "nan"}, "spend is not a number"),
        ({"spend": "1e9"}, "spend is not an amount from 0 to 10000"),
        ({"request_id": " "}, "request_id is missing"),
        ({"model": "\udcff"}, "model is not UTF-8"),
    ],
)
def test_bad_rows_are_said_and_skipped(tmp_path: Path, more: dict[str, str], said: str) -> None:
    path = tmp_path / "a.csv"
    header, first = table([spend(1)]).split(b"\n", 1)
    bad = table([spend(2, **{**more, "model": "x"})]).split(b"\n", 1)[1]
    if "model" in more:
        bad = bad.replace(b",x,abc,", b",\xff,abc,")
    path.write_bytes(header + b"\n" + first + bad + table([spend(3)]).split(b"\n", 1)[1])
    there = Found("litellm", path)

    assert [call.identity[-1] for call in there.calls] == ["1", "3"]
    (problem,) = there.said
    # Each row is on three lines: a message in it is.
    assert problem.startswith(f"{path}:5: {said}")
    assert "SECRET" not in problem


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"a,b", "has 2 values for 5 columns"),
        (b"a,b,c,d,e,f", "has 6 values for 5 columns"),
        (b'"a"b,c,d,e,f', "is not CSV"),
    ],
)
def test_rows_of_another_shape(tmp_path: Path, row: bytes, said: str) -> None:
    path = tmp_path / "a.csv"
    short = table([{name: spend()[name] for name in litellm.REQUIRED}])
    header, good = short.split(b"\n", 1)
    path.write_bytes(header + b"\n" + row + b"\n" + good)
    there = Found("litellm", path)

    assert len(there.calls) == 1
    assert there.said[0].startswith(f"{path}:2: {said}")


@pytest.mark.parametrize("cut", [5, 40, 900])
def test_a_row_that_the_end_cuts_off_is_left_out(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table([spend(1), spend(2)])[:-cut])
    there = Found("litellm", path, strict=True)

    assert len(there.calls) + there.tally.left_out[csv_table.CUT_OFF] == 2
    assert there.calls[0].cost == Decimal("0.002875")


@given(st.binary(max_size=300))
def test_any_bytes_below_the_header_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    short = table([{name: spend()[name] for name in litellm.REQUIRED}])
    path.write_bytes(short + data)
    there = Found("litellm", path)

    assert there.calls[0].identity == spend()["request_id"]
