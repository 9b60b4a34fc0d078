"""The statements of ``queries/``: one per ``.sql`` file, named verb_noun, read once."""

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """The text of ``queries/<name>.sql``."""
    return files("usage_graph.store").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")
