"""The project a sender names in ``x-usage-graph-project``, a header over HTTP and metadata over gRPC."""

from usage_graph.errors import MalformedRequest

HEADER = "x-usage-graph-project"
_MAX_CHARACTERS = 256


def named_project(value: str | None) -> str | None:
    """The project that ``value`` names, without surrounding spaces; ``None`` where the header is absent.

    Raises:
        MalformedRequest: ``value`` cannot name a project.
    """
    if value is None:
        return None
    name = value.strip()
    if not name:
        raise MalformedRequest(f"{HEADER} is empty; name a project or leave the header out.")
    if len(name) > _MAX_CHARACTERS:
        raise MalformedRequest(f"{HEADER} has {len(name)} characters; a project's name has at most {_MAX_CHARACTERS}.")
    if not name.isprintable():
        raise MalformedRequest(f"{HEADER} has characters that cannot be printed; a project's name has none.")
    return name
