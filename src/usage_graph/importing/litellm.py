"""LiteLLM's spend logs: its table ``LiteLLM_SpendLogs`` as CSV.

API keys, addresses, messages and responses that are in the table, too, are not read. Tokens are inclusive, as LiteLLM
counts them; a ``spend`` above 0 is the cost, 0 is what it writes for a model that it has no price for.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from usage_graph.errors import ImportFailed
from usage_graph.importing import table
from usage_graph.importing.call import Call
from usage_graph.importing.fields import BadLine, amount, between, count, moment, text
from usage_graph.importing.tally import Tally
from usage_graph.report.text import printable
from usage_graph.usage import MAX_COST_NANO

SUFFIXES = (".csv",)
NAME = "litellm"
REQUIRED = ("request_id", "startTime", "model", "prompt_tokens", "completion_tokens")

CACHED = "answers from LiteLLM's own cache, without a call"
NO_CALLS = "requests without tokens and spend that are no LLM calls (batches, files, health checks ...)"
OPAQUE = "calls whose metadata is not JSON: their cached tokens are unknown"

# Of call_type, without the "a" of what ran asynchronously.
_OPERATIONS = {
    "completion": "chat",
    "responses": "chat",
    "anthropic_messages": "chat",
    "generate_content": "chat",
    "generate_content_stream": "chat",
    "pass_through_endpoint": "chat",
    "text_completion": "completion",
    "embedding": "embeddings",
    "rerank": "rerank",
    "image_generation": "image",
    "image_edit": "image",
    "speech": "audio",
    "transcription": "audio",
}

Number = int | float | None


class _Parts(msgspec.Struct):
    cached_tokens: Number = None
    reasoning_tokens: Number = None


class _Written(msgspec.Struct):
    ephemeral_1h_input_tokens: Number = None


class _Usage(msgspec.Struct):
    cache_read_input_tokens: Number = None
    cache_creation_input_tokens: Number = None
    prompt_tokens_details: _Parts | None = None
    completion_tokens_details: _Parts | None = None
    cache_creation: _Written | None = None


class _Failure(msgspec.Struct):
    error_class: str | None = None
    error_code: str | int | None = None


class _Metadata(msgspec.Struct):
    """What is wanted of it; the rest is skipped."""

    usage_object: _Usage | None = None
    additional_usage_values: _Usage | None = None
    error_information: _Failure | None = None
    status: str | None = None
    user_api_key_alias: str | None = None


_metadata = msgspec.json.Decoder(_Metadata)


def check(files: Sequence[Path]) -> None:
    """Return if all of them have the columns that are needed.

    Raises:
        ImportFailed: one has not; says which.
    """
    for path in files:
        names = table.columns(path)
        missing = [name for name in REQUIRED if name not in names]
        if names and missing:
            raise ImportFailed(
                f"{printable(str(path))} has no column {table.named(missing)}. It takes a table LiteLLM_SpendLogs as "
                "CSV, with the names of its columns in the first line."
            )


def read(files: Sequence[Path], tally: Tally, *, now: datetime) -> Iterator[Call]:
    """The calls of all rows, as they are read."""
    sessions = _sessions(files)
    for path in files:
        for row in table.rows(path, tally):
            try:
                call = _call(row.values, sessions, tally)
            except BadLine as error:
                tally.bad(path, row.number, str(error))
            else:
                if call is not None:
                    yield call


def _sessions(files: Sequence[Path]) -> frozenset[int]:
    """Those that have more than one call: LiteLLM makes up a session for each call that was given none."""
    silent = Tally(say=lambda _: None)
    met: Counter[int] = Counter()
    for path in files:
        if "session_id" in table.columns(path):
            met.update(hash(row.values["session_id"]) for row in table.rows(path, silent))
    return frozenset(session for session, calls in met.items() if calls > 1)


def _call(row: Mapping[str, str], sessions: frozenset[int], tally: Tally) -> Call | None:
    if row.get("cache_hit", "").strip().lower() in ("true", "t", "1"):
        tally.left_out[CACHED] += 1
        return None
    request = text("request_id", row["request_id"])
    if request is None:
        raise BadLine("request_id is missing")
    metadata = _details(row.get("metadata", ""), tally)
    failed = "failure" in (row.get("status", "").strip().lower(), metadata.status)
    spend = amount("spend", row.get("spend"), most_nano=MAX_COST_NANO)
    tokens_in = count("prompt_tokens", row["prompt_tokens"])
    tokens_out = count("completion_tokens", row["completion_tokens"])
    measured = bool(tokens_in or tokens_out)
    kind = row.get("call_type", "").strip().rpartition(".")[2]
    operation = _OPERATIONS.get(kind) or _OPERATIONS.get(kind.removeprefix("a"))
    if operation is None and kind and not measured and not spend:
        tally.left_out[NO_CALLS] += 1
        return None
    started_at = moment("startTime", row["startTime"])
    ended = row.get("endTime", "").strip()
    session = row.get("session_id", "")
    model = text("model", row["model"])
    failure = metadata.error_information or _Failure()
    call = Call(
        identity=request,
        started_at=started_at,
        duration=between(started_at, moment("endTime", ended) if ended else started_at),
        operation=operation or ("chat" if measured else "other"),
        service=NAME,
        name=text("metadata.user_api_key_alias", metadata.user_api_key_alias),
        conversation=text("session_id", session) if hash(session) in sessions else None,
        user=text("end_user", row.get("end_user")) or text("user", row.get("user")),
        provider=text("custom_llm_provider", row.get("custom_llm_provider")),
        request_model=text("model_group", row.get("model_group")) or model,
        response_model=model,
        failed=failed,
        error_type=text("error", failure.error_class or failure.error_code) if failed else None,
        cost=spend or None,
        response_id=request,
    )
    return _used(call, tokens_in, tokens_out, metadata) if measured else call


def _used(call: Call, tokens_in: int | None, tokens_out: int | None, metadata: _Metadata) -> Call:
    """With its tokens. Where more are cached than went in, that version of LiteLLM left them out of the input."""
    sources = [usage for usage in (metadata.additional_usage_values, metadata.usage_object) if usage is not None]
    prompts = [usage.prompt_tokens_details for usage in sources if usage.prompt_tokens_details is not None]
    answers = [usage.completion_tokens_details for usage in sources if usage.completion_tokens_details is not None]
    lifetimes = [usage.cache_creation for usage in sources if usage.cache_creation is not None]
    cached = _first(
        "cached tokens", *(u.cache_read_input_tokens for u in sources), *(part.cached_tokens for part in prompts)
    )
    written = _first("cache_creation_input_tokens", *(usage.cache_creation_input_tokens for usage in sources))
    hour = _first("ephemeral_1h_input_tokens", *(part.ephemeral_1h_input_tokens for part in lifetimes))
    beside = (cached or 0) + (written or 0)
    if tokens_in is not None and beside > tokens_in:
        tokens_in += beside
    return call._replace(
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=None if hour is None else min(hour, written or 0),
        reasoning_tokens=_first("reasoning_tokens", *(part.reasoning_tokens for part in answers)),
    )


def _first(name: str, *values: Number) -> int | None:
    """The first that is above 0; else 0 where one is, else nothing."""
    counts = [number for value in values if (number := count(name, value)) is not None]
    return next(filter(None, counts), 0 if counts else None)


def _details(metadata: str, tally: Tally) -> _Metadata:
    if not metadata.strip():
        return _Metadata()
    try:
        return _metadata.decode(metadata)
    except (msgspec.DecodeError, ValueError, RecursionError):
        tally.left_out[OPAQUE] += 1
        return _Metadata()
