"""The whole demo: a fresh database, the real server, two months of calls, and whatever the caller shows of it."""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from usage_graph import app
from usage_graph.config import NOT_IN_DEMO, Settings
from usage_graph.demo import terms
from usage_graph.errors import DemoError

DIRECTORY = "demo"
MARKER = "made-by-usage-graph-demo"
FOREIGN = ("OTEL_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
"""Variables that belong to other programs' telemetry and other networks, in any case."""


async def play(
    *,
    settings: Settings,
    seed: int,
    show: Callable[[app.Endpoints], None],
    keep_serving: bool = True,
) -> None:
    """Serve two months of sample calls that end now, until a signal; ``show`` is called once, in a thread, when it is
    all there.

    The database is embedded and lies in a directory of its own below ``settings.data_dir``; it is made anew each time.

    Raises:
        DemoError: another demo is running, the directory is not the demo's, or the calls could not be sent.
        StartupError: the server cannot start.
    """

    async def perform(endpoints: app.Endpoints) -> None:
        await _send(endpoints, seed=seed, now=datetime.now(UTC), key=settings.api_key)
        await asyncio.to_thread(show, endpoints)
        if not keep_serving:
            signal.raise_signal(signal.SIGTERM)

    with only_demo(settings.data_dir):
        data_dir = fresh_directory(settings.data_dir)
        own = own_settings(settings, data_dir)
        await terms.agree(own)
        await app.serve(own, ready=perform)


def own_settings(settings: Settings, data_dir: Path) -> Settings:
    """``settings`` with the embedded database in ``data_dir``, whatever the user's is, runs as and keeps."""
    plain = Settings()
    return replace(
        settings,
        **{name: getattr(plain, name) for name in NOT_IN_DEMO},
        data_dir=data_dir,
        explicit=settings.explicit - {*NOT_IN_DEMO, "data_dir"},
    )


def fresh_directory(parent: Path) -> Path:
    """The demo's directory below ``parent``, made if need be, and emptied but for its marker.

    Raises:
        DemoError: there is something in its place that no demo made.
    """
    directory = parent / DIRECTORY
    try:
        if directory.is_symlink() or (directory.exists() and not _made_by_demo(directory)):
            raise DemoError(
                f"{directory} is in the way: the demo keeps its data there and did not make it. "
                "Move it, or choose another place with --data-dir."
            )
        directory.mkdir(parents=True, exist_ok=True)
        marker = directory / MARKER
        marker.touch()  # stays while all else goes, so that an interrupted start can be repeated
        for old in directory.iterdir():
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            elif old != marker:
                old.unlink()
    except OSError as error:
        raise DemoError(f"The demo's directory {directory} cannot be made anew: {error.strerror}.") from error
    return directory


def _made_by_demo(directory: Path) -> bool:
    return directory.is_dir() and ((directory / MARKER).exists() or not any(directory.iterdir()))


@contextmanager
def only_demo(parent: Path) -> Iterator[None]:
    """Holds the right to the demo's directory below ``parent``: a second demo would delete the first one's data.

    Raises:
        DemoError: another demo holds it, or ``parent`` cannot be made or written to.
    """
    with ExitStack() as stack:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context((parent / f"{DIRECTORY}.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"Another demo is running on {parent}: stop it first, or choose another place with --data-dir."
            ) from None
        except OSError as error:
            raise DemoError(
                f"{parent} cannot be written to ({error.strerror}): choose another place with --data-dir."
            ) from error
        yield


async def _send(endpoints: app.Endpoints, *, seed: int, now: datetime, key: str | None) -> None:
    arguments = ["--http", endpoints.otlp_http or endpoints.http, "--seed", str(seed), "--now", now.isoformat()]
    if endpoints.otlp_grpc is not None:
        arguments += ["--grpc", endpoints.otlp_grpc]
    command = [sys.executable, "-m", "usage_graph.demo", *arguments]
    # Not asyncio's: uvloop forks, which gRPC's threads comment on; the standard library does without (vfork).
    sender = subprocess.Popen(command, env=sender_environment(os.environ, key=key))  # noqa: S603, ASYNC220  (our own; quick)
    try:
        code = await asyncio.to_thread(sender.wait)
    finally:
        sender.kill()  # a no-op where it has ended; the waiting thread ends with it
    if code:
        raise DemoError("The sample calls could not be sent; the lines above say why.")


def sender_environment(environ: Mapping[str, str], *, key: str | None = None) -> dict[str, str]:
    """``environ`` without what is meant for others, and with ``key`` where OpenTelemetry's exporters look for it."""
    own = {} if key is None else {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization={quote(f'Bearer {key}', safe='')}"}
    return {name: value for name, value in environ.items() if not name.upper().startswith(FOREIGN)} | own
