"""``usage-graph reprice``: shows what new prices and credit rules would change, asks, and changes it."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from usage_graph.errors import ConfigError, QueryError, RepriceError
from usage_graph.flags import DATABASE, add_choice, add_settings, settings_of
from usage_graph.window import CalendarPeriod, Window, between, last, parse_duration, period, time_zone

if TYPE_CHECKING:
    from usage_graph.config import Settings
    from usage_graph.usage import UsageRecord

_WINDOW = "Which calls? Say --last P30D, --period last-month, or --from 2026-01-01 and perhaps --to 2026-02-01."


def add_arguments(command: argparse.ArgumentParser) -> None:
    window = command.add_mutually_exclusive_group()
    window.add_argument("--window", metavar="WINDOW", help="any of these: P30D, last-month, 2026-01-01/2026-02-01")
    window.add_argument("--last", metavar="DURATION", help="calls of the last PT24H, P7D, P1M ...")
    add_choice(window, "--period", CalendarPeriod, default=None)
    window.add_argument("--from", dest="since", metavar="DATE", help="calls from then on")
    command.add_argument("--to", dest="until", metavar="DATE", help="with --from: calls before then (default: now)")
    command.add_argument("--timezone", metavar="ZONE", help="of these, such as Europe/Berlin (default: this machine's)")
    command.add_argument("--model", metavar="MODEL", help="calls that asked for this model or were answered by it")
    command.add_argument("--provider", metavar="NAME", help="calls to this provider")
    command.add_argument("--project", metavar="NAME", help="calls of this project (default: of all)")
    command.add_argument("--dry-run", action="store_true", help="show what would change, and end")
    command.add_argument("--yes", action="store_true", help="do not ask")
    add_settings(command, only=(*DATABASE, "prices"))


def run(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph.report.zone import local_zone

    window = _window(given, given.timezone or local_zone(environ))
    return asyncio.run(_reprice(given, settings, window))


def _window(given: argparse.Namespace, zone_name: str) -> Window:
    from usage_graph.processor.own import instant

    try:
        zone, now = time_zone(zone_name), datetime.now(UTC)
    except QueryError as error:
        raise ConfigError([f"--timezone: {error}"]) from None
    duration, name, since, until = given.last, given.period, given.since, given.until
    if until and not since:
        raise ConfigError(["--to goes with --from."])
    if given.window:
        since, interval, until = given.window.rpartition("/")
        name = None if interval else CalendarPeriod.__members__.get(until.upper().replace("-", "_"))
        duration = None if interval or name else until
    try:
        if duration:
            return last(parse_duration(duration), zone, now)
        if name:
            return period(name, zone, now)
        if since:
            return between(instant(since, zone), instant(until, zone) if until else now)
    except ValueError:
        raise ConfigError([f"No such time. {_WINDOW}"]) from None
    except QueryError as error:
        raise ConfigError([f"{error} {_WINDOW}"]) from None
    raise ConfigError([_WINDOW])


async def _reprice(given: argparse.Namespace, settings: "Settings", window: Window) -> int:
    from rich.console import Console

    from usage_graph import database
    from usage_graph.prices import read_file
    from usage_graph.pricing.page import differences
    from usage_graph.processor import Pricing, providers
    from usage_graph.processor.charging import Charging
    from usage_graph.report.progress import shown, stand_of
    from usage_graph.store.credits import read_credit_rules
    from usage_graph.store.prices import read_prices
    from usage_graph.store.reprice import Wanted, compare, every_project, kept, opened, reprice

    in_file = read_file(settings.prices)
    async with database.reached(settings) as dsn, opened(dsn) as connection:
        pricing, charging = Pricing([*await read_prices(dsn), *in_file]), Charging(await read_credit_rules(dsn))

        def price(record: "UsageRecord") -> "UsageRecord":
            return charging.charge(pricing.price(record))

        present = await kept(connection, window)
        if present.start > window.start:
            print(f"Calls from before {present.start:%Y-%m-%d} are no longer kept, and their sums stay as they are.")
        projects = [given.project] if given.project else await every_project(connection)
        provider = (providers.fold(given.provider) or given.provider) if given.provider else None
        wanted = Wanted(present, projects, given.model, provider)
        console = Console(stderr=True)
        with shown(console, stand_of) as tell:
            planned = await compare(connection, wanted, price=price, tell=tell)
        number = sum(one.written for one in planned.values())
        whole = sum(one.calls for one in planned.values())
        print("\n".join([f"{whole:,} calls match whose cost nobody reported.", *differences(planned)]))
        if not number:
            right = "All of them cost what the prices say. " if whole else ""
            print(f"{right}Nothing is to be changed.")
            return 0
        if given.dry_run:
            return 0
        if not (given.yes or _agreed(number)):
            print("Nothing was changed.")
            return 1
        with shown(console, stand_of) as tell:
            changed = await reprice(connection, wanted, price=price, tell=tell)
        print(f"Changed {sum(one.written for one in changed.values()):,} calls.")
        return 0


def _agreed(number: int) -> bool:
    if not sys.stdin.isatty():
        raise RepriceError("Nothing was changed: there is no terminal to ask in. Say --yes to change the calls.")
    # The event loop's own handler waits for a loop that goes on.
    waiting = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(f"Change {number:,} calls? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False
    finally:
        signal.signal(signal.SIGINT, waiting)
