"""Every captured payload, against what its manifest says the telemetry shows."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from tests.processor.conftest import NOW
from tests.processor.payloads import Captured, captured, manifest
from usage_graph.observation import Observation
from usage_graph.processor import LEAF_KEYS, TELLING_KEYS, WANTED, NotACall, Processor, Rejection
from usage_graph.usage import UsageRecord, from_nano


class Surplus(NamedTuple):
    """What the spans of a case have too much, as one call is in several of them: calls and tokens."""

    why: str
    calls: int
    failed: int
    input_tokens: int
    output_tokens: int


# Until the store merges them. Equal tokens are only taken for one call's where records are stored.
SURPLUS = {
    "traceloop-anthropic": Surplus("the SDK's spans, with the same response ids", 4, 1, 9486, 420),
    "oinf-anthropic": Surplus("the SDK's spans below the others, or beside them", 4, 1, 9486, 418),
    "pai-anthropic": Surplus("the SDK's spans, with the same response ids", 3, 0, 7113, 309),
    "vercel-ai7": Surplus("an embedding inside an embedding", 1, 0, 0, 0),
    "lc-oinf-both": Surplus("LangChain's and OpenAI's instrumentation, without a common id", 3, 0, 3642, 966),
    "strands": Surplus("the SDK's span below the other", 1, 0, 2372, 106),
    "mixed-simple": Surplus("the SDK's span, with the same response id", 1, 0, 2371, 103),
}
NO_SURPLUS = Surplus("", 0, 0, 0, 0)

# Their log events count, not their spans.
FROM_LOGS = ("codex", "gemini-cli")
FROM_SPANS = [case for case in manifest() if case not in FROM_LOGS]

# case -> fields that the span tells and the manifest's prototype did not read. A framework is no provider.
READ_BEYOND_MANIFEST: dict[str, dict[str, dict[Any, Any]]] = {
    "litellm": {"provider": {None: "openai"}},
    "langfuse": {"provider": {None: "openai|anthropic"}},
    "strands": {"provider": {"strands-agents": "openai|anthropic"}},
    "lc-traceloop": {"agent": {None: "weather_agent"}},
    "lc-oinf-both": {"agent": {None: "weather_agent"}},
}

# What a merge may take from another span of the call.
MERGED = {"response_model", "reasoning", "session", "user", "agent", "cost_usd_reported"}


@pytest.fixture
def outcomes(processor: Processor) -> Callable[[str], list[Observation | NotACall]]:
    def of(case: str) -> list[Observation | NotACall]:
        found: list[Observation | NotACall] = []
        for span in captured(case):
            outcome = processor.observe(*span[:3], project=None, now=NOW)
            assert not isinstance(outcome, Rejection)
            found.append(outcome)
        return found

    return of


@pytest.fixture
def records(outcomes: Callable[[str], list[Observation | NotACall]]) -> Callable[[str], list[UsageRecord]]:
    return lambda case: [outcome.record for outcome in outcomes(case) if isinstance(outcome, Observation)]


def total(records: list[UsageRecord], field: str) -> int:
    return sum(getattr(record, field) or 0 for record in records)


@pytest.mark.parametrize("case", FROM_SPANS)
def test_calls_and_tokens_add_up(case: str, records: Callable[[str], list[UsageRecord]]) -> None:
    found, expected = records(case), manifest()[case]["expected_from_telemetry"]
    _, calls, failed, input_tokens, output_tokens = SURPLUS.get(case, NO_SURPLUS)
    assert {
        "records_ok": sum(not record.failed for record in found) - calls,
        "records_error": sum(record.failed for record in found) - failed,
        "input_tokens_incl_cached": total(found, "input_tokens") - input_tokens,
        "output_tokens_incl_reasoning": total(found, "output_tokens") - output_tokens,
    } == {name: expected[name] for name in expected if name.startswith("records_") or "_incl_" in name}
    if case not in SURPLUS:
        assert {
            name: total(found, name) for name in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
        } == {name: expected[name] for name in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens")}


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


@pytest.mark.parametrize("case", [case for case in FROM_SPANS if case != "claude-code"])
def test_each_record(case: str, records: Callable[[str], list[UsageRecord]]) -> None:
    """Each expected record is there; none is too many but the spans that repeat one.

    Of Claude Code the log event is expected, which the span repeats.
    """
    found = {record.span_id.hex(): shown(record) for record in records(case)}
    beyond = READ_BEYOND_MANIFEST.get(case, {})
    rows = [row for row in manifest()[case]["expected_records"] if row["span_id"] in found]
    assert len(found) - len(rows) == sum(SURPLUS.get(case, NO_SURPLUS)[1:3])
    merged = MERGED if case in SURPLUS else set()
    if case == "traceloop-anthropic":
        merged = MERGED | {"output_tokens"}  # of a stream it adds the first count to the last
    for row in rows:
        got = found[row["span_id"]]
        assert got == {**expected_record(row, beyond, got), **{field: got[field] for field in merged}}


@pytest.mark.parametrize("case", manifest())
def test_ids_by_which_observations_are_merged(
    case: str, outcomes: Callable[[str], list[Observation | NotACall]]
) -> None:
    observed = {seen.record.span_id.hex(): seen for seen in outcomes(case) if isinstance(seen, Observation)}
    for row in manifest()[case]["expected_records"]:
        seen = observed.get(row["span_id"])
        if seen is None or (seen.response_id is None and case == "strands"):
            continue  # a log event's, or from the span that is merged with it
        assert seen.response_id == row["response_id"]
    for span in captured(case):
        if seen := observed.get(span.span.span_id.hex()):
            assert seen.parent_span_id == span.span.parent_span_id
            assert seen.scope == span.scope.name
            assert seen.trusted is span.scope.name.startswith("com.anthropic.sdk")
            resource = span.resource.attributes
            assert seen.instance == resource.get("service.instance.id", resource.get("service.name"))
            assert seen.request_id == span.span.attributes.get(
                "anthropic.request.id", span.span.attributes.get("request_id")
            )
            assert seen.source_derived


@pytest.mark.parametrize("case", manifest())
def test_no_library_contradicts_itself_or_is_unknown(
    case: str, outcomes: Callable[[str], list[Observation | NotACall]]
) -> None:
    for outcome in outcomes(case):
        assert not (outcome.unrecognised if isinstance(outcome, NotACall) else outcome.record.suspect)


# Whom calls are for, where only spans above them say it: conversation, user, agent, channel.
TOLD_ABOVE = {
    "pai1-openai": {(None, None, "weather_agent", None), (None, None, "researcher", None)},
    "vercel-ai7": {(None, None, "weather-fn", None)},
    "strands": {
        ("sess-42", "user-7", "weather_agent", None),
        ("sess-42", "user-7", None, None),
        (None, None, "anthropic_agent", None),
    },
    "agents-both": {(None, None, "weather_agent", None)},
    "adk": {
        ("sess-42", None, "weather_agent", None),
        ("sess-42", None, None, None),
        (None, None, "weather_agent", None),
    },
    "lc-traceloop": {("sess-42", "user-7", "weather_agent", None), (None, None, "weather_agent", None)},
    "mixed-simple": {("sess-42", "user-7", None, "web")},
    "codex": set(),
    "gemini-cli": set(),
}


@pytest.mark.parametrize("case", TOLD_ABOVE)
def test_what_spans_above_calls_tell(case: str, outcomes: Callable[[str], list[Observation | NotACall]]) -> None:
    told = {outcome.ancestor[4:8] for outcome in outcomes(case) if isinstance(outcome, NotACall)}
    assert told - {(None,) * 4} == TOLD_ABOVE[case]


def test_the_spans_of_agents_whose_logs_count(outcomes: Callable[[str], list[Observation | NotACall]]) -> None:
    for case in FROM_LOGS:
        assert {outcome[1:] for outcome in outcomes(case)} == {(False, False)}


def test_order_does_not_matter(processor: Processor) -> None:
    for case in manifest():
        spans = captured(case)
        forth = [processor.observe(*span[:3], project=None, now=NOW) for span in spans]
        back = [processor.observe(*span[:3], project=None, now=NOW) for span in reversed(spans)]
        assert forth == back[::-1]


@pytest.mark.parametrize("case", manifest())
def test_nothing_but_the_allow_list_is_read(case: str, processor: Processor) -> None:
    """What decoders drop changes nothing: the same records come from the wanted attributes alone."""
    for span in captured(case):
        wanted = {key: value for key, value in span.span.attributes.items() if key in WANTED}
        bare = span.span._replace(attributes=wanted, name="", kind=0)
        full = processor.observe(*span[:3], project=None, now=NOW)
        assert full == processor.observe(span.resource, span.scope, bare, project=None, now=NOW)


@pytest.mark.parametrize("case", manifest())
def test_spans_without_a_telling_key_need_not_be_read(
    case: str, outcomes: Callable[[str], list[Observation | NotACall]]
) -> None:
    for span, outcome in zip(captured(case), outcomes(case), strict=True):
        if isinstance(outcome, Observation):
            assert not LEAF_KEYS.isdisjoint(span.span.attributes)
        elif TELLING_KEYS.isdisjoint(span.span.attributes):
            assert outcome.ancestor[4:8] == (None,) * 4
            assert (outcome.certain, outcome.unrecognised) == (False, False)


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
        record = repr(processor.observe(*span[:3], project=None, now=NOW))
        leaked = [text for text in (*PROMPTS, *unwanted_texts(span)) if text in record]
        assert not leaked


def test_the_payloads_hold_content_that_could_leak() -> None:
    everything = b"".join(span.raw for case in manifest() for span in captured(case))
    assert all(prompt.encode() in everything for prompt in PROMPTS)
    assert sum(len(unwanted_texts(span)) for case in manifest() for span in captured(case)) > 500
