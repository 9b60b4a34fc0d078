"""Spans to usage records, pure: what receivers decode goes in, what the store keeps comes out."""

from usage_graph.processor.cost import Pricing
from usage_graph.processor.semconv import LEAF_KEYS, WANTED, WANTED_RESOURCE
from usage_graph.processor.spans import Processor, Rejection, Resource, Scope, Span, check
from usage_graph.processor.values import AttributeValue

__all__ = [
    "LEAF_KEYS",
    "WANTED",
    "WANTED_RESOURCE",
    "AttributeValue",
    "Pricing",
    "Processor",
    "Rejection",
    "Resource",
    "Scope",
    "Span",
    "check",
]
