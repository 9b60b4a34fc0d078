"""Arguments: GraphQL inputs and what they mean in the domain.

Optional fields default to ``UNSET`` (so the SDL shows no default); ``null`` means the same: no condition.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Optional, TypeVar
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types.unset import UNSET, UnsetType

from usage_graph import question, window
from usage_graph.errors import BadWindow, LimitExceeded, QueryError
from usage_graph.graph.cursors import fingerprint
from usage_graph.graph.enums import CalendarPeriod, CallStatus, Dimension, Direction, RecordField
from usage_graph.window import Asked, Duration, Window

MAX_TEXT = 1000
MAX_LIST = 500
MAX_SEARCH = 200
MAX_DEPTH = 5
MAX_CONDITIONS = 100

T = TypeVar("T")


def given(value: T | UnsetType | None) -> T | None:
    """``None`` for an argument that was left out."""
    return None if isinstance(value, UnsetType) else value


def bounded(value: int, name: str, most: int, least: int = 1) -> int:
    """Raises ``LimitExceeded`` above ``most`` and ``QueryError`` below ``least``."""
    if value > most:
        raise LimitExceeded(f"`{name}` may be at most {most}, not {value}.")
    if value < least:
        raise QueryError(f"`{name}` must be at least {least}, not {value}.")
    return value


def checked_text(value: str, where: str, most: int = MAX_TEXT) -> str:
    """Raises ``LimitExceeded`` above ``most`` characters; ``QueryError`` for what no stored text holds."""
    if len(value) > most:
        raise LimitExceeded(f"`{where}` may have at most {most} characters, not {len(value)}.")
    if "\0" in value:
        raise QueryError(f"`{where}` holds a NUL character, which no stored text does.")
    return value


@strawberry.input(description="A window from one instant to another: half-open, `from` is part of it and `to` is not.")
class BetweenInput:
    from_: datetime = strawberry.field(name="from", description="The first instant of the window.")
    to: datetime = strawberry.field(description="The first instant after the window.")


@strawberry.input(one_of=True, description="The time a question is about: exactly one of these.")
class WindowInput:
    last: Duration | None = strawberry.field(
        default=UNSET, description="The time up to now, such as `P30D`, `PT24H` or `P1M`."
    )
    period: CalendarPeriod | None = strawberry.field(
        default=UNSET, description="A period of the calendar in the time zone of the question."
    )
    between: BetweenInput | None = strawberry.field(default=UNSET, description="From one instant to another.")

    def resolve(self, zone: ZoneInfo, now: datetime) -> Window:
        """Raises ``BadWindow`` where the window is empty or outside the calendar."""
        if (duration := given(self.last)) is not None:
            return window.last(duration, zone, now)
        if (period := given(self.period)) is not None:
            return window.period(period, zone, now)
        if (span := given(self.between)) is not None:
            return window.between(span.from_, span.to)
        raise BadWindow("The window needs exactly one of `last`, `period` and `between`.")

    def asked(self) -> Asked:
        """What was asked for, whenever it was asked: the same for every page of a rolling window."""
        span = given(self.between)
        return Asked(given(self.last), given(self.period), (span.from_, span.to) if span else None)


@strawberry.input(
    description="Conditions on one text; all given ones must hold. Texts are compared exactly as they are: letter case "
    "counts, and there are no wildcards. Calls that do not have the value match only `notIn` and `isNull: true`."
)
class StringFilter:
    eq: str | None = strawberry.field(default=UNSET, description="Equal to this text.")
    is_in: list[str] | None = strawberry.field(
        name="in", default=UNSET, description="Equal to one of these texts, at most 500. An empty list matches nothing."
    )
    not_in: list[str] | None = strawberry.field(
        default=UNSET, description="Equal to none of these texts, at most 500, or without a value."
    )
    contains: str | None = strawberry.field(default=UNSET, description="With this text somewhere in it.")
    starts_with: str | None = strawberry.field(default=UNSET, description="Beginning with this text.")
    is_null: bool | None = strawberry.field(
        default=UNSET, description="`true`: only calls without a value; `false`: only calls with one."
    )

    def conditions(self, name: str) -> question.StringFilter:
        """``name`` is the filter's field, for messages."""

        def text(value: str | None, field: str) -> str | None:
            found = given(value)
            return None if found is None else checked_text(found, f"{name}.{field}")

        def texts(value: list[str] | None, field: str) -> tuple[str, ...] | None:
            found = given(value)
            if found is not None and len(found) > MAX_LIST:
                raise LimitExceeded(f"`{name}.{field}` may have at most {MAX_LIST} items, not {len(found)}.")
            return None if found is None else tuple(checked_text(item, f"{name}.{field}") for item in found)

        return question.StringFilter(
            eq=text(self.eq, "eq"),
            is_in=texts(self.is_in, "in"),
            not_in=texts(self.not_in, "notIn"),
            contains=text(self.contains, "contains"),
            starts_with=text(self.starts_with, "startsWith"),
            is_null=given(self.is_null),
        )


def _condition(what: str) -> StringFilter | None:
    field: StringFilter | None = strawberry.field(default=UNSET, description=what)
    return field


@strawberry.input(description="Conditions on an attribute: one of those that the server keeps.")
class AttributeFilter:
    key: str = strawberry.field(description="The attribute's key.")
    value: StringFilter = strawberry.field(description="Conditions on its value.")


class _Count:
    """What a filter holds in all, counted while it is read."""

    def __init__(self) -> None:
        self._filters = 0
        self._conditions = 0

    def enter(self, depth: int) -> None:
        """Raises ``LimitExceeded`` for a filter too many, or one too deep."""
        if depth > MAX_DEPTH:
            raise LimitExceeded(f"Filters may be nested {MAX_DEPTH} deep, the outermost included, not deeper.")
        self._filters += 1
        if self._filters > MAX_CONDITIONS:
            raise LimitExceeded(f"A filter may be made of at most {MAX_CONDITIONS} filters in all.")

    def add(self, conditions: int) -> None:
        """Raises ``LimitExceeded`` for a condition too many."""
        self._conditions += conditions
        if self._conditions > MAX_CONDITIONS:
            raise LimitExceeded(
                f"A filter may have at most {MAX_CONDITIONS} conditions, those inside `and`, `or` and `not` included."
            )


@strawberry.input(description="Which calls a question is about; all given conditions must hold.")
class UsageFilter:
    source: StringFilter | None = _condition("The kind of work, such as `chat` or `agent`.")
    agent: StringFilter | None = _condition("The agent that made the call.")
    name: StringFilter | None = _condition("The human name of the work.")
    conversation: StringFilter | None = _condition("The conversation or session.")
    user: StringFilter | None = _condition("The end user.")
    model: StringFilter | None = _condition("The model that answered, or the requested one where none is named.")
    provider: StringFilter | None = _condition("The provider of the model.")
    channel: StringFilter | None = _condition("The way in, such as `web`.")
    service: StringFilter | None = _condition("The service that made the call.")
    environment: StringFilter | None = _condition("The deployment environment.")
    operation: StringFilter | None = _condition("The operation, such as `chat` or `embeddings`.")
    status: list[CallStatus] | None = strawberry.field(
        default=UNSET, description="How the call ended: one of these. An empty list matches nothing."
    )
    search: str | None = strawberry.field(
        default=UNSET,
        description="A text somewhere in name, agent, conversation, user or model, whatever its letter case; no "
        "wildcards, at most 200 characters. Blank: no condition.",
    )

    attributes: list[AttributeFilter] | None = strawberry.field(
        default=UNSET, description="Conditions on attributes that the server keeps; all must hold."
    )
    and_: list["UsageFilter"] | None = strawberry.field(
        name="and", default=UNSET, description="Filters that must all match, besides the conditions beside."
    )
    or_: list["UsageFilter"] | None = strawberry.field(
        name="or",
        default=UNSET,
        description="Filters of which at least one must match, besides the conditions beside. An empty list matches "
        "nothing.",
    )
    not_: Optional["UsageFilter"] = strawberry.field(
        name="not",
        default=UNSET,
        description="A filter that must not match: every call matches either a filter or its `not`, calls without a "
        "value included.",
    )

    def conditions(self) -> question.Filter:
        """The same filter whatever order its fields were written in.

        Raises:
            LimitExceeded: it is nested deeper than ``MAX_DEPTH``, or has more than ``MAX_CONDITIONS``.
        """
        return self._read(_Count(), 1)

    def _read(self, count: _Count, depth: int) -> question.Filter:
        count.enter(depth)
        strings = tuple(
            (dimension, conditions)
            for dimension in _FILTERED
            if (chosen := given(getattr(self, dimension.name.lower()))) is not None
            and (conditions := chosen.conditions(dimension.name.lower())) != question.StringFilter()
        )
        attributes = {
            (one.key, conditions)
            for one in given(self.attributes) or ()
            if (conditions := one.value.conditions("attributes.value")) != question.StringFilter()
        }
        status = given(self.status)
        search = given(self.search) or ""
        count.add(len(strings) + len(attributes) + (status is not None) + bool(search))
        inner, any_of, negated = given(self.and_) or (), given(self.or_), given(self.not_)
        return question.Filter(
            strings=strings,
            status=None if status is None else frozenset(status),
            search=checked_text(search, "search", MAX_SEARCH) if search.strip() else None,
            attributes=tuple(sorted(attributes, key=fingerprint)),
            all_of=_unordered(one._read(count, depth + 1) for one in inner),
            any_of=None if any_of is None else _unordered(one._read(count, depth + 1) for one in any_of),
            negated=None if negated is None else negated._read(count, depth + 1),
        )


_FILTERED = tuple(dimension for dimension in Dimension if dimension not in (Dimension.STATUS, Dimension.ATTRIBUTE))


def _unordered(filters: Iterable[question.Filter]) -> tuple[question.Filter, ...]:
    """Each once, in an order that does not depend on theirs."""
    return tuple(sorted(set(filters), key=fingerprint))


@strawberry.input(description="The order of records. Unknown values come last in either direction; ties go by id.")
class RecordOrder:
    field: RecordField = strawberry.field(default=RecordField.STARTED_AT, description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end comes first.")
