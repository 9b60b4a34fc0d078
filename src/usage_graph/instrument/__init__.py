"""What an application imports so that its LLM calls arrive with the right labels.

    from usage_graph.instrument import configure, usage

    configure(service_name="billing-assistant")

    with usage(source="agent", name="Nightly report", conversation="run-2026-01-31"):
        client.chat.completions.create(...)  # whatever library makes the span, it carries these labels

``configure`` sends spans to usage-graph, ``usage`` labels every span started inside it, ``record_call`` reports a call
that no library instruments, and ``UsageSpanProcessor`` is the part of ``configure`` that does the labelling, for
applications that set up their own exporter.

Importing this package costs no more than importing the OpenTelemetry API: the SDK is loaded by ``configure`` and
``UsageSpanProcessor``, the exporter by ``configure``.
"""

from typing import TYPE_CHECKING, Any

from usage_graph.instrument.call import record_call
from usage_graph.instrument.configuration import configure
from usage_graph.instrument.scope import usage

if TYPE_CHECKING:
    from usage_graph.instrument.processor import UsageSpanProcessor

__all__ = ["UsageSpanProcessor", "configure", "record_call", "usage"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: its base class is the SDK's.
    if name == "UsageSpanProcessor":
        from usage_graph.instrument.processor import UsageSpanProcessor

        return UsageSpanProcessor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
