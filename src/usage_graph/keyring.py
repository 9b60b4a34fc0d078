"""``usage-graph keys``: keys made, listed and revoked, in the database itself."""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from usage_graph.errors import ConfigError, QueryError
from usage_graph.flags import DATABASE, Command, add, add_choice, add_settings, settings_of
from usage_graph.grant import Access, StoredKey
from usage_graph.project import PROJECT_HEADER, project_named
from usage_graph.report.text import printable
from usage_graph.window import add_months, parse_duration


def add_commands(parser: argparse.ArgumentParser) -> None:
    """``create``, ``list`` and ``revoke``."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    creation = _command(commands, "create", create, "make a key, and print it: this once, for only its hash is kept")
    whose = creation.add_mutually_exclusive_group(required=True)
    whose.add_argument("--project", metavar="NAME", help="whose calls it is good for")
    whose.add_argument("--all-projects", action="store_true", help="an operator's key, with the scope admin")
    add_choice(creation, "--scope", Access, default=None, required=True)
    creation.add_argument("--expires", metavar="WHEN", help="P90D, P1Y ... from now, or a date (default: never)")
    creation.add_argument("--user", metavar="USER", help="with the scope read: of the calls of this user alone")
    creation.add_argument("--agent", metavar="AGENT", help="with the scope read: of the calls of this agent alone")
    creation.add_argument("--label", metavar="TEXT", help="what it is for, in lists")

    listing = _command(commands, "list", list_, "list keys, also those that have ended")
    listing.add_argument("--project", metavar="NAME", help="those of this project")

    revocation = _command(commands, "revoke", revoke, "end a key: servers refuse it within seconds")
    revocation.add_argument("id", metavar="ID", help="as `keys list` has it")


def _command(commands: Any, name: str, command: Command, summary: str) -> argparse.ArgumentParser:
    added = add(commands, name, command, summary)
    add_settings(added, only=DATABASE)
    return added


def create(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.store.keys import create_key

    project = None if given.all_projects else _project(given.project)
    expires_at = _end(given.expires, datetime.now(UTC)) if given.expires else None

    async def work() -> tuple[StoredKey, str]:
        async with database.connected(settings, create=True) as connection:
            return await create_key(
                connection,
                access=given.scope,
                project=project,
                user=given.user,
                agent=given.agent,
                label=given.label,
                expires_at=expires_at,
            )

    key, secret = asyncio.run(work())
    print(
        f"Key {key.id}: {_described(key)}. It is shown this once. Servers know it within seconds; from then on every "
        "request needs a key.",
        file=sys.stderr,
    )
    print(secret)
    return 0


def list_(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.store.keys import list_keys

    project = None if given.project is None else _project(given.project)

    async def work() -> list[StoredKey]:
        if not database.exists(settings):
            return []
        async with database.connected(settings) as connection:
            return await list_keys(connection, project)

    print("\n".join(_listed(asyncio.run(work()), datetime.now(UTC))))
    return 0


def revoke(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.store.keys import revoke_key

    async def work() -> bool:
        if not database.exists(settings):
            return False
        async with database.connected(settings) as connection:
            return await revoke_key(connection, given.id, None)

    revoked = asyncio.run(work())
    print("Revoked: servers refuse it within seconds." if revoked else "No such key, or revoked already.")
    return 0 if revoked else 1


def _project(name: str) -> str:
    try:
        return project_named(name)
    except ValueError as error:
        raise ConfigError([str(error).replace(PROJECT_HEADER, "--project", 1)]) from None


def _end(text: str, now: datetime) -> datetime:
    """When a key ends that is made ``now`` for a duration, or until a date (UTC)."""
    try:
        if text.upper().startswith("P"):
            duration = parse_duration(text.upper())
            later = add_months(now.replace(tzinfo=None), duration.months).replace(tzinfo=UTC)
            return later + timedelta(days=duration.days, seconds=duration.seconds)
        at = datetime.fromisoformat(text)
        at = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, QueryError):
        raise ConfigError(
            [f"--expires: {text!r} is neither a duration such as P90D nor a date such as 2027-01-31."]
        ) from None
    if at <= now:
        raise ConfigError([f"--expires: {text} is over already."])
    return at


def _described(key: StoredKey) -> str:
    bounds = [f"{name} {printable(value)}" for name, value in (("user", key.user), ("agent", key.agent)) if value]
    whose = "all projects" if key.project is None else f"project {printable(key.project)}"
    until = "" if key.expires_at is None else f", until {_time(key.expires_at)}"
    return f"scope {key.access} of {whose}{''.join(f', {bound} alone' for bound in bounds)}{until}"


def _listed(keys: Sequence[StoredKey], now: datetime) -> list[str]:
    """All of them as a table."""
    if not keys:
        return ["There are no keys. Make one: usage-graph keys create --project NAME --scope ingest"]
    rows = [["id", "project", "scope", "user", "agent", "created", "expires", "revoked", "label"]]
    rows += [
        [
            key.id,
            "(all)" if key.project is None else printable(key.project),
            key.access.value,
            *(printable(value or "-") for value in (key.user, key.agent)),
            _time(key.created_at),
            _ending(key.expires_at, now),
            "-" if key.revoked_at is None else _time(key.revoked_at),
            printable(key.label or ""),
        ]
        for key in keys
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _ending(at: datetime | None, now: datetime) -> str:
    return "-" if at is None else f"{_time(at)}{' (over)' if at <= now else ''}"


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
