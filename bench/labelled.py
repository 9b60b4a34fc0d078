"""``python -m bench.labelled``: what ``usage_graph.instrument`` adds to a span, in microseconds of processor time.

A span of an LLM call inside a ``usage(...)`` of its own, less the same span of a provider that knows no labels.
"""

import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer

from usage_graph.instrument import UsageSpanProcessor, usage

_SPANS = 2_000
_ROUNDS = 9
_ATTRIBUTES: Mapping[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5-mini",
    "gen_ai.response.model": "gpt-5-mini",
    "gen_ai.usage.input_tokens": 1207,
    "gen_ai.usage.output_tokens": 311,
}


def _bare(tracer: Tracer) -> None:
    for _ in range(_SPANS):
        with tracer.start_as_current_span("chat gpt-5-mini", attributes=_ATTRIBUTES):
            pass


def _labelled(tracer: Tracer) -> None:
    for _ in range(_SPANS):
        with (
            usage(source="chat", name="Ask", conversation="conversation-1", user="user-1"),
            tracer.start_as_current_span("chat gpt-5-mini", attributes=_ATTRIBUTES),
        ):
            pass


def _cpu_us(spans: Callable[[Tracer], None], tracer: Tracer) -> float:
    begun = time.process_time()
    spans(tracer)
    return (time.process_time() - begun) / _SPANS * 1e6


def main() -> None:
    plain, ours = TracerProvider(), TracerProvider()
    ours.add_span_processor(UsageSpanProcessor())
    of_plain, of_ours = plain.get_tracer(__name__), ours.get_tracer(__name__)
    # In turns, so that whatever slows the machine slows both.
    added = [_cpu_us(_labelled, of_ours) - _cpu_us(_bare, of_plain) for _ in range(_ROUNDS)]
    sys.stdout.write(f"{median(added)}\n")


if __name__ == "__main__":
    main()
