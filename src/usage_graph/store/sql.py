"""The statements of ``queries/``: one per ``.sql`` file, named verb_noun, read once."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple


@cache
def query(name: str) -> str:
    """The text of ``queries/<name>.sql``."""
    return files("usage_graph.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


class Statement(NamedTuple):
    """One statement and its values."""

    sql: str
    values: list[object]
