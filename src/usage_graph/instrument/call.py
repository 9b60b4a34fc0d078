"""``record_call``: one finished LLM call, reported by hand."""

from datetime import datetime, timedelta
from decimal import Context, Decimal
from operator import index
from typing import Final, Literal, SupportsIndex, get_args

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider

from usage_graph.instrument.interval import call_interval, length
from usage_graph.instrument.labels import PREFIX, label_attributes, storable_text
from usage_graph.instrument.scope import labels_in

SCOPE: Final = "usage_graph.instrument"
MAX_TOKENS: Final = 10**12
"""The server takes a larger count for noise and stores it as unknown; so it is refused where it can still be seen."""
MAX_COST: Final = 10**4
MAX_CREDITS: Final = 10**6
"""The same for one call's USD and credits."""
SMALLEST_AMOUNT: Final = Decimal("1e-12")
"""Amounts are sent rounded to this; the server keeps 1e-9."""
ARITHMETIC: Final = Context(prec=28)
"""Not the thread's: an application may have set that to a few digits."""

Operation = Literal[
    "chat",
    "text_completion",
    "generate_content",
    "embeddings",
    "rerank",
    "image_generation",
    "speech",
    "transcription",
]
"""``gen_ai.operation.name`` of what counts as an LLM call. Agent and tool spans contain calls and are not counted."""

Amount = Decimal | str | int | float


def record_call(
    *,
    model: str,
    provider: str | None = None,
    operation: Operation = "chat",
    response_model: str | None = None,
    response_id: str | None = None,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cache_read_tokens: int | None = None,
    cache_write_tokens: int | None = None,
    reasoning_tokens: int | None = None,
    cost: Amount | None = None,
    credits: Amount | None = None,
    started_at: datetime | None = None,
    ended_at: datetime | None = None,
    duration: timedelta | float | None = None,
    first_token: timedelta | float | None = None,
    error: BaseException | str | None = None,
    source: str | None = None,
    name: str | None = None,
    conversation: str | None = None,
    user: str | None = None,
    channel: str | None = None,
    agent: str | None = None,
    turn: str | None = None,
    tracer_provider: TracerProvider | None = None,
) -> None:
    """Report one finished LLM call that no library instruments, as a span of OpenTelemetry's GenAI conventions.

        record_call(model="gpt-5-mini", provider="openai", input_tokens=1207, output_tokens=311, started_at=began)

    The labels of the surrounding ``usage`` apply; those given here win over them. The span is a child of the current
    span and obeys the provider's sampler. Without a configured tracer provider nothing happens, as everywhere in
    OpenTelemetry. Prompt and answer have no place in it, nor has an exception's message.

    Args:
        model: the model asked for.
        provider: who was paid, lower case: ``openai``, ``anthropic``, ``aws.bedrock``, ``gcp.gemini``, ...
        operation: what kind of call it was.
        response_model: the model that answered, where the provider says.
        response_id: the provider's own id of the answer.
        input_tokens: everything that went in, cache reads and writes included.
        output_tokens: everything that came out, reasoning included.
        cache_read_tokens: the part of ``input_tokens`` that came from the provider's cache.
        cache_write_tokens: the part of ``input_tokens`` that was written into it.
        reasoning_tokens: the part of ``output_tokens`` that was reasoning.
        cost: what the call cost, in USD, where it is known better than the price list does; 0 counts as not known
            where there are tokens. ``float`` is taken as the decimal it prints as.
        credits: credits that the application charges for the call.
        started_at: when the call began; with a time zone.
        ended_at: when it ended; now, unless the other two say otherwise.
        duration: how long it took, in seconds or as a ``timedelta``. Any two of the three are enough, one is fine too.
            ``started_at`` alone means that the call ends now.
        first_token: how long after ``started_at`` the first token of a stream came, in seconds or as a ``timedelta``.
        error: the exception or the error code of a failed call; only its type is sent.
        source, name, conversation, user, channel, agent, turn: labels as in ``usage``.
        tracer_provider: the provider to use instead of the global one.

    Raises:
        TypeError: a value has the wrong type.
        ValueError: a value is impossible: a negative or absurd count or amount, parts larger than their whole, an
            interval that ends before it starts or lies in the future, a first token after the end, an unknown
            operation.
    """
    if operation not in get_args(Operation):
        raise ValueError(f"record_call(operation={operation!r}): use one of {', '.join(get_args(Operation))}.")
    text = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _text("provider", provider),
        "gen_ai.request.model": _model(model),
        "gen_ai.response.model": _text("response_model", response_model),
        "gen_ai.response.id": _text("response_id", response_id),
        "error.type": _error_type(error),
        "usage_graph.cost": _amount("cost", cost, limit=MAX_COST),
    }
    counts = _counts(input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens)
    labels = label_attributes(
        "record_call",
        {
            "source": source,
            "name": name,
            "conversation": conversation,
            "user": user,
            "channel": channel,
            "agent": agent,
            "turn": turn,
        },
    )
    began, ended = call_interval(started_at, ended_at, duration)
    first_token_ns = length("first_token", first_token)
    if first_token_ns is not None and first_token_ns > ended - began:
        raise ValueError("record_call(first_token=...) is longer than the call took.")
    attributes: dict[str, str | int | float] = {**labels_in(), **labels, **counts}
    attributes.update((key, value) for key, value in text.items() if value)
    if (charged := _amount("credits", credits, limit=MAX_CREDITS)) is not None:
        attributes[PREFIX + "credits"] = float(charged) if "." in charged else int(charged)
    if first_token_ns is not None:
        attributes[PREFIX + "first_token_ms"] = first_token_ns / 10**6

    tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
    span = tracer.start_span(f"{operation} {model}", kind=SpanKind.CLIENT, attributes=attributes, start_time=began)
    if error is not None:
        span.set_status(Status(StatusCode.ERROR))
    span.end(ended)


def _text(name: str, value: str | None) -> str | None:
    return None if value is None else storable_text(f"record_call({name}=...)", value)


def _model(value: str) -> str:
    model = storable_text("record_call(model=...)", value)
    if not model:
        raise ValueError("record_call(model=''): a call without a model cannot be priced; name the model asked for.")
    return model


def _error_type(error: BaseException | str | None) -> str | None:
    """``error.type`` as OpenTelemetry has it: the exception's full class name, or the given code."""
    if isinstance(error, BaseException):
        kind = type(error)
        return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return None if error is None else storable_text("record_call(error=...)", error) or "_OTHER"


def _counts(
    input_tokens: int | None, output_tokens: int | None, read: int | None, write: int | None, reasoning: int | None
) -> dict[str, int]:
    input_tokens = _count("input_tokens", input_tokens)
    output_tokens = _count("output_tokens", output_tokens)
    read, write = _count("cache_read_tokens", read), _count("cache_write_tokens", write)
    reasoning = _count("reasoning_tokens", reasoning)
    if input_tokens is not None and (cached := (read or 0) + (write or 0)) > input_tokens:
        raise ValueError(
            f"record_call(): {cached} cached tokens are more than input_tokens={input_tokens}. input_tokens includes"
            " cache reads and writes; where the provider counts them apart (as Anthropic does), pass the sum."
        )
    if output_tokens is not None and (reasoning or 0) > output_tokens:
        raise ValueError(
            f"record_call(): reasoning_tokens={reasoning} are more than output_tokens={output_tokens}. output_tokens"
            " includes reasoning; where the provider counts it apart (as Gemini does), pass the sum."
        )
    counts = {
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
        "gen_ai.usage.cache_read.input_tokens": read,
        "gen_ai.usage.cache_write.input_tokens": write,
        "gen_ai.usage.reasoning.output_tokens": reasoning,
    }
    return {key: count for key, count in counts.items() if count is not None}


def _count(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise TypeError(f"record_call({name}=...) must be a whole number, not {type(value).__name__}.")
    count = index(value)
    if not 0 <= count <= MAX_TOKENS:
        raise ValueError(f"record_call({name}={count}) must lie between 0 and {MAX_TOKENS}; leave it out if unknown.")
    return count


def _amount(name: str, value: Amount | None, *, limit: int) -> str | None:
    """``value`` in plain notation, never with an exponent; an integral one has no point."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int | float):
        raise TypeError(f"record_call({name}=...) must be a Decimal, str, int or float, not {type(value).__name__}.")
    try:
        # A float is taken by its shortest text: Decimal(0.1) would be 0.1000000000000000055.
        amount = Decimal(float.__repr__(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise ValueError(f"record_call({name}={value!r}) is not a number.") from None
    if not (amount.is_finite() and 0 <= amount <= limit):
        raise ValueError(f"record_call({name}={value!r}) must lie between 0 and {limit}; leave it out if unknown.")
    plain = format(amount.quantize(SMALLEST_AMOUNT, context=ARITHMETIC), "f")
    return plain.rstrip("0").rstrip(".").removeprefix("-")
