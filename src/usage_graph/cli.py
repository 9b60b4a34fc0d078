"""The console script ``usage-graph``: arguments in, exit status out.

Exit status: 0 done, 1 it cannot be done, 2 wrong usage or settings, 130 interrupted. What a command needs is imported
when it runs, so that ``--version`` and ``--help`` are quick and need no server.
"""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usage_graph import keyring
from usage_graph.config import COPY_TO, NOT_IN_DEMO, copy_target, load
from usage_graph.errors import ConfigError, UsageGraphError
from usage_graph.exporting import command as exporting
from usage_graph.flags import DATABASE, Command, add, add_choice, add_settings, settings_of
from usage_graph.importing import command as importing
from usage_graph.pricing import credits, prices, reprice
from usage_graph.window import Bucket, CalendarPeriod

if TYPE_CHECKING:
    from usage_graph.app import Endpoints


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is the answer."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # names may not fit the terminal's encoding
    commands = parser()
    given, rest = commands.parse_known_args(argv)
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


def parser() -> argparse.ArgumentParser:
    """Every command with its flags; a setting's flag goes before its environment variable."""
    root = argparse.ArgumentParser(prog="usage-graph", description="Where did my LLM tokens and money go?")
    root.add_argument("--version", action=_Version)
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)

    serve = add(commands, "serve", _serve, "take OpenTelemetry spans in and answer GraphQL")
    serve.add_argument("--no-migrate", action="store_true", help="expect the database to be up to date")
    add_settings(serve)

    add_settings(add(commands, "migrate", _migrate, "bring the database up to date, and end"), only=DATABASE)

    copy = add(commands, "copy", _copy, "copy the database into another one, such as a TimescaleDB")
    copy.add_argument(
        "--to",
        metavar="URL",
        help=f"database to copy to, postgresql://...; a password is safer in [{COPY_TO.variable}]",
    )
    add_settings(copy, only=(*DATABASE, "write_mode"))

    demo = add(commands, "demo", _demo, "serve a month of sample calls from a database of its own")
    demo.add_argument("--seed", type=int, default=1, help="another number is another month (default: %(default)s)")
    ending = demo.add_mutually_exclusive_group()
    ending.add_argument("--exit", action="store_true", help="end after the report")
    ending.add_argument("--keep-serving", dest="exit", action="store_false", help="serve until Ctrl-C (default)")
    add_settings(demo, without=NOT_IN_DEMO)

    _add_report(add(commands, "report", _report, "the usage page in the terminal, from a running server"))

    importing.add_arguments(add(commands, "import", importing.run, "send a history of calls to a running server"))

    exporting.add_arguments(
        add(commands, "export", exporting.run, "calls, conversations or series of a running server, as a file")
    )

    prices.add_commands(add(commands, "prices", prices.list_, "your own prices, over those of the price list"))
    credits.add_commands(add(commands, "credits", credits.show, "credits by rule, and the plan that includes some"))
    reprice.add_arguments(
        add(commands, "reprice", reprice.run, "compute costs and credits anew, as prices and rules are now")
    )

    keyring.add_commands(add(commands, "keys", keyring.list_, "keys that callers show, and what each is good for"))

    schema = add(commands, "schema", _schema, "print the GraphQL schema")
    schema.add_argument("--output", type=Path, metavar="FILE", help="write it there instead")

    add_settings(add(commands, "doctor", _doctor, "look for what keeps a server from working here"))
    return root


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


def _add_report(report: argparse.ArgumentParser) -> None:
    report.add_argument("--endpoint", metavar="URL", help="where the server is (default: http://HOST:PORT as set)")
    window = report.add_mutually_exclusive_group()
    window.add_argument("--last", metavar="DURATION", default="P30D", help="PT24H, P7D, P1M ... (default: %(default)s)")
    add_choice(window, "--period", CalendarPeriod, default=None)
    add_choice(report, "--bucket", Bucket, default=Bucket.AUTO)
    report.add_argument("--timezone", metavar="ZONE", help="IANA name such as Europe/Berlin (default: this machine's)")
    report.add_argument("--project", metavar="NAME", help="whose calls (default: those of no named project)")
    report.add_argument("--json", action="store_true", help="print the data of the GraphQL answer")


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end, on uvloop where there is one; what the server has to say goes to stderr."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)


def _serve(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import app

    _run(app.serve(settings, migrate=not given.no_migrate))
    return 0


def _migrate(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database

    names = asyncio.run(database.migrate(settings))
    for name in names:
        print(f"applied {name}")
    if not names:
        print("The database is up to date.")
    return 0


def _copy(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings, to = settings_of(given, environ), copy_target(environ, given.to)
    from rich.console import Console

    from usage_graph import database
    from usage_graph.report.copying import summary
    from usage_graph.report.progress import shown, stand_of

    started = time.monotonic()
    with shown(Console(stderr=True), stand_of) as tell:
        copied = asyncio.run(database.copy(settings, to=to, tell=tell))
    print("\n".join(summary(copied, seconds=time.monotonic() - started)))
    return 1 if any(project.differs for project in copied.projects.values()) else 0


def _demo(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph.demo import stage
    from usage_graph.report.client import Question
    from usage_graph.report.show import show
    from usage_graph.report.zone import local_zone

    def page(endpoints: "Endpoints") -> None:
        show(Question(endpoint=endpoints.http, timezone=local_zone(environ), key=settings.api_key))
        if not given.exit:
            print(_addresses(endpoints), flush=True)

    _run(stage.play(settings=settings, seed=given.seed, show=page, keep_serving=not given.exit))
    return 0


def _addresses(endpoints: "Endpoints") -> str:
    lines = {
        "GraphiQL": f"{endpoints.http}/graphql",
        "OTLP/HTTP": f"{endpoints.otlp_http or endpoints.http}/v1/traces",
        "OTLP/gRPC": endpoints.otlp_grpc or "off",
        "Report": f"{_program()} report --endpoint {endpoints.http} --last P7D",
    }
    return "\n" + "\n".join(f"{title:10} {text}" for title, text in lines.items())


def _program() -> str:
    """This program as it was called: in a virtual environment that is not activated, its name alone is not found."""
    return sys.argv[0] if Path(sys.argv[0]).name == "usage-graph" else "usage-graph"


def _report(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = load(environ)
    from usage_graph.report.client import Question
    from usage_graph.report.show import show
    from usage_graph.report.zone import local_zone

    question = Question(
        endpoint=given.endpoint or settings.http,
        timezone=given.timezone or local_zone(environ),
        last=given.last,
        period=given.period,
        bucket=given.bucket,
        project=given.project,
        key=settings.api_key,
        certificate=None if given.endpoint else settings.tls_cert,
    )
    show(question, as_json=given.json)
    return 0


def _schema(given: argparse.Namespace, _: Mapping[str, str]) -> int:
    from usage_graph.graph.schema import sdl

    text = sdl().rstrip("\n") + "\n"
    if given.output is None:
        sys.stdout.write(text)
        return 0
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        return _fail(f"{given.output} cannot be written: {error.strerror}.")
    return 0


def _doctor(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import doctor

    checks = asyncio.run(doctor.doctor(settings))
    for check in checks:
        print(f"{'ok' if check.ok else 'FAILED':8}{check.name}: {check.detail}")
    return 0 if all(check.ok for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
