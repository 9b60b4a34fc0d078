"""Arguments: GraphQL inputs and what they mean in the domain.

Optional fields default to ``UNSET`` (so the SDL shows no default); ``null`` means the same: no condition.
"""

from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types.unset import UNSET, UnsetType

from usage_graph import question, window
from usage_graph.errors import BadWindow, LimitExceeded, QueryError
from usage_graph.graph.enums import CalendarPeriod, CallStatus, Dimension, Direction, RecordField
from usage_graph.window import Duration, Window

MAX_TEXT = 1000
MAX_LIST = 500
MAX_SEARCH = 200

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


def _text(value: str, where: str, most: int = MAX_TEXT) -> str:
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

    def asked(self) -> tuple[object, ...]:
        """What was asked for, whenever it was asked: the same for every page of a rolling window."""
        span = given(self.between)
        return given(self.last), given(self.period), span and (span.from_, span.to)


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
            return None if found is None else _text(found, f"{name}.{field}")

        def texts(value: list[str] | None, field: str) -> tuple[str, ...] | None:
            found = given(value)
            if found is not None and len(found) > MAX_LIST:
                raise LimitExceeded(f"`{name}.{field}` may have at most {MAX_LIST} items, not {len(found)}.")
            return None if found is None else tuple(_text(item, f"{name}.{field}") for item in found)

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

    def conditions(self) -> question.Filter:
        """The same filter whatever order its fields were written in."""
        strings = tuple(
            (dimension, conditions)
            for dimension in Dimension
            if dimension is not Dimension.STATUS
            and (chosen := given(getattr(self, dimension.name.lower()))) is not None
            and (conditions := chosen.conditions(dimension.name.lower())) != question.StringFilter()
        )
        status = given(self.status)
        search = given(self.search) or ""
        return question.Filter(
            strings=strings,
            status=None if status is None else frozenset(status),
            search=_text(search, "search", MAX_SEARCH) if search.strip() else None,
        )


@strawberry.input(description="The order of records. Unknown values come last in either direction; ties go by id.")
class RecordOrder:
    field: RecordField = strawberry.field(default=RecordField.STARTED_AT, description="What to order by.")
    direction: Direction = strawberry.field(default=Direction.DESC, description="Which end comes first.")
