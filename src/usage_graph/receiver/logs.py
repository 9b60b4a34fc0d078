"""The log records of a logs request, as far as they may be events of LLM calls. Bodies are left behind."""

from typing import Any, NamedTuple, Protocol

from usage_graph.processor.events import Event
from usage_graph.processor.span import Resource, Scope
from usage_graph.receiver.request import GroupReader


class LogRecord(NamedTuple):
    """A log record, with those of its attributes that the processor asks for."""

    resource: Resource
    scope: Scope
    event: Event


class LogReader(GroupReader, Protocol):
    """A body is content, unless it is a text so short that it may be the event's name: nothing else of it is read."""

    def log_record(self, resource: Resource, scope: Scope, raw: Any, /) -> LogRecord: ...
