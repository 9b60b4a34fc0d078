"""The span processor that puts the labels in force on each span."""

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from usage_graph.instrument.scope import labels_in


class UsageSpanProcessor(SpanProcessor):
    """Stamps the labels of ``usage`` on every span as it starts.

    ``configure`` adds one. Add it yourself where something else already exports to usage-graph:

        trace.get_tracer_provider().add_span_processor(UsageSpanProcessor())

    It may be added before or after exporting processors (they see a span when it ends), and more than once. With a
    provider that runs its processors in other threads (``ConcurrentMultiSpanProcessor``) only labels in an explicitly
    given parent context are seen, because the others stay in the thread that started the span.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        labels = labels_in(parent_context)
        if not labels:
            return
        present = span.attributes or {}
        if not labels.keys().isdisjoint(present):
            # The library or the application said it on the span itself; that is closer to the call.
            labels = {key: value for key, value in labels.items() if key not in present}
        span.set_attributes(labels)
