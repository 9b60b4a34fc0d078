"""The first records in the order of time that a filter lets pass, however it searches: a subquery. Pure.

Records with a text are found by their labels (``usage_label``), or by going through records and looking whether their
label has it. Which of both is faster depends on how many records have the text, and no statistic of the server's says
that: it expects three labels where there are 189, and a thousand records where there are 139,000.
"""

from dataclasses import replace

from usage_graph.question import Dimension, Filter
from usage_graph.store.conditions import LABEL_KEY, Parameters, conditions, label_has
from usage_graph.store.sql import query

_FEW = 1_000
"""So many labels: one look-up for each, 7 ms, takes as long as 3,500 records that are looked through."""
_LOOKED_THROUGH = 10_000
"""So many records, 20 ms: more only delay what is seldom, which its labels must find."""


class FirstRecords:
    """The records that a filter lets pass, of which the first of a stretch can be asked for."""

    def __init__(self, filter_: Filter, parameters: Parameters, *, project: str) -> None:
        """``project``: the placeholder of the project."""
        self._filter, self._parameters, self._project = filter_, parameters, project
        self._met = self._conditions(filter_)

    def first(self, within: str, order: str, limit: str) -> str:
        """The first ``limit`` records for which the condition ``within`` holds, in an ``order`` of time: a subquery."""
        found = self.ordered(within, order, limit)
        text = self._filter.search
        # The records of a conversation have an index, and few others share it.
        if text is None or Dimension.CONVERSATION in self._filter.dimensions:
            return found
        if (has_text := label_has(text, self._parameters)) is None:
            return found
        others = replace(self._filter, search=None)
        alone = others == Filter()
        labels = f"l.project = {self._project}::text AND {has_text}"
        places = {"within": within, "labels": labels, "key": LABEL_KEY, "order": order, "limit": limit}
        if alone:
            otherwise = self.ordered(f"NOT usage_finds_by_label() AND {within}", order, limit)
            found = f"(({query('list_labelled').format(**places)}) UNION ALL {otherwise})"
        return query("list_searched").format(
            **places,
            alone=str(alone).lower(),
            few=_FEW,
            looked_through=_LOOKED_THROUGH,
            met=self._conditions(others),
            has_text=has_text,
            project=self._project,
            found=found,
        )

    def _conditions(self, filter_: Filter) -> str:
        return " AND ".join(conditions(filter_, self._parameters, project=self._project, of_records=True)) or "true"

    def ordered(self, within: str, order: str, limit: str) -> str:
        """The same in any ``order``."""
        return self._subquery(within, f"ORDER BY {order} LIMIT {limit}")

    def any(self, within: str) -> str:
        """One record for which the condition holds."""
        return self._subquery(within, "LIMIT 1")

    def _subquery(self, within: str, part: str) -> str:
        return f"(SELECT r.* FROM usage_record AS r WHERE {within} AND {self._met} {part})"  # noqa: S608 (closed fragments)
