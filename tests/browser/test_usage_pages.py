"""Where docs/usage_pages.md says that things stand on the page, there is something of that name."""

import re

from tests.browser.board import Board
from tests.documents import ROOT


def test_what_the_tables_name_is_on_the_page(board: Board) -> None:
    tables = (ROOT / "docs" / "usage_pages.md").read_text(encoding="utf-8").split("\n## ", 1)[1]
    wanted = set(re.findall(r"\*\*(.+?)\*\*", tables))
    there: set[str] = set()
    for metric, by in (("cost", "source"), ("credits", "agent"), ("tokens", "agent")):
        there.update(board.show(metric=metric, by=by).locator("h2, h3, legend").all_text_contents())
    assert len(wanted) > 20
    assert wanted <= there
