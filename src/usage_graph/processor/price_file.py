"""Prices in a file: TOML, one table ``[[price]]`` for each."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from usage_graph.errors import ConfigError
from usage_graph.price import RATES, Origin, OwnPrice
from usage_graph.processor.own import own_price

_NAMES = ("model", "provider", "from")


def parse(text: str, *, where: str) -> list[OwnPrice]:
    """The prices in ``text``; ``where`` is what the file is called in messages.

    Raises:
        ConfigError: with everything that is wrong with it, and where.
    """
    try:
        # Numbers as they are written: a float would not be what the user said.
        content = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ConfigError([f"{where} is not TOML: {error}."]) from None
    tables = content.pop("price", [])
    problems = [f"{where}: {name} is none of ours; each price is a table [[price]]." for name in content]
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError([f"{where}: each price is a table of its own, [[price]].", *problems])
    found: list[OwnPrice] = []
    known: dict[tuple[str, str | None, datetime | None], int] = {}
    for number, table in enumerate(tables, start=1):
        try:
            price = _price(table)
            first = known.setdefault((price.model, price.provider, price.since), number)
            if first != number:
                raise ConfigError([f"price {first} is of the same model, provider and time."])
        except ConfigError as error:
            name = table.get("model")
            named = f"price {number} ({name})" if isinstance(name, str) and name.isprintable() else f"price {number}"
            problems += [f"{where}, {named}: {problem}" for problem in error.problems]
        else:
            found.append(price)
    if problems:
        raise ConfigError(problems)
    return found


def _price(table: Mapping[str, object]) -> OwnPrice:
    known = (*_NAMES, *RATES)
    problems = [f"{name}: there is no such key; {', '.join(known)}." for name in table if name not in known]
    if "model" not in table:
        problems.append("model: missing.")
    try:
        price = own_price(
            model=table.get("model", "-"),
            provider=table.get("provider"),
            since=table.get("from"),
            rates={name: table[name] for name in RATES if name in table},
            origin=Origin.FILE,
        )
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return price
