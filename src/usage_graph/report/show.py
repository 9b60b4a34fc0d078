"""Printing the report: the page for people, the data of the same operation for programs."""

import json

from rich.console import Console
from rich.text import Text

from usage_graph.report.client import Question, fetch
from usage_graph.report.page import Page
from usage_graph.report.text import printable


def show(question: Question, *, as_json: bool = False) -> None:
    """Ask and print. Progress is shown on a terminal's standard error only.

    Raises:
        ReportError: there is no answer to print.
    """
    progress = Console(stderr=True)
    if progress.is_terminal:
        with progress.status(Text(f"Asking {printable(question.endpoint)}"), spinner="line"):
            data = fetch(question)
    else:
        data = fetch(question)
    if as_json:
        print(json.dumps(data, indent=2))
    else:
        # Every style is given with its text: nothing in a name is guessed at or interpreted.
        Console(highlight=False, markup=False, emoji=False).print(Page(data["usage"]))
