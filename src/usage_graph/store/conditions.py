"""SQL fragments: what a filter asks of the rows of records and of rollups.

Every value is a parameter; every other fragment comes from the closed enums of the domain. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from usage_graph.question import Dimension, Filter, StringFilter
from usage_graph.usage import CallStatus

_MODEL = "coalesce(r.response_model, r.request_model)"

_IN_RECORDS = {
    "model": _MODEL,
    "status": f"CASE WHEN r.failed THEN '{CallStatus.ERROR}' ELSE '{CallStatus.OK}' END",
    "item_name": "CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END",
}
"""Columns of the rollups that records hold in another form."""

LABEL_KEY = "usage_search_key(r.project, r.name, r.agent, r.conversation, r.user_id, r.request_model, r.response_model)"
"""The key in ``usage_label`` of a record's label."""

_SEARCHED_FIELDS = ("r.name", "r.agent", "r.conversation", "r.user_id", _MODEL)
_SEPARATOR = "\x1f"


class Parameters:
    """The values of one statement, numbered as they are added."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: object) -> str:
        """The placeholder of ``value``."""
        self.values.append(value)
        return f"${len(self.values)}"


def in_records(column: str) -> str:
    """The expression that has a rollup's ``column`` in the records, aliased ``r``."""
    return _IN_RECORDS.get(column, f"r.{column}")


def attribute_in_records(key: str) -> str:
    """The expression that has the value of a declared attribute in the records, aliased ``r``; ``key`` is a
    placeholder."""
    return f'(r.attributes ->> {key}::text) COLLATE "C"'


def conditions(filter_: Filter, parameters: Parameters, *, project: str, of_records: bool) -> list[str]:
    """``filter_`` as conditions on a relation aliased ``r``; ``project`` is the placeholder of the project."""

    def within(inner: Filter) -> str:
        found = conditions(inner, parameters, project=project, of_records=of_records)
        return f"({' AND '.join(found)})" if found else "true"

    found: list[str] = []
    for dimension, strings in filter_.strings:
        column = in_records(dimension.value) if of_records else f"r.{dimension.value}"
        if of_records and dimension is Dimension.CONVERSATION and not _is_hopeless(strings):
            found += _in_conversation(strings, parameters, project)
            strings = replace(strings, eq=None, is_in=None)
        found += _string_conditions(column, strings, parameters)
    for key, strings in filter_.attributes:
        if not _is_storable(key) or _is_hopeless(strings):
            found.append("false")
        elif strings != StringFilter():
            found += _string_conditions(attribute_in_records(parameters.add(key)), strings, parameters)
    if filter_.status is not None:
        failed = [status is CallStatus.ERROR for status in filter_.status]
        found.append(f"r.failed = ANY({parameters.add(failed)}::boolean[])")
    if filter_.search is not None:
        found.append(_search_condition(filter_.search, parameters, project))
    found += map(within, filter_.all_of)
    if filter_.any_of is not None:
        found.append(f"({' OR '.join(map(within, filter_.any_of))})" if filter_.any_of else "false")
    if filter_.negated is not None:
        # Not NOT: where a condition is unknown, as of a value that is, its complement must hold.
        found.append(f"{within(filter_.negated)} IS NOT TRUE")
    return found


def _search_condition(search: str, parameters: Parameters, project: str) -> str:
    if not _is_storable(search):
        return "false"
    if (found := label_has(search, parameters)) is None:
        pattern = _containing(search, parameters)
        return "(" + " OR ".join(f'{field} COLLATE "default" ILIKE {pattern}' for field in _SEARCHED_FIELDS) + ")"
    of_project = f"l.project = {project}::text AND {found}"
    return f"{LABEL_KEY} IN (SELECT l.key FROM usage_label AS l WHERE {of_project})"  # noqa: S608 (closed fragments)


def label_has(search: str, parameters: Parameters) -> str | None:
    """The condition that a label, aliased ``l``, has ``search`` in it; ``None`` where labels do not tell."""
    # A separator would match between two fields of the label.
    if not _is_storable(search) or _SEPARATOR in search:
        return None
    # As in the index: without the collation of the database only ASCII would have upper and lower case.
    return f'l.label COLLATE "default" ILIKE {_containing(search, parameters)}'


def _containing(search: str, parameters: Parameters) -> str:
    return f"{parameters.add(f'%{_literal(search)}%')}::text"


def matching_prefix(column: str, prefix: str, parameters: Parameters) -> str | None:
    """The condition that ``column`` begins with ``prefix``, whatever the letter case; ``None`` where no text does."""
    if not _is_storable(prefix):
        return None
    pattern = parameters.add(f"{_literal(prefix)}%")
    return f'{column} COLLATE "default" ILIKE {pattern}::text'


def containing(columns: Sequence[str], search: str, parameters: Parameters) -> str:
    """The condition that one of ``columns`` has ``search`` somewhere in it, whatever the letter case."""
    if not _is_storable(search):
        return "false"
    pattern = _containing(search, parameters)
    return "(" + " OR ".join(f'{column} COLLATE "default" ILIKE {pattern}' for column in columns) + ")"


def _literal(text: str) -> str:
    """``text`` in a pattern of LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold ``text``; what it cannot hold is in no record, and may not be sent either."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _is_hopeless(strings: StringFilter) -> bool:
    literals = (strings.eq, strings.contains, strings.starts_with)
    return any(literal is not None and not _is_storable(literal) for literal in literals)


def _string_conditions(column: str, strings: StringFilter, parameters: Parameters) -> Iterable[str]:
    if _is_hopeless(strings):
        yield "false"
        return
    if strings.eq is not None:
        yield f"{column} = {parameters.add(strings.eq)}::text"
    if strings.is_in is not None:
        yield f"{column} = ANY({parameters.add(list(filter(_is_storable, strings.is_in)))}::text[])"
    if strings.not_in is not None:
        # A value that is unknown is not one of those listed.
        listed = parameters.add(list(filter(_is_storable, strings.not_in)))
        yield f"({column} IS NULL OR {column} <> ALL({listed}::text[]))"
    if strings.contains is not None:
        yield f"strpos({column}, {parameters.add(strings.contains)}::text) > 0"
    if strings.starts_with is not None:
        yield f"starts_with({column}, {parameters.add(strings.starts_with)}::text)"
    if strings.is_null is not None:
        yield f"{column} IS NULL" if strings.is_null else f"{column} IS NOT NULL"


def _in_conversation(strings: StringFilter, parameters: Parameters, project: str) -> Iterable[str]:
    """How the records of a conversation are found depends on the engine."""
    record = f"r.project, r.conversation, {project}::text"
    if strings.eq is not None:
        yield f"usage_in_conversation({record}, {parameters.add(strings.eq)}::text)"
    if strings.is_in is not None:
        listed = list(filter(_is_storable, strings.is_in))
        if len(listed) == 1:  # only of one there is an index in the order of time
            yield f"usage_in_conversation({record}, {parameters.add(listed[0])}::text)"
        else:
            yield f"usage_in_conversations({record}, {parameters.add(listed)}::text[])"
