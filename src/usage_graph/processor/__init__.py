"""Spans to observations of LLM calls, pure: what receivers decode goes in, what the store keeps comes out."""

from usage_graph.processor.cost import Pricing
from usage_graph.processor.semconv import IDENTITY_KEYS, LEAF_KEYS, TELLING_KEYS, WANTED, WANTED_RESOURCE
from usage_graph.processor.span import Rejection, Resource, Scope, Span, check, project_of
from usage_graph.processor.spans import NotACall, Processor
from usage_graph.processor.values import AttributeValue

__all__ = [
    "IDENTITY_KEYS",
    "LEAF_KEYS",
    "TELLING_KEYS",
    "WANTED",
    "WANTED_RESOURCE",
    "AttributeValue",
    "NotACall",
    "Pricing",
    "Processor",
    "Rejection",
    "Resource",
    "Scope",
    "Span",
    "check",
    "project_of",
]
