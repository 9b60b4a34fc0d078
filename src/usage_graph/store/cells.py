"""SQL fragments: from a scope and the columns a question needs to ``SELECT``s of exact sums.

Every value is a parameter; every other fragment comes from the closed enums of the domain. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from usage_graph.question import Dimension, Scope
from usage_graph.store.choosing import Piece, choose
from usage_graph.store.conditions import Parameters, attribute_in_records, conditions, in_records
from usage_graph.store.measures import HISTOGRAMS, amount
from usage_graph.store.rollup import ALL_KEPT, RECORDS, SETTLING, Standing
from usage_graph.usage import SUMMED

_NOTHING_TOLD: Mapping[str, str] = {}
_FEW = 4


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
    says which records may be read, and what of the rollups that settle.

    ``subtracting``: some rows are less than nothing, sums may be of no calls at all, and there is no ``at``. Histograms
    are not negative themselves: they have a column ``sign``, which is 1 or -1.

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
    histograms = any(measure in HISTOGRAMS for measure in measures)
    project = parameters.add(scope.project)
    chosen = choose(frozenset(needed), cuts, standing, subtracting=subtracting, histograms=histograms)
    pieces = [part for piece in chosen for part in _planned_apart(piece)]
    apart = [
        f"{attribute_in_records(parameters.add(key))} AS attribute_{number}" for number, key in enumerate(attributes, 1)
    ]
    asked = _Asked(
        scope,
        project,
        tuple(columns),
        told,
        tuple(apart),
        tuple(measures),
        timed=not subtracting,
        histograms=histograms,
    )
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
    """What each piece of a query is to have. ``attributes`` are expressions with their names; ``timed``: and ``at``;
    ``histograms``: and ``sign``, as all ``measures`` are histograms."""

    scope: Scope
    project: str
    columns: tuple[str, ...]
    told: Mapping[str, str]
    attributes: tuple[str, ...]
    measures: tuple[str, ...]
    timed: bool
    histograms: bool

    def of_records(self, *, negative: bool, mixed: bool) -> list[str]:
        """What is selected of records, which stand ``mixed`` with rows of rollups."""
        amounts = {measure: amount(measure, mixed=mixed) for measure in self.measures}
        columns = {column: in_records(column) for column in self.columns}
        return [*self._at("r.started_at"), *self._columns(columns), *self.attributes, *self._amounts(amounts, negative)]

    def of_rollup(self, *, negative: bool) -> list[str]:
        """What is selected of a rollup."""
        amounts = {measure: f"r.{measure}" for measure in self.measures}
        columns = {column: f"r.{column}" for column in self.columns}
        return [*self._at("r.bucket"), *self._columns(columns), *self._amounts(amounts, negative)]

    def _at(self, held: str) -> Iterable[str]:
        if self.timed:
            yield f"{held} AS at"

    def _amounts(self, held: Mapping[str, str], negative: bool) -> Iterable[str]:
        if self.histograms:
            yield f"{-1 if negative else 1} AS sign"
        sign = "-" if negative and not self.histograms else ""
        yield from (f"{sign}{expression} AS {measure}" for measure, expression in held.items())

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
