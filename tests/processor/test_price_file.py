"""Prices in a TOML file."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.errors import ConfigError
from usage_graph.price import Origin, OwnPrice
from usage_graph.processor.price_file import parse

WHOLE = """
# What we pay.
[[price]]
model = "My-Deployment"
provider = "Azure"
from = 2026-03-01
input = "3"
output = 15.10
cache_read = "0.30"
cache_write = 3.75
cache_write_1h = 6
reasoning = "20"
per_call = 0.000001

[[price]]
model = "llama-*"
input = 0
output = 0
"""


def test_a_file_says_what_is_written_to_the_last_digit() -> None:
    deployment = OwnPrice(
        "my-deployment",
        "azure",
        datetime(2026, 3, 1, tzinfo=UTC),
        input=Decimal(3),
        output=Decimal("15.1"),
        cache_read=Decimal("0.3"),
        cache_write=Decimal("3.75"),
        cache_write_1h=Decimal(6),
        reasoning=Decimal(20),
        per_call=Decimal("0.000001"),
        origin=Origin.FILE,
    )
    llama = OwnPrice("llama-*", None, None, Decimal(0), Decimal(0), origin=Origin.FILE)
    assert parse(WHOLE, where="prices.toml") == [deployment, llama]


@pytest.mark.parametrize("text", ["", "# nothing yet", "price = []"])
def test_a_file_may_say_nothing(text: str) -> None:
    assert parse(text, where="prices.toml") == []


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("price = ", ["prices.toml is not TOML: "]),
        ("price = 3", ["prices.toml: each price is a table of its own, [[price]]."]),
        ("[price]\nmodel = 'm'", ["prices.toml: each price is a table of its own, [[price]]."]),
        ("[gpt-4o]\ninput = 3", ["prices.toml: gpt-4o is none of ours; each price is a table [[price]]."]),
        ("[[price]]\ninput = 1\noutput = 1", ["prices.toml, price 1: model: missing."]),
        (
            "[[price]]\nmodel = 'a'\ninput = 1\noutput = 'x'\ncached = 1\n"
            "[[price]]\nmodel = 'b'\ninput = inf\nfrom = 'x'",
            [
                "prices.toml, price 1 (a): cached: there is no such key; model, provider, from, input, output, ",
                "prices.toml, price 1 (a): output: 'x' is no amount",
                "prices.toml, price 2 (b): input: Decimal('Infinity') is no amount",
                "prices.toml, price 2 (b): from: 'x' is no date",
                "prices.toml, price 2 (b): output: missing",
            ],
        ),
        (
            "[[price]]\nmodel = 'a'\nper_call = 1\n[[price]]\nmodel = 'A'\nper_call = 2",
            ["prices.toml, price 2 (A): price 1 is of the same model, provider and time."],
        ),
        ("[[price]]\nmodel = 3\nper_call = 1", ["prices.toml, price 1: model: 3 is no name of a model"]),
    ],
)
def test_everything_that_is_wrong_is_said_with_its_place(text: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, where="prices.toml")
    assert len(caught.value.problems) == len(problems)
    for found, wanted in zip(caught.value.problems, problems, strict=True):
        assert found.startswith(wanted)


@given(st.text() | st.text(alphabet="[]price=\n'\"#.0123456789modelinput "))
def test_any_text_is_prices_or_a_clear_no(text: str) -> None:
    with suppress(ConfigError):
        parse(text, where="prices.toml")
