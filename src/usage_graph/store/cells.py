"""SQL fragments: from a scope and the columns a question needs to ``SELECT``s of exact sums.

Every value is a parameter; every other fragment comes from the closed enums of the domain. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from usage_graph.question import Dimension, Filter, Scope, StringFilter
from usage_graph.store.choosing import Piece, choose
from usage_graph.store.rollup import ALL_KEPT, RECORDS, SETTLING, Standing
from usage_graph.usage import SUMMED, CallStatus

_MODEL = "coalesce(r.response_model, r.request_model)"

_IN_RECORDS = {
    "model": _MODEL,
    "status": f"CASE WHEN r.failed THEN '{CallStatus.ERROR}' ELSE '{CallStatus.OK}' END",
    "item_name": "CASE WHEN r.conversation IS NULL AND r.agent IS NULL THEN r.name END",
}
"""Columns of the rollups that records hold in another form."""

MEASURES = {
    "calls": "1",
    "failed_calls": "r.failed::int",
    "unpriced_calls": "(r.cost_nano IS NULL)::int",
    "unmeasured_calls": "(r.input_tokens IS NULL AND r.output_tokens IS NULL)::int",
    "input_tokens": "coalesce(r.input_tokens, 0)",
    "output_tokens": "coalesce(r.output_tokens, 0)",
    "cache_read_tokens": "coalesce(r.cache_read_tokens, 0)",
    "cache_write_tokens": "coalesce(r.cache_write_tokens, 0)",
    "reasoning_tokens": "coalesce(r.reasoning_tokens, 0)",
    "cost_nano": "coalesce(r.cost_nano, 0)",
    "credits_nano": "r.credits_nano",
    "duration_us": "r.duration_us",
    "suspect_calls": "r.suspect::int",
    "cache_write_1h_tokens": "coalesce(r.cache_write_1h_tokens, 0)",
    "input_cost_nano": "coalesce(r.input_cost_nano, 0)",
    "cache_read_cost_nano": "coalesce(r.cache_read_cost_nano, 0)",
    "cache_write_cost_nano": "coalesce(r.cache_write_cost_nano, 0)",
    "output_cost_nano": "coalesce(r.output_cost_nano, 0)",
    "unpriced_input_tokens": "CASE WHEN r.cost_nano IS NULL THEN coalesce(r.input_tokens, 0) ELSE 0 END",
    "unpriced_output_tokens": "CASE WHEN r.cost_nano IS NULL THEN coalesce(r.output_tokens, 0) ELSE 0 END",
    "timed_calls": "(r.duration_us > 0)::int",
    "timed_output_tokens": "CASE WHEN r.duration_us > 0 THEN coalesce(r.output_tokens, 0) ELSE 0 END",
    "timed_output_us": "CASE WHEN r.output_tokens IS NOT NULL THEN r.duration_us ELSE 0 END",
    "first_token_calls": "(r.first_token_us IS NOT NULL)::int",
    "first_token_us": "coalesce(r.first_token_us, 0)",
    "durations": "usage_time_class(nullif(r.duration_us, 0))",
    "first_tokens": "usage_time_class(r.first_token_us)",
}
"""The measures of the rollups, and what one record adds to each: ``usage_measure`` in ``sql/``. To a histogram it adds
one to a class, or with null nothing."""

HISTOGRAMS = ("durations", "first_tokens")
"""Those measures that are arrays of entries, class * 2^40 + calls (``usage_histogram`` in ``sql/``)."""

NUMERIC = ("credits_nano",)
"""Those that rollups hold as ``numeric``: a credit may be as small as a token is, and sums of 1e-9 credits can leave
64 bits."""

_NOTHING_TOLD: Mapping[str, str] = {}
_FEW = 4

_SEARCH_KEY = (
    "usage_search_key(r.project, r.name, r.agent, r.conversation, r.user_id, r.request_model, r.response_model)"
)
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
    pattern = f"{parameters.add(f'%{_literal(search)}%')}::text"
    # As in the index: without the collation of the database only ASCII would have upper and lower case.
    if _SEPARATOR in search:  # would match between two fields of the label
        return "(" + " OR ".join(f'{field} COLLATE "default" ILIKE {pattern}' for field in _SEARCHED_FIELDS) + ")"
    found = f'l.project = {project}::text AND l.label COLLATE "default" ILIKE {pattern}'
    return f"{_SEARCH_KEY} IN (SELECT l.key FROM usage_label AS l WHERE {found})"  # noqa: S608 (closed fragments)


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
    pattern = parameters.add(f"%{_literal(search)}%")
    return "(" + " OR ".join(f'{column} COLLATE "default" ILIKE {pattern}::text' for column in columns) + ")"


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


def _amount(measure: str, *, mixed: bool) -> str:
    """What a record has where a rollup has ``measure``; where both are ``mixed``, of the same type: else the planner
    would convert each row of the whole, and read columns that nobody needs."""
    amount = MEASURES[measure]
    if measure in HISTOGRAMS:
        return f"array_remove(ARRAY[({amount} << 40) + 1], NULL)"
    return f"({amount})::{'numeric' if mixed and measure in NUMERIC else 'bigint'}"


def cells(
    scope: Scope,
    parameters: Parameters,
    *,
    columns: Sequence[str] = (),
    attributes: Sequence[str] = (),
    measures: Sequence[str] = SUMMED,
    bounds: Sequence[datetime] = (),
    standing: Standing = ALL_KEPT,
    subtracting: bool = False,
    told: Mapping[str, str] = _NOTHING_TOLD,
) -> str:
    """A query of ``at``, ``columns`` and ``measures``: rows whose sums are those of the scope's calls.

    The values of ``attributes``, which are keys of declared ones, are the columns ``attribute_1`` and so on.

    No row stands for calls on both sides of any of ``bounds``, so that they can be told apart by ``at``. ``standing``
    says which records may be read, and what of the rollups that settle: these have no histograms.

    ``subtracting``: some rows are less than nothing, sums may be of no calls at all, and there is no ``at``.

    ``told``: columns by name that are told from ``columns``, which stand in braces, instead of ``columns`` themselves.
    Whoever reads what is told in this very order, then the measures in theirs, has it without a projection of each row.

    Raises:
        BeforeRecords: without these there is no such query.
    """
    needed = {dimension.value for dimension in scope.filter.dimensions} | set(columns)
    if attributes:
        needed.add(Dimension.ATTRIBUTE.value)  # no rollup has it
    if scope.filter.searches:
        needed.add("search")  # nor that
    cuts = [scope.start, *(at for at in bounds if scope.start < at < scope.end), scope.end]
    if scope.start >= scope.end:
        cuts = [scope.start, scope.start]
    project = parameters.add(scope.project)
    chosen = choose(frozenset(needed), cuts, *standing, subtracting=subtracting)
    pieces = [part for piece in chosen for part in _planned_apart(piece)]
    apart = [
        f"{attribute_in_records(parameters.add(key))} AS attribute_{number}" for number, key in enumerate(attributes, 1)
    ]
    asked = _Asked(scope, project, tuple(columns), told, tuple(apart), tuple(measures), timed=not subtracting)
    mixed = any(piece.relation != RECORDS for piece in pieces)
    selects = [_piece(piece, asked, parameters, mixed=mixed) for piece in pieces]
    return "\nUNION ALL\n".join(selects)


def _planned_apart(piece: Piece) -> Iterable[Piece]:
    """Records in few ranges (a window has two edges) as a piece each.

    Their times are then constants to the planner, which need not consider every chunk of a hypertable: that takes
    longer than reading the few that are meant.
    """
    if piece.relation == RECORDS and len(piece.spans) <= _FEW:
        return [Piece(piece.relation, (span,), piece.negative) for span in piece.spans]
    return [piece]


class _Asked(NamedTuple):
    """What each piece of a query is to have. ``attributes`` are expressions with their names; ``timed``: and ``at``."""

    scope: Scope
    project: str
    columns: tuple[str, ...]
    told: Mapping[str, str]
    attributes: tuple[str, ...]
    measures: tuple[str, ...]
    timed: bool

    def of_records(self, *, negative: bool, mixed: bool) -> list[str]:
        """What is selected of records, which stand ``mixed`` with rows of rollups."""
        sign = "-" if negative else ""
        return [
            *(["r.started_at AS at"] if self.timed else []),
            *self._columns({column: in_records(column) for column in self.columns}),
            *self.attributes,
            *(f"{sign}{_amount(measure, mixed=mixed)} AS {measure}" for measure in self.measures),
        ]

    def of_rollup(self, *, negative: bool) -> list[str]:
        """What is selected of a rollup."""
        sign = "-" if negative else ""
        return [
            *(["r.bucket AS at"] if self.timed else []),
            *self._columns({column: f"r.{column}" for column in self.columns}),
            *(f"{sign}r.{measure} AS {measure}" for measure in self.measures),
        ]

    def _columns(self, held: Mapping[str, str]) -> Iterable[str]:
        if self.told:
            return (f"{told.format_map(held)} AS {name}" for name, told in self.told.items())
        return (f"{expression} AS {column}" for column, expression in held.items())


def _piece(piece: Piece, asked: _Asked, parameters: Parameters, *, mixed: bool) -> str:
    of_records = piece.relation == RECORDS
    at = "r.started_at" if of_records else "r.bucket"
    negative = piece.negative
    selected = asked.of_records(negative=negative, mixed=mixed) if of_records else asked.of_rollup(negative=negative)
    project = asked.project
    if len(piece.spans) == 1:
        start, end = (f"{parameters.add(at_)}::timestamptz" for at_ in piece.spans[0])
    else:
        start, end = "span.start", "span.stop"
    where = conditions(asked.scope.filter, parameters, project=project, of_records=of_records)
    if of_records or piece.relation in SETTLING:
        source = piece.relation
        within = [f"{at} >= {start}", f"{at} < {end}"]
        if len(piece.spans) > 1:
            # Of no use but to the planner: constants tell it which chunks can matter at all.
            first, last = (f"{parameters.add(at_)}::timestamptz" for at_ in (piece.spans[0].start, piece.spans[-1].end))
            within += [f"{at} >= {first}", f"{at} < {last}"]
        where = [f"r.project = {project}::text", *within, *where]
    else:
        source = f"{piece.relation}({project}::text, {start}, {end})"
    select = f"SELECT {', '.join(selected)}\nFROM {source} AS r"
    if where:
        select += f"\nWHERE {' AND '.join(where)}"
    if len(piece.spans) == 1:
        return select
    starts, ends = (f"{parameters.add(list(ats))}::timestamptz[]" for ats in zip(*piece.spans, strict=True))
    # OFFSET 0 keeps the planner from making a join of it: it knows nothing of the spans' lengths, and would rather
    # read the whole relation once than look each of them up in the index.
    spans = f"unnest({starts}, {ends}) AS span (start, stop)"
    return f"SELECT in_span.*\nFROM {spans}, LATERAL (\n{select}\nOFFSET 0\n) AS in_span"
