"""Commands of the console script that have no module of their own: their flags, and what they do.

What only one of them needs is imported when that one runs.
"""

import argparse
import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usage_graph.config import COPY_TO, NOT_IN_DEMO, copy_target
from usage_graph.errors import UsageGraphError
from usage_graph.flags import DATABASE, add_settings, settings_of

if TYPE_CHECKING:
    from usage_graph.app import Endpoints


def _complete_serve(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_serve)
    command.add_argument("--no-migrate", action="store_true", help="expect the database to be up to date")
    add_settings(command)


def _complete_migrate(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_migrate)
    add_settings(command, only=DATABASE)


def _complete_copy(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_copy)
    command.add_argument(
        "--to",
        metavar="URL",
        help=f"database to copy to, postgresql://...; a password is safer in [{COPY_TO.variable}]",
    )
    add_settings(command, only=(*DATABASE, "write_mode"))


def _complete_demo(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_demo)
    command.add_argument("--seed", type=int, default=1, help="another number makes other calls (default: %(default)s)")
    ending = command.add_mutually_exclusive_group()
    ending.add_argument("--exit", action="store_true", help="end after the report")
    ending.add_argument("--keep-serving", dest="exit", action="store_false", help="serve until Ctrl-C (default)")
    add_settings(command, without=NOT_IN_DEMO)


def _complete_schema(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_schema)
    command.add_argument("--output", type=Path, metavar="FILE", help="write it there instead")


def _complete_doctor(command: argparse.ArgumentParser) -> None:
    command.set_defaults(command=_doctor)
    add_settings(command)


COMPLETIONS: Mapping[str, Callable[[argparse.ArgumentParser], None]] = {
    "serve": _complete_serve,
    "migrate": _complete_migrate,
    "copy": _complete_copy,
    "demo": _complete_demo,
    "schema": _complete_schema,
    "doctor": _complete_doctor,
}
"""What gives each command its flags, and what it runs."""


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` to its end, on uvloop where there is one; what the server has to say goes to stderr."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Nobody looks for garbage meanwhile: what is imported stays, and the looking takes a tenth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _serve(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    with _no_garbage():
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
    with _no_garbage():
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
        "Report": f"{_program()} report --endpoint {endpoints.http} --last P7D",
        "OTLP/HTTP": f"{endpoints.otlp_http or endpoints.http}/v1/traces",
        "OTLP/gRPC": endpoints.otlp_grpc or "off",
        "GraphiQL": f"{endpoints.http}/graphql",
        # Last: what one sees first below a long report, and what most want next.
        "Usage page": endpoints.http,
    }
    return "\n" + "\n".join(f"{title:10} {text}" for title, text in lines.items())


def _program() -> str:
    """This program as it was called: in a virtual environment that is not activated, its name alone is not found."""
    return sys.argv[0] if Path(sys.argv[0]).name == "usage-graph" else "usage-graph"


def _schema(given: argparse.Namespace, _: Mapping[str, str]) -> int:
    from usage_graph.graph.schema import sdl

    text = sdl().rstrip("\n") + "\n"
    if given.output is None:
        sys.stdout.write(text)
        return 0
    try:
        given.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageGraphError(f"{given.output} cannot be written: {error.strerror}.") from None
    return 0


def _doctor(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import doctor

    checks = asyncio.run(doctor.doctor(settings))
    for check in checks:
        print(f"{'ok' if check.ok else 'FAILED':8}{check.name}: {check.detail}")
    return 0 if all(check.ok for check in checks) else 1
