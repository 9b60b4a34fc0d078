"""Own prices of a running server: what is set while it runs is in force soon, and nothing has to be restarted."""

import asyncio
import logging
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.test_cli import run
from tests.otlp import PROTOBUF, call, request
from tests.processor.calls import a_call
from tests.serving import Server
from tests.store.database import connected
from usage_graph import prices as watching
from usage_graph.errors import ConfigError, StartupError
from usage_graph.price import OwnPrice
from usage_graph.prices import Prices
from usage_graph.processor import Pricing
from usage_graph.store.prices import read_prices, remove_prices, set_price

HOUSE = OwnPrice("house", None, None, Decimal(1), Decimal(2))
AWAY = "postgresql://nobody@127.0.0.1:1/none"


def nano(pricing: Pricing, model: str = "house") -> int | None:
    return pricing.price(a_call(None, model)).cost_nano


def written(price: int, model: str = "house") -> str:
    return f'[[price]]\nmodel = "{model}"\ninput = {price}\noutput = 0\n'


async def test_the_database_and_the_file_are_looked_at_again_and_again(database: str, tmp_path: Path) -> None:
    file, pricing = tmp_path / "prices.toml", Pricing()
    file.write_text(written(5, "in-file"))
    prices = Prices(dsn=database, file=file, pricing=pricing)
    await prices.load()
    assert (nano(pricing), nano(pricing, "in-file")) == (None, 5_000_000)
    async with connected(database) as connection:
        await set_price(connection, HOUSE)
        await prices.round()
        assert nano(pricing) == 1_200_000
        await set_price(connection, HOUSE._replace(input=Decimal(3)))
        file.write_text(written(6, "in-file"))
        await prices.round()
        assert (nano(pricing), nano(pricing, "in-file")) == (3_200_000, 6_000_000)
        await remove_prices(connection, "house")
        file.write_text("")
        await prices.round()
        assert (nano(pricing), nano(pricing, "in-file")) == (None, None)


async def test_a_price_of_one_project_is_in_force_for_its_calls_alone(database: str) -> None:
    pricing = Pricing()
    prices = Prices(dsn=database, file=None, pricing=pricing)
    await prices.load()
    async with connected(database) as connection:
        await set_price(connection, HOUSE)
        await set_price(connection, HOUSE._replace(project="ours", input=Decimal(3)))
    await prices.round()
    of = {name: pricing.price(a_call(None, "house", project=name)).cost_nano for name in ("ours", "theirs")}
    assert of == {"ours": 3_200_000, "theirs": 1_200_000}


async def test_nothing_new_forgets_nothing(postgresql: str) -> None:
    pricing = Pricing()
    prices = Prices(dsn=postgresql, file=None, pricing=pricing)
    await prices.load()
    assert nano(pricing, "gpt-4o") is not None
    remembered = pricing._choice
    await prices.round()
    assert pricing._choice is remembered


async def test_what_is_wrong_leaves_the_prices_as_they_were_and_is_said_once(
    postgresql: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file, pricing = tmp_path / "prices.toml", Pricing()
    file.write_text(written(5))
    prices = Prices(dsn=postgresql, file=file, pricing=pricing)
    await prices.load()
    file.write_text("[[price]]\nmodel = 'house'\ninput = 'a'\noutput = 1\n")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await prices.round()
    (said,) = [entry.getMessage() for entry in caplog.records]
    assert said.startswith("own prices stay as they were: prices.toml, price 1 (house): input: 'a' is no amount")
    assert nano(pricing) == 5_000_000
    # The database is looked at all the same.
    async with connected(postgresql) as connection:
        await set_price(connection, HOUSE)
    await prices.round()
    assert nano(pricing) == 1_200_000
    file.unlink()
    await prices.round()
    assert nano(pricing) == 1_200_000
    assert "cannot be read" in caplog.records[-1].getMessage()


async def test_a_database_that_is_away_leaves_them_too(postgresql: str, caplog: pytest.LogCaptureFixture) -> None:
    pricing = Pricing()
    async with connected(postgresql) as connection:
        await set_price(connection, HOUSE)
    prices = Prices(dsn=postgresql, file=None, pricing=pricing)
    await prices.load()
    prices._dsn = AWAY
    for _ in range(2):
        await prices.round()
    assert nano(pricing) == 1_200_000
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("dsn", "text", "error"), [(None, "x", ConfigError), (AWAY, "", StartupError)])
async def test_at_the_start_all_must_be_well(
    postgresql: str, tmp_path: Path, dsn: str | None, text: str, error: type[Exception]
) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(error):
        async with Prices(dsn=dsn or postgresql, file=file, pricing=Pricing()).running():
            pass


async def test_it_looks_for_as_long_as_it_is_open(postgresql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_EVERY", 0.05)
    pricing = Pricing()
    async with Prices(dsn=postgresql, file=None, pricing=pricing).running(), connected(postgresql) as connection:
        await set_price(connection, HOUSE)
        async with asyncio.timeout(30):
            while nano(pricing) is None:  # noqa: ASYNC110  # what is waited for is a state
                await asyncio.sleep(0.02)


def eventually(condition: Callable[[], bool], *, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.5)
    return False


def test_a_price_that_is_set_beside_a_server_is_in_force_within_fifteen_seconds(
    postgresql: str, tmp_path: Path
) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(written(5, "in-file"))
    numbers = iter(range(1000))

    with Server(database_url=postgresql, settings={"USAGE_GRAPH_PRICES": str(file)}) as server:

        def cost(model: str) -> tuple[str | None, int]:
            """Of one more call of ``model``, and of how many the cost is unknown."""
            body = request([call(next(numbers), {"gen_ai.request.model": model})]).SerializeToString()
            sent = httpx.post(f"{server.otlp_http}/v1/traces", content=body, headers=PROTOBUF, timeout=30)
            assert sent.status_code == 200
            return totals(model)

        def totals(model: str) -> tuple[str | None, int]:
            document = """query ($model: String!) {
                usage(window: {last: "P1D"}, filter: {model: {eq: $model}}) { totals { cost unpricedCalls } }
            }"""
            found = server.query(document, {"model": model})["usage"]["totals"]
            return found["cost"], found["unpricedCalls"]

        assert cost("in-file") == ("0.0005", 0)
        assert cost("house") == (None, 1)
        where = ("--database-url", postgresql)
        done = run("prices", "set", "house", "--input", "1", "--output", "2", *where)
        assert done.returncode == 0, done.stderr
        assert eventually(lambda: cost("house")[0] is not None, seconds=15)
        # What came before is as it was, until it is asked for.
        unpriced = totals("house")[1]
        assert unpriced >= 1
        repriced = run("reprice", "--last", "P1D", "--yes", *where, environ={"USAGE_GRAPH_PRICES": str(file)})
        assert repriced.returncode == 0, repriced.stderr
        assert f"Changed {unpriced} calls." in repriced.stdout
        after = totals("house")
        assert after[1] == 0
        assert Decimal(after[0] or 0) == Decimal("0.00014") * (next(numbers) - 1)


def test_a_server_does_not_start_with_a_file_that_is_wrong(postgresql: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(written(-5))
    done = run("serve", "--database-url", postgresql, "--port", "0", "--prices", str(file))
    assert done.returncode == 2
    assert "prices.toml, price 1 (house): input: -5 is no amount from 0 to 1,000,000 USD." in done.stderr


async def test_looking_goes_on_whatever_happens(
    postgresql: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watching, "_EVERY", 0.05)
    pricing = Pricing()
    failures = iter([RuntimeError("unforeseen")])

    async def failing(dsn: str) -> Any:
        for failure in failures:
            raise failure
        return await read_prices(dsn)

    async with Prices(dsn=postgresql, file=None, pricing=pricing).running(), connected(postgresql) as connection:
        monkeypatch.setattr(watching, "read_prices", failing)
        await set_price(connection, HOUSE)
        async with asyncio.timeout(30):
            while not nano(pricing):  # noqa: ASYNC110  # what is waited for is a state
                await asyncio.sleep(0.02)
    assert [entry.getMessage() for entry in caplog.records] == ["own prices stay as they were"]
