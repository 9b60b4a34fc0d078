import pytest

from usage_graph.errors import MalformedRequest
from usage_graph.receiver.project import named_project


@pytest.mark.parametrize(
    ("value", "name"),
    [(None, None), ("a", "a"), ("  a b ", "a b"), ("x" * 256, "x" * 256), ("Zürich %20", "Zürich %20")],
)
def test_names(value: str | None, name: str | None) -> None:
    assert named_project(value) == name


@pytest.mark.parametrize("value", ["", "   ", "x" * 257, "a\0b", "a\nb", "a\x7fb", "a\u202eb", "\ud800"])
def test_what_cannot_name_a_project(value: str) -> None:
    with pytest.raises(MalformedRequest, match="x-usage-graph-project"):
        named_project(value)
