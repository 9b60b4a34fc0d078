"""The machine's own time zone."""

import os
from collections.abc import Mapping
from pathlib import Path

from usage_graph.errors import BadTimeZone
from usage_graph.window import time_zone

LOCALTIME = Path("/etc/localtime")


def local_zone(environ: Mapping[str, str] = os.environ, localtime: Path = LOCALTIME) -> str:
    """The IANA name of the machine's zone: what ``TZ`` names, else where ``/etc/localtime`` leads (Linux, macOS).

    ``UTC`` where neither tells: a zone that has rules but no name cannot be asked for.
    """
    if "TZ" in environ:
        name = environ["TZ"].removeprefix(":")
        if Path(name).is_absolute():
            name = _below_zoneinfo(Path(name))
    else:
        name = _below_zoneinfo(localtime)
    try:
        time_zone(name)
    except BadTimeZone:
        return "UTC"
    return name


def _below_zoneinfo(path: Path) -> str:
    """``Europe/Berlin`` for a path that leads to ``.../zoneinfo/Europe/Berlin``, else nothing."""
    parts = path.resolve().parts
    for root in ("zoneinfo", "zoneinfo.default"):
        if root in parts:
            names = parts[parts.index(root) + 1 :]
            return "/".join(names[1:] if names[:1] in {("posix",), ("right",)} else names)
    return ""
