"""The project's own pages, and what they quote."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """What stands under the heading ``title``, up to the next one of its level or a higher one."""
    heading = re.search(rf"^(#+) {re.escape(title)}\n", page, re.M)
    assert heading is not None, f"no heading {title!r}"
    rest = page[heading.end() :]
    end = re.search(rf"^#{{1,{len(heading[1])}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def snippets(page: str, language: str) -> list[str]:
    """The code blocks of ``language``, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)
