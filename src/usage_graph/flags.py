"""Flags of the console script that several commands have."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from usage_graph.config import SETTINGS, Setting, Settings, default_data_dir, load

Command = Callable[[argparse.Namespace, Mapping[str, str]], int]
"""Takes the flags and the environment, returns the exit status."""

DATABASE = ("database_url", "data_dir", "engine")
"""The settings that say where the database is."""


def add(commands: Any, name: str, command: Command, summary: str) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )
    added.set_defaults(command=command)
    return added


def add_settings(
    command: argparse.ArgumentParser, *, only: Sequence[str] | None = None, without: Sequence[str] = ()
) -> None:
    group = command.add_argument_group("settings", "each can also be given by its environment variable")
    for setting in SETTINGS:
        if (only is None or setting.name in only) and setting.name not in without:
            text = f"{setting.help} [{setting.variable}] (default: {_default(setting)})".replace("%", "%%")
            # A switch that is only named is on.
            alone: dict[str, Any] = {"nargs": "?", "const": "on"} if setting.is_switch else {}
            group.add_argument(setting.flag, dest=setting.name, metavar="VALUE", help=text, **alone)


def _default(setting: Setting) -> str:
    value = default_data_dir() if setting.name == "data_dir" else getattr(Settings(), setting.name)
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "on" if value else "off"
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def add_choice(group: Any, flag: str, names: type[StrEnum], *, default: StrEnum | None, required: bool = False) -> None:
    """A flag that takes a name of the API in the manner of a command line: ``last-week`` for ``LAST_WEEK``."""
    known = {name.lower().replace("_", "-"): name for name in names}

    def choice(text: str) -> StrEnum:
        name = text.lower().replace("_", "-")
        if name not in known:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(known)}")
        return known[name]

    group.add_argument(
        flag, type=choice, default=default, required=required, metavar=flag.strip("-").upper(), help=", ".join(known)
    )


def settings_of(given: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    flags = {setting.name: getattr(given, setting.name, None) for setting in SETTINGS}
    return load(environ, flags)
