"""Records in files of our own making: one call a line, as JSON objects (NDJSON) or as CSV with a row of names.

Fields are called as those of ``UsageRecord`` in GraphQL, so that what was asked there can be taken in elsewhere.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any

from usage_graph.errors import ImportFailed
from usage_graph.importing import lines, table
from usage_graph.importing.call import Call
from usage_graph.importing.fields import BadLine, amount, count, milliseconds, moment, text
from usage_graph.importing.tally import Tally
from usage_graph.report.text import printable
from usage_graph.usage import MAX_COST_NANO, MAX_CREDITS_NANO, CallStatus, CostStatus

NDJSON_SUFFIXES = (".ndjson", ".jsonl")
CSV_SUFFIXES = (".csv",)
SUFFIXES = (*NDJSON_SUFFIXES, *CSV_SUFFIXES)

CUT_OFF = table.CUT_OFF

_TEXTS = {
    "source": "source",
    "name": "name",
    "agent": "agent",
    "conversation": "conversation",
    "user": "user",
    "channel": "channel",
    "service": "service",
    "environment": "environment",
    "provider": "provider",
    "requestModel": "request_model",
    "responseModel": "response_model",
    "errorType": "error_type",
    "serviceTier": "service_tier",
    "responseId": "response_id",
    "requestId": "request_id",
}
_COUNTS = {
    "inputTokens": "input_tokens",
    "outputTokens": "output_tokens",
    "cacheReadTokens": "cache_read_tokens",
    "cacheWriteTokens": "cache_write_tokens",
    "cacheWrite1hTokens": "cache_write_1h_tokens",
    "reasoningTokens": "reasoning_tokens",
}
_PARTS = (
    (("cacheReadTokens", "cacheWriteTokens"), "inputTokens"),
    (("cacheWrite1hTokens",), "cacheWriteTokens"),
    (("reasoningTokens",), "outputTokens"),
)
_DERIVED = ("totalTokens", "suspect")
"""Told by the API, too, and worked out anew."""
FIELDS = frozenset(
    {"id", "startedAt", "durationMs", "operation", "status", "cost", "costStatus", "credits", "traceId", "spanId"}
).union(_TEXTS, _COUNTS, _DERIVED)
OPERATIONS = ("chat", "completion", "embeddings", "rerank", "image", "audio", "other")


class Format(StrEnum):
    NDJSON = "ndjson"
    CSV = "csv"


def format_of(path: Path, given: Format | None) -> Format:
    """``given``, else what the file's name says.

    Raises:
        ImportFailed: it says nothing.
    """
    if given is not None:
        return given
    name = path.name.lower().removesuffix(lines.GZIP)
    if name.endswith(CSV_SUFFIXES):
        return Format.CSV
    if name.endswith(NDJSON_SUFFIXES):
        return Format.NDJSON
    raise ImportFailed(f"{printable(str(path))}: say --format ndjson or --format csv; the name does not tell.")


def check(files: Sequence[Path], *, format: Format | None = None) -> None:
    """Return if their formats are known, and the columns of those that are CSV.

    Raises:
        ImportFailed: says which is not.
    """
    for path in files:
        if format_of(path, format) is not Format.CSV:
            continue
        names = table.columns(path)
        if unknown := [name for name in names if name not in FIELDS]:
            raise ImportFailed(
                f"{printable(str(path))} has columns that no record has: {table.named(unknown)}. Rename them, or leave "
                f"them out; there are {', '.join(sorted(FIELDS))}."
            )
        if names and "startedAt" not in names:
            raise ImportFailed(f"{printable(str(path))} has no column startedAt: when each call was made.")


def read(files: Sequence[Path], tally: Tally, *, now: datetime, format: Format | None = None) -> Iterator[Call]:
    """The calls of all lines, as they are read."""
    for path in files:
        met: Counter[str] = Counter()
        found = _table(path, tally) if format_of(path, format) is Format.CSV else _objects(path, tally)
        for number, values in found:
            try:
                yield _call(values, met)
            except BadLine as error:
                tally.bad(path, number, str(error))


def _table(path: Path, tally: Tally) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return ((row.number, row.values) for row in table.rows(path, tally))


def _objects(path: Path, tally: Tally) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line in lines.read(path, tally):
        data = line.data.removeprefix(b"\xef\xbb\xbf") if line.number == 1 else line.data
        if not data or data.isspace():
            continue
        try:
            values = json.loads(data, parse_float=_decimal, parse_constant=_refuse)
        except (ValueError, ArithmeticError, RecursionError):
            if line.whole:
                tally.bad(path, line.number, "is not JSON")
            else:
                tally.left_out[CUT_OFF] += 1
            continue
        if isinstance(values, dict):
            yield line.number, values
        else:
            tally.bad(path, line.number, "is not a JSON object")


def _decimal(number: str) -> Decimal:
    return Decimal(number)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _call(values: Mapping[str, Any], met: Counter[str]) -> Call:
    """``met`` counts the lines without an id, so that two that are equal are two calls."""
    if unknown := sorted(name for name in values if name not in FIELDS):
        raise BadLine(f"has fields that no record has: {table.named(unknown)}")
    identity = _identity(values, met)
    started_at = moment("startedAt", values.get("startedAt"))
    texts: dict[str, Any] = {field: text(name, values.get(name)) for name, field in _TEXTS.items()}
    counts: dict[str, Any] = {field: count(name, values.get(name)) for name, field in _COUNTS.items()}
    measured = counts["input_tokens"] is not None or counts["output_tokens"] is not None
    if not (texts["request_model"] or texts["response_model"] or measured):
        raise BadLine("has neither a model (requestModel, responseModel) nor tokens (inputTokens, outputTokens)")
    _check_parts(counts)
    cost = amount("cost", values.get("cost"), most_nano=MAX_COST_NANO)
    computed = _one_of(CostStatus, "costStatus", values.get("costStatus")) is CostStatus.COMPUTED
    status = _one_of(CallStatus, "status", values.get("status"))
    return Call(
        identity=identity,
        started_at=started_at,
        duration=milliseconds("durationMs", values.get("durationMs")),
        operation=_operation(values.get("operation")),
        failed=status is CallStatus.ERROR or (status is None and texts["error_type"] is not None),
        cost=None if computed else cost,
        credits=amount("credits", values.get("credits"), most_nano=MAX_CREDITS_NANO),
        span=_span(values.get("traceId"), values.get("spanId")),
        **counts,
        **texts,
    )


def _check_parts(counts: Mapping[str, int | None]) -> None:
    """Raises BadLine where parts are more than their whole: the counts of somebody who leaves the parts out of it."""
    for parts, whole in _PARTS:
        most = counts[_COUNTS[whole]]
        if most is not None and sum(counts[_COUNTS[part]] or 0 for part in parts) > most:
            raise BadLine(f"{' and '.join(parts)} are more than {whole}, which includes them")


def _identity(values: Mapping[str, Any], met: Counter[str]) -> str:
    if text("id", given := values.get("id")) is not None:
        return f"id/{given}"
    said = {name: str(value) for name, value in sorted(values.items()) if value is not None and value != ""}
    digest = blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()
    met[digest] += 1
    return f"line/{digest}/{met[digest]}"


def _operation(value: Any) -> str:
    operation = (text("operation", value) or OPERATIONS[0]).lower()
    if operation not in OPERATIONS:
        raise BadLine(f"operation is none of {', '.join(OPERATIONS)}")
    return operation


def _one_of(known: type[StrEnum], name: str, value: Any) -> StrEnum | None:
    word = text(name, value)
    if word is None:
        return None
    try:
        return known(word.upper())
    except ValueError:
        raise BadLine(f"{name} is none of {', '.join(known)}") from None


def _span(trace: Any, span: Any) -> tuple[bytes, bytes] | None:
    """Both ids, or none."""
    given = text("traceId", trace), text("spanId", span)
    if given == (None, None):
        return None
    try:
        ids = bytes.fromhex(given[0] or ""), bytes.fromhex(given[1] or "")
    except ValueError:
        ids = b"", b""
    if (len(ids[0]), len(ids[1])) != (16, 8) or not any(ids[0]) or not any(ids[1]):
        raise BadLine("traceId and spanId are not 32 and 16 hexadecimal digits that are not all 0")
    return ids
