"""Records in files of one's own: fields, identity, and what is refused."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importing.histories import BASE, SECRET, jsonl
from tests.importing.running import Found
from usage_graph.errors import ImportFailed
from usage_graph.importing import records
from usage_graph.importing.records import FIELDS, Format

FULL: dict[str, Any] = {
    "id": "call-1",
    "startedAt": "2026-10-05T11:00:00+02:00",
    "durationMs": 2500.5,
    "source": "batch",
    "name": "summarise",
    "agent": "reader",
    "conversation": "c-1",
    "user": "ada",
    "channel": "cron",
    "service": "reports",
    "environment": "production",
    "provider": "openai",
    "requestModel": "gpt-4o",
    "responseModel": "gpt-4o-2024-08-06",
    "operation": "chat",
    "status": "ERROR",
    "errorType": "Timeout",
    "inputTokens": 1207,
    "outputTokens": 311,
    "cacheReadTokens": 1024,
    "cacheWriteTokens": 100,
    "cacheWrite1hTokens": 40,
    "reasoningTokens": 64,
    "totalTokens": 1518,
    "suspect": False,
    "cost": "0.002875",
    "costStatus": "REPORTED",
    "credits": 1.5,
    "serviceTier": "priority",
    "responseId": "chatcmpl-abc",
    "requestId": "req_abc",
    "traceId": "0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
}
LEAST: dict[str, Any] = {"startedAt": "2026-10-05T09:00:00Z", "inputTokens": 5}


def table(rows: Iterable[Mapping[str, Any]]) -> bytes:
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., Found]:
    def find(*lines: Mapping[str, Any], **more: Any) -> Found:
        path = tmp_path / "calls.ndjson"
        path.write_bytes(jsonl(lines))
        return Found("records", path, **more)

    return find


def test_every_field_has_an_example() -> None:
    assert set(FULL) == FIELDS


@pytest.mark.parametrize(("name", "write"), [("a.ndjson", jsonl), ("a.jsonl", jsonl), ("a.csv", table)])
def test_a_call(tmp_path: Path, name: str, write: Callable[..., bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(write([FULL]))
    call = Found("records", path).call

    assert (call.started_at, call.duration) == (BASE, timedelta(milliseconds=2500.5))
    assert (call.source, call.name, call.agent, call.conversation) == ("batch", "summarise", "reader", "c-1")
    assert (call.user, call.channel, call.service, call.environment) == ("ada", "cron", "reports", "production")
    assert (call.provider, call.request_model, call.response_model) == ("openai", "gpt-4o", "gpt-4o-2024-08-06")
    assert (call.operation, call.failed, call.error_type) == ("chat", True, "Timeout")
    assert (call.input_tokens, call.output_tokens, call.reasoning_tokens) == (1207, 311, 64)
    assert (call.cache_read_tokens, call.cache_write_tokens, call.cache_write_1h_tokens) == (1024, 100, 40)
    assert (call.cost, call.credits) == (Decimal("0.002875"), Decimal("1.5"))
    assert (call.service_tier, call.response_id, call.request_id) == ("priority", "chatcmpl-abc", "req_abc")
    assert call.span == (bytes.fromhex(FULL["traceId"]), bytes.fromhex(FULL["spanId"]))


def test_the_least(found: Callable[..., Found]) -> None:
    first, second = found(LEAST, {"startedAt": "2026-10-05T09:00:00Z", "requestModel": "m"}).calls

    assert (first.input_tokens, first.output_tokens, first.model, first.cost) == (5, None, None, None)
    assert (second.input_tokens, second.model, second.failed, second.span) == (None, "m", False, None)


def test_blank_and_null_are_missing(tmp_path: Path, found: Callable[..., Found]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table([{**dict.fromkeys(FULL, ""), **LEAST}]))

    assert Found("records", path).call == found({**dict.fromkeys(FULL), **LEAST}).call == found(LEAST).call


def test_equal_lines_are_two_calls_and_the_same_ones_again(found: Callable[..., Found]) -> None:
    first = found(LEAST, LEAST, {**LEAST, "user": "bob"}).calls
    again = found({"inputTokens": 5, "startedAt": LEAST["startedAt"]}, LEAST, LEAST).calls

    assert len({call.identity for call in first}) == 3
    assert [call.identity for call in again][:2] == [call.identity for call in first][:2]
    assert again[2].identity not in {call.identity for call in first}


def test_an_id_is_the_identity_whatever_the_rest_says(found: Callable[..., Found]) -> None:
    one, other = found({**LEAST, "id": "x"}, {**LEAST, "id": "x", "inputTokens": 6}).calls
    assert one.identity == other.identity
    long = found({**LEAST, "id": "x" * 300 + "1"}, {**LEAST, "id": "x" * 300 + "2"}).calls
    assert long[0].identity != long[1].identity


def test_a_computed_cost_is_computed_anew(found: Callable[..., Found]) -> None:
    computed, reported, plain = found(
        {**LEAST, "cost": "0.5", "costStatus": "COMPUTED"},
        {**LEAST, "cost": "0.5", "costStatus": "reported"},
        {**LEAST, "cost": 0.5},
    ).calls
    assert (computed.cost, reported.cost, plain.cost) == (None, Decimal("0.5"), Decimal("0.5"))


def test_an_error_type_means_an_error_unless_it_is_said_not_to_be(found: Callable[..., Found]) -> None:
    calls = found({**LEAST, "errorType": "Timeout"}, {**LEAST, "errorType": "Timeout", "status": "ok"}).calls
    assert [call.failed for call in calls] == [True, False]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"startedAt": None}, "startedAt is missing"),
        ({"startedAt": SECRET}, "startedAt is not a time such as 2026-11-01T12:00:00Z"),
        ({"startedAt": 1_790_000_000}, "startedAt is not a time"),
        ({"inputTokens": None}, "has neither a model (requestModel, responseModel) nor tokens"),
        ({"inputTokens": "many"}, "inputTokens is not a number"),
        ({"inputTokens": -1}, "inputTokens is not a whole number"),
        ({"inputTokens": True}, "inputTokens is not a number"),
        ({"cost": "1 USD"}, "cost is not a number"),
        ({"cost": 20000}, "cost is not an amount from 0 to 10000"),
        ({"durationMs": -5}, "durationMs is not a number of milliseconds"),
        ({"operation": SECRET}, "operation is none of chat, completion, embeddings, rerank, image, audio, other"),
        ({"status": SECRET}, "status is none of OK, ERROR"),
        ({"costStatus": SECRET}, "costStatus is none of REPORTED, COMPUTED, UNPRICED"),
        ({"user": ["ada"]}, "user is not text"),
        ({"user": "\ud800"}, "user is not UTF-8"),
        ({"prompt": SECRET, "b": 1}, "has fields that no record has: b, prompt"),
        ({f"x{number}" * 30: 1 for number in range(9)}, "and 4 more"),
        (
            {"cacheReadTokens": 3, "cacheWriteTokens": 3},
            "cacheReadTokens and cacheWriteTokens are more than inputTokens",
        ),
        ({"outputTokens": 3, "reasoningTokens": 4}, "reasoningTokens are more than outputTokens"),
        ({"traceId": "0af7651916cd43dd8448eb211c80319c"}, "traceId and spanId are not"),
        ({"traceId": "0" * 32, "spanId": "b7ad6b7169203331"}, "traceId and spanId are not"),
        ({"traceId": "x" * 32, "spanId": "b7ad6b7169203331"}, "traceId and spanId are not"),
    ],
)
def test_bad_lines_are_said_and_skipped(found: Callable[..., Found], more: dict[str, Any], said: str) -> None:
    there = found({**LEAST, "id": 1}, {**LEAST, **more}, {**LEAST, "id": 3})

    assert [call.identity for call in there.calls] == ["id/1", "id/3"]
    (problem,) = there.said
    assert f".ndjson:2: {said}" in problem or said.startswith("and")
    assert "SECRET" not in problem
    assert len(problem) < 600
    with pytest.raises(ImportFailed, match=r":2: "):
        found({**LEAST, "id": 1}, {**LEAST, **more}, strict=True)


@pytest.mark.parametrize(
    "line", [b"{oh", b"NaN", b'{"cost": NaN}', b"[]", b"7", b'"a"', b"\xff", b"[" * 10**5, b"9" * 5000]
)
def test_what_is_no_object(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b"\xef\xbb\xbf" + jsonl([LEAST]) + line + b"\n\n")
    there = Found("records", path)

    assert len(there.calls) == 1
    assert there.said[0].startswith(f"{path}:2: is not ")
    assert "JSON" in there.said[0]


def test_the_last_line_may_be_half_written(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(jsonl([LEAST, FULL])[:-30])
    there = Found("records", path, strict=True)

    assert len(there.calls) == 1
    assert there.tally.left_out[records.CUT_OFF] == 1


def test_unknown_columns_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.csv", tmp_path / "b.csv"
    good.write_bytes(table([LEAST]))
    bad.write_bytes(table([{**LEAST, "prompt": SECRET, "Cost": 1}]))
    with pytest.raises(
        ImportFailed, match=r"b\.csv has columns that no record has: prompt, Cost\. .* there are agent, "
    ):
        Found("records", good, bad)
    bad.write_bytes(b"inputTokens\n5\n")
    with pytest.raises(ImportFailed, match=r"b\.csv has no column startedAt"):
        Found("records", good, bad)


def test_the_format_is_in_the_name_or_said(tmp_path: Path) -> None:
    path = tmp_path / "calls.txt"
    path.write_bytes(jsonl([LEAST]))
    with pytest.raises(ImportFailed, match=r"calls\.txt: say --format ndjson or --format csv"):
        Found("records", path)
    assert Found("records", path, format=Format.NDJSON).call.input_tokens == 5
    path.write_bytes(table([LEAST]))
    assert Found("records", path, format=Format.CSV).call.input_tokens == 5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from(sorted(FIELDS)), JSON), max_size=4), st.binary(max_size=40))
def test_any_line_is_a_call_or_is_said(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]], rest: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.ndjson"
    path.write_bytes(jsonl([LEAST, *({**FULL, **line} for line in lines)]) + rest.replace(b"\n", b"") + b"\n")
    there = Found("records", path)

    assert len(there.calls) + there.tally.bad_lines == len(lines) + 1 + bool(rest.replace(b"\n", b"").strip())
