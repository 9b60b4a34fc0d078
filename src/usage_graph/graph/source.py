"""The source text of functions that make answers of objects, and these functions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from graphql import VariableValues

from usage_graph.graph import leaves
from usage_graph.graph.arguments import Unplanned
from usage_graph.graph.operation import Operation


class Run(NamedTuple):
    """One execution of a plan."""

    operation: Operation
    variables: VariableValues


Function = Callable[[Any, Run], Any]


def not_null(value: Any) -> None:
    """Raises ``Unplanned`` for null."""
    if value is None:
        raise Unplanned


def listed(values: Any) -> Any:
    """``values``, if they are a list; raises ``Unplanned`` otherwise."""
    if values.__class__ is not list and values.__class__ is not tuple:
        raise Unplanned
    return values


class Source:
    """The source of a function ``f(o, x)`` of an object ``o`` and a ``Run`` ``x``, and the names that are in it."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {**leaves.NAMES, "Unplanned": Unplanned}
        self._lines: list[str] = []
        self._entries: list[str] = []
        self._count = 0

    def name(self, value: Any) -> str:
        """A name for an object of the function's making."""
        name = f"n{len(self._names)}"
        self._names[name] = value
        return name

    def variable(self, value: str) -> str:
        """A variable that holds ``value``."""
        self._count += 1
        self._lines.append(f"v{self._count} = {value}")
        return f"v{self._count}"

    def item(self) -> str:
        """A variable of a comprehension."""
        self._count += 1
        return f"i{self._count}"

    def add(self, key: str, value: str, *, needed: bool = False) -> None:
        """An entry of the object that is answered; ``needed``: raises where it is null."""
        if needed:
            value = self.variable(value)
            self._lines.append(f"if {value} is None: raise Unplanned")
        self._entries.append(f"{key!r}: {value}")

    def function(self, check: Callable[[Any], None] | None) -> Function:
        """To a dictionary of the entries; ``check`` sees the object first."""
        head = ""
        if check is not None:
            head = "if o is None: raise Unplanned" if check is not_null else f"{self.name(check)}(o)"
        return self._compiled([head, *self._lines, f"return {{{', '.join(self._entries)}}}"])

    def returning(self, value: str) -> Function:
        """To ``value``."""
        return self._compiled([*self._lines, f"return {value}"])

    def _compiled(self, lines: Sequence[str]) -> Function:
        # Names of attributes come from our own types, keys are literals: nothing of a document is run.
        exec("def f(o, x):\n " + "\n ".join(lines), self._names)  # noqa: S102
        return cast(Function, self._names["f"])
