"""Projects: what separates the data of different teams or products, and how a request names one."""

PROJECT_HEADER = "x-usage-graph-project"
"""The request header, or gRPC metadata, that names the project, in UTF-8."""
DEFAULT_PROJECT = "default"
MAX_PROJECT = 256


def project_named(value: str) -> str:
    """The project that a header's ``value`` names, without surrounding spaces.

    Raises:
        ValueError: it cannot name one; says why.
    """
    name = value.strip()
    if not name:
        raise ValueError(f"{PROJECT_HEADER} is empty; name a project or leave the header out.")
    if len(name) > MAX_PROJECT:
        raise ValueError(f"{PROJECT_HEADER} has {len(name)} characters; a project's name has at most {MAX_PROJECT}.")
    if not name.isprintable():
        raise ValueError(f"{PROJECT_HEADER} has characters that cannot be printed; a project's name has none.")
    return name


def project_in(header: str) -> str:
    """The same for a header as ASGI shows it: HTTP leaves the encoding open, clients send UTF-8, ASGI reads Latin-1.

    Raises:
        ValueError: it is not UTF-8, or cannot name a project.
    """
    try:
        value = header.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise ValueError(f"{PROJECT_HEADER} is not UTF-8.") from None
    return project_named(value)
