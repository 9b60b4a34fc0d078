"""The console script ``usage-graph``: arguments in, exit status out.

Exit status: 0 done, 1 it cannot be done, 2 wrong usage or settings, 130 interrupted. What a command needs is imported
when it runs, even for its flags, so that ``--version`` and ``--help`` are quick and need no server.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from usage_graph.errors import ConfigError, UsageGraphError

if TYPE_CHECKING:
    from usage_graph.flags import Command


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is the answer."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # names may not fit the terminal's encoding
    words = sys.argv[1:] if argv is None else argv
    commands = parser(only=next((word for word in words if not word.startswith("-")), ""))
    given, rest = commands.parse_known_args(words)
    if rest and (any(word.startswith("-") for word in rest) or not hasattr(given, "paths")):
        commands.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        # argparse takes paths only as long as no option is between them and what comes before.
        given.paths += map(Path, rest)
    command: Command = given.command
    try:
        status = command(given, os.environ)
        sys.stdout.flush()
    except ConfigError as error:
        return _fail(error, status=2)
    except UsageGraphError as error:
        return _fail(error)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("usage_graph"):
            raise
        package = (error.name or "").split(".")[0]
        return _fail(f'{package} is not installed. This command needs the server: pip install "usage-graph[server]"')
    except BrokenPipeError:
        # Whoever read the output (head, a pager) has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _fail(error: object, *, status: int = 1) -> int:
    print(f"usage-graph: {error}", file=sys.stderr)
    return status


def parser(*, only: str | None = None) -> argparse.ArgumentParser:
    """Every command, each with its flags, or the command ``only`` with them.

    A setting's flag goes before its environment variable.
    """
    root = argparse.ArgumentParser(prog="usage-graph", description="Where did my LLM tokens and money go?")
    root.add_argument("--version", action=_Version)
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (summary, complete) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
        )
        if only in (None, name):
            complete(command)
    return root


def _complete_report(command: argparse.ArgumentParser) -> None:
    from usage_graph.report.command import add_arguments, run

    command.set_defaults(command=run)
    add_arguments(command)


def _complete_import(command: argparse.ArgumentParser) -> None:
    from usage_graph.importing.command import add_arguments, run

    command.set_defaults(command=run)
    add_arguments(command)


def _complete_export(command: argparse.ArgumentParser) -> None:
    from usage_graph.exporting.command import add_arguments, run

    command.set_defaults(command=run)
    add_arguments(command)


def _complete_prices(command: argparse.ArgumentParser) -> None:
    from usage_graph.pricing.prices import add_commands

    add_commands(command)


def _complete_credits(command: argparse.ArgumentParser) -> None:
    from usage_graph.pricing.credits import add_commands

    add_commands(command)


def _complete_reprice(command: argparse.ArgumentParser) -> None:
    from usage_graph.pricing.reprice import add_arguments, run

    command.set_defaults(command=run)
    add_arguments(command)


def _complete_keys(command: argparse.ArgumentParser) -> None:
    from usage_graph.keyring import add_commands

    add_commands(command)


def _complete(name: str) -> Callable[[argparse.ArgumentParser], None]:
    """Those that have no module of their own."""

    def complete(command: argparse.ArgumentParser) -> None:
        from usage_graph import commands

        commands.COMPLETIONS[name](command)

    return complete


_COMMANDS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "serve": ("take OpenTelemetry spans in and answer GraphQL", _complete("serve")),
    "migrate": ("bring the database up to date, and end", _complete("migrate")),
    "copy": ("copy the database into another one, such as a TimescaleDB", _complete("copy")),
    "demo": ("serve two months of sample calls from a database of its own", _complete("demo")),
    "report": ("the usage page in the terminal, from a running server", _complete_report),
    "import": ("send a history of calls to a running server", _complete_import),
    "export": ("calls, conversations or series of a running server, as a file", _complete_export),
    "prices": ("your own prices, over those of the price list", _complete_prices),
    "credits": ("credits by rule, and the plan that includes some", _complete_credits),
    "reprice": ("compute costs and credits anew, as prices and rules are now", _complete_reprice),
    "keys": ("keys that callers show, and what each is good for", _complete_keys),
    "schema": ("print the GraphQL schema", _complete("schema")),
    "doctor": ("look for what keeps a server from working here", _complete("doctor")),
}
"""What a command is for, and what gives it its flags. Only the command that runs needs the latter's imports."""


class _Version(argparse.Action):
    """``--version``, looked up when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help="print the version, and end")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"usage-graph {version('usage-graph')}")
        except PackageNotFoundError:
            print("usage-graph, from a source tree that is not installed")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
