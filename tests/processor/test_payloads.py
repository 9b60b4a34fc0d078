"""Every captured payload, against what its manifest says the telemetry shows."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.processor.conftest import NOW
from tests.processor.payloads import Captured, captured, manifest
from usage_graph.processor import LEAF_KEYS, WANTED, Processor, Rejection
from usage_graph.usage import UsageRecord, from_nano

# One call, several spans: until records of one call are merged, each counts.
# case -> what is missing, records too many, input tokens too many
UNMERGED = {
    "traceloop-anthropic": ("merging by response id, and of failures by time and scope", 5, 9486),
    "oinf-anthropic": ("merging an LLM span with its LLM parent, and by time and tokens", 5, 9486),
    "pai-anthropic": ("merging by response id", 3, 7113),
    "vercel-ai7": ("merging an embedding with its embedding parent", 1, 0),
    "lc-oinf-both": ("merging by time and tokens", 3, 3642),
    "strands": ("merging an LLM span with its LLM parent", 1, 2372),
    "mixed-simple": ("merging by response id", 1, 2371),
}

# What a later issue counts from log events.
FROM_LOGS = {
    "codex": "reading Codex CLI's log events",
    "gemini-cli": "reading Gemini CLI's log events",
}

# case -> fields that the span tells and the manifest's prototype did not read. A framework is no provider.
READ_BEYOND_MANIFEST: dict[str, dict[str, dict[Any, Any]]] = {
    "litellm": {"provider": {None: "openai"}},
    "langfuse": {"provider": {None: "openai|anthropic"}},
    "strands": {"provider": {"strands-agents": "openai|anthropic"}},
    "lc-traceloop": {"agent": {None: "weather_agent"}},
}


def cases(**missing: str) -> list[Any]:
    """All cases; those in ``missing`` are expected to fail for that reason, and only as long as it holds."""
    return [
        pytest.param(case, marks=pytest.mark.xfail(reason=f"needs {missing[case]}", strict=True))
        if case in missing
        else case
        for case in manifest()
    ]


UNMERGED_REASONS = {case: reason for case, (reason, _, _) in UNMERGED.items()}


@pytest.fixture
def records(processor: Processor) -> Callable[[str], list[UsageRecord]]:
    def of(case: str) -> list[UsageRecord]:
        found = [processor.record(*span[:3], project=None, now=NOW) for span in captured(case)]
        assert not [outcome for outcome in found if isinstance(outcome, Rejection)]
        return [outcome for outcome in found if isinstance(outcome, UsageRecord)]

    return of


def total(records: list[UsageRecord], field: str) -> int:
    return sum(getattr(record, field) or 0 for record in records)


@pytest.mark.parametrize("case", cases(**UNMERGED_REASONS, **FROM_LOGS))
def test_calls_and_tokens_add_up(case: str, records: Callable[[str], list[UsageRecord]]) -> None:
    found, expected = records(case), manifest()[case]["expected_from_telemetry"]
    assert {
        "records_ok": sum(not record.failed for record in found),
        "records_error": sum(record.failed for record in found),
        "input_tokens_incl_cached": total(found, "input_tokens"),
        "cache_read_tokens": total(found, "cache_read_tokens"),
        "cache_write_tokens": total(found, "cache_write_tokens"),
        "output_tokens_incl_reasoning": total(found, "output_tokens"),
        "reasoning_tokens": total(found, "reasoning_tokens"),
    } == {name: value for name, value in expected.items() if name != "merged_duplicates"}


def shown(record: UsageRecord) -> dict[str, Any]:
    """A record in the manifest's words."""
    return {
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "provider": record.provider,
        "request_model": record.request_model,
        "response_model": record.response_model,
        "input_tokens": record.input_tokens,
        "cache_read": record.cache_read_tokens,
        "cache_write": record.cache_write_tokens,
        "output_tokens": record.output_tokens,
        "reasoning": record.reasoning_tokens,
        "cost_usd_reported": from_nano(record.cost_nano or 0) if record.cost_reported else None,
        "status": record.status.lower(),
        "session": record.conversation,
        "user": record.user_id,
        "agent": record.agent,
    }


def expected_record(row: dict[str, Any], beyond: dict[str, dict[Any, Any]], got: dict[str, Any]) -> dict[str, Any]:
    """The manifest's row, its cost rounded to nano-USD; where more is read than it has, one of what that may be."""
    row = {name: value for name, value in row.items() if name != "response_id"}
    if row["cost_usd_reported"] is not None:
        row["cost_usd_reported"] = round(Decimal(repr(row["cost_usd_reported"])), 9)
    for field, more in beyond.items():
        if row[field] in more and got[field] in more[row[field]].split("|"):
            row[field] = got[field]
    return row


@pytest.mark.parametrize(
    "case", cases(**UNMERGED_REASONS, **FROM_LOGS, **{"claude-code": "the log event that repeats the span's call"})
)
def test_each_record(case: str, records: Callable[[str], list[UsageRecord]]) -> None:
    found = {record.span_id.hex(): shown(record) for record in records(case)}
    beyond = READ_BEYOND_MANIFEST.get(case, {})
    rows = manifest()[case]["expected_records"]
    assert found == {row["span_id"]: expected_record(row, beyond, found.get(row["span_id"], row)) for row in rows}


@pytest.mark.parametrize("case", UNMERGED)
def test_surplus_until_calls_are_merged(case: str, records: Callable[[str], list[UsageRecord]]) -> None:
    """Each expected record is there with its tokens and models; what is too many is exactly the known duplicates."""
    found, expected = records(case), manifest()[case]
    _, calls, input_tokens = UNMERGED[case]
    by_span = {record.span_id.hex(): shown(record) for record in found}
    for row in expected["expected_records"]:
        for field in ("request_model", "input_tokens", "cache_read", "cache_write", "output_tokens", "status"):
            assert by_span[row["span_id"]][field] == row[field]
    assert len(found) - len(expected["expected_records"]) == calls
    surplus = total(found, "input_tokens") - expected["expected_from_telemetry"]["input_tokens_incl_cached"]
    assert surplus == input_tokens


def test_the_agents_whose_logs_count_have_no_records_from_spans(records: Callable[[str], list[UsageRecord]]) -> None:
    assert [records(case) for case in FROM_LOGS] == [[], []]


def test_order_does_not_matter(processor: Processor) -> None:
    for case in manifest():
        spans = captured(case)
        forth = [processor.record(*span[:3], project=None, now=NOW) for span in spans]
        back = [processor.record(*span[:3], project=None, now=NOW) for span in reversed(spans)]
        assert forth == back[::-1]


@pytest.mark.parametrize("case", manifest())
def test_nothing_but_the_allow_list_is_read(case: str, processor: Processor) -> None:
    """What decoders drop changes nothing: the same records come from the wanted attributes alone."""
    for span in captured(case):
        wanted = {key: value for key, value in span.span.attributes.items() if key in WANTED}
        bare = span.span._replace(attributes=wanted, name="", kind=0, parent_span_id=b"")
        full = processor.record(*span[:3], project=None, now=NOW)
        assert full == processor.record(span.resource, span.scope, bare, project=None, now=NOW)


@pytest.mark.parametrize("case", manifest())
def test_every_call_has_a_leaf_key(case: str, processor: Processor) -> None:
    for span in captured(case):
        if processor.record(*span[:3], project=None, now=NOW) is not None:
            assert not LEAF_KEYS.isdisjoint(span.span.attributes)


PROMPTS = ("terse weather bot", "Weather in Paris", "21 degrees", "SECRET-PROMPT")


def strings(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in strings(item)]
        case dict():
            return [text for item in value.values() for text in strings(item)]
    return []


def unwanted_texts(span: Captured) -> list[str]:
    """Texts that only attributes outside the allow-list hold, long enough not to be in a record by chance."""
    attributes = span.span.attributes
    allowed = repr([value for key, value in attributes.items() if key in WANTED])
    return [
        text
        for key, value in attributes.items()
        if key not in WANTED
        for text in strings(value)
        if len(text) > 16 and text not in allowed
    ]


@pytest.mark.parametrize("case", manifest())
def test_no_content_gets_into_a_record(case: str, processor: Processor) -> None:
    for span in captured(case):
        record = repr(processor.record(*span[:3], project=None, now=NOW))
        leaked = [text for text in (*PROMPTS, *unwanted_texts(span)) if text in record]
        assert not leaked


def test_the_payloads_hold_content_that_could_leak() -> None:
    everything = b"".join(span.raw for case in manifest() for span in captured(case))
    assert all(prompt.encode() in everything for prompt in PROMPTS)
    assert sum(len(unwanted_texts(span)) for case in manifest() for span in captured(case)) > 500
