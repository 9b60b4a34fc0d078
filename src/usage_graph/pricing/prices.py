"""``usage-graph prices``: own prices set, listed, explained and removed."""

import argparse
import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from usage_graph.config import Settings
from usage_graph.errors import ConfigError
from usage_graph.flags import DATABASE, Command, add, add_settings, settings_of
from usage_graph.price import RATES, Origin, OwnPrice
from usage_graph.project import project_named

_RATES = {
    "input": "of input that is in no cache",
    "output": "of output",
    "cache_read": "of input read from a cache (default: as --input)",
    "cache_write": "of input written to a cache (default: as --input)",
    "cache_write_1h": "of input written to a cache for an hour (default: as --cache-write)",
    "reasoning": "of output that is reasoning (default: as --output)",
}
_STORED = "Servers know within 15 seconds. Calls that are stored keep their costs: see `usage-graph reprice`."


def add_commands(parser: argparse.ArgumentParser) -> None:
    """``set``, ``list``, ``show`` and ``remove``."""
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    setting = _command(commands, "set", set_, "set a price; in place of the one of the same provider and time")
    setting.add_argument("model", metavar="MODEL", help="its name, or the beginning of names followed by *")
    for name in RATES:
        unit = f"USD per million tokens {_RATES[name]}" if name in _RATES else "USD per call, besides its tokens"
        setting.add_argument(_flag(name), dest=name, metavar="USD", help=unit)
    _add_provider(setting, "for calls to this provider alone (default: any)")
    _add_project(setting, "for calls of this project alone (default: of all)")
    setting.add_argument(
        "--from", dest="since", metavar="DATE", help="in force from then on, UTC (default: since ever)"
    )

    listing = _command(commands, "list", list_, "list your own prices, and where each is said")
    listing.add_argument("--model", metavar="TEXT", help="those with this in the model's name")
    _add_project(listing, "those that calls of this project may go by")

    showing = _command(commands, "show", show, "say what a call is priced by, and why")
    showing.add_argument("model", metavar="MODEL", help="as calls name it")
    _add_provider(showing, "whom the calls are sent to")
    _add_project(showing, "of a call of this project")
    showing.add_argument("--at", metavar="DATE", help="of a call at that time, UTC (default: now)")
    showing.add_argument("--service-tier", metavar="TIER", help="of a call of that class, such as batch or priority")

    removal = _command(commands, "remove", remove, "remove prices that were set")
    removal.add_argument("model", metavar="MODEL", help="as `prices list` names it")
    _add_provider(removal, "those of this provider alone")
    _add_project(removal, "those set for this project (default: those for all)")
    removal.add_argument("--from", dest="since", metavar="DATE", help="the one from then on alone")


def _command(commands: Any, name: str, command: Command, summary: str) -> argparse.ArgumentParser:
    added = add(commands, name, command, summary)
    add_settings(added, only=(*DATABASE, "prices"))
    return added


def _add_provider(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--provider", metavar="NAME", help=text)


def _add_project(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--project", metavar="NAME", help=text)


def _project(given: argparse.Namespace) -> str | None:
    try:
        return None if given.project is None else project_named(given.project)
    except ValueError as error:
        raise ConfigError([f"--project: {error}"]) from None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def set_(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.pricing.page import described
    from usage_graph.store.prices import set_price

    price = _price(given, {name: rate for name in RATES if (rate := getattr(given, name)) is not None})

    async def work() -> None:
        async with database.connected(settings, create=True) as connection:
            await set_price(connection, price)

    asyncio.run(work())
    print(f"Set: {described(price)}\n{_STORED}")
    return 0


def list_(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings, project = settings_of(given, environ), _project(given)
    from usage_graph.pricing.page import listed

    found = [
        price
        for price in asyncio.run(own_prices(settings))
        if (given.model or "").lower() in price.model and project in (None, price.project or project)
    ]
    print("\n".join(listed(found)))
    return 0


def show(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings, project = settings_of(given, environ), _project(given)
    from usage_graph.pricing.page import explained
    from usage_graph.processor import Pricing, providers
    from usage_graph.processor.own import instant

    try:
        at = instant(given.at) if given.at else datetime.now(UTC)
    except ValueError:
        raise ConfigError([f"--at: {given.at!r} is no date, such as 2026-01-31 or 2026-01-31T12:00:00Z."]) from None
    pricing = Pricing(asyncio.run(own_prices(settings)))
    # As it is folded in a record, or inferred.
    provider = providers.fold(given.provider) if given.provider else providers.of_model(given.model)
    quote = pricing.quote(provider, given.model, at, service_tier=given.service_tier, project=project)
    print("\n".join(explained(quote, provider, given.model, at)))
    return 0 if quote is not None else 1


def remove(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    settings = settings_of(given, environ)
    from usage_graph import database
    from usage_graph.pricing.page import described
    from usage_graph.store.prices import remove_prices

    wanted = _price(given, {"per_call": 0})

    async def work() -> list[OwnPrice]:
        if not database.exists(settings):
            return []
        async with database.connected(settings) as connection:
            return await remove_prices(
                connection, wanted.model, provider=wanted.provider, since=wanted.since, project=wanted.project
            )

    removed = asyncio.run(work())
    print(
        "\n".join(
            [*(f"Removed: {described(price)}" for price in removed), _STORED if removed else "Nothing to remove."]
        )
    )
    return 0 if removed else 1


async def own_prices(settings: Settings) -> list[OwnPrice]:
    """Those in the database, if there is one, and those in the file."""
    from usage_graph import database
    from usage_graph.prices import read_file
    from usage_graph.store.prices import list_prices

    in_file = read_file(settings.prices)
    if not database.exists(settings):
        return in_file
    async with database.connected(settings) as connection:
        return [*await list_prices(connection), *in_file]


def _price(given: argparse.Namespace, rates: Mapping[str, object]) -> OwnPrice:
    from usage_graph.processor.own import own_price

    project = _project(given)
    try:
        return own_price(
            model=given.model,
            provider=given.provider,
            since=given.since,
            rates=rates,
            origin=Origin.DATABASE,
            project=project,
        )
    except ConfigError as error:
        raise ConfigError([_as_flag(problem) for problem in error.problems]) from None


def _as_flag(problem: str) -> str:
    name, _, what = problem.partition(":")
    return f"{'MODEL' if name == 'model' else _flag(name)}:{what}"
