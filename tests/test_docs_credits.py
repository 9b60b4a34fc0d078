"""docs/credits.md is true to the letter: its commands run, and its example comes out as it says."""

import asyncio
import re
import shlex
from datetime import datetime
from decimal import Decimal

import pytest

from tests.documents import ROOT, snippets
from tests.records import record
from tests.store.test_ledger import ask, store
from usage_graph import cli
from usage_graph.credits import CreditPeriod, CreditPlan
from usage_graph.processor.charging import Charging
from usage_graph.question import Dimension, Filter, Scope, StringFilter
from usage_graph.store.credits import read_credit_rules
from usage_graph.usage import NANO, UsageRecord

PAGE = (ROOT / "docs" / "credits.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)
    for text in (*snippets(PAGE, "sh"), *re.findall(r"`(usage-graph credits [^`]+)`", PAGE))
    for line in text.splitlines()
]
PLAN = CreditPlan("default", None, CreditPeriod.DAY, "Asia/Kathmandu", 10 * NANO, Decimal("0.5"))


def rows(title: str) -> list[list[str]]:
    """Those of the table that begins with this title."""
    found = re.search(rf"^\| {title} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.M)
    assert found is not None
    return [[cell.strip() for cell in line.strip("|\n").split("|")] for line in found[1].splitlines()]


def example() -> list[UsageRecord]:
    return [
        record(
            started_at=datetime.fromisoformat(started),
            span_id=bytes([number] * 8),
            agent=agent,
            credits_nano=int(Decimal(amount) * NANO),
        )
        for number, (started, agent, amount, _, _) in enumerate(rows("started"), 1)
    ]


def of(agent: str) -> Filter:
    return Filter() if agent == "any" else Filter(((Dimension.AGENT, StringFilter(eq=agent)),))


def test_its_commands_run(postgresql: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) == 8
    for program, *arguments in COMMANDS[:-1]:
        assert program == "usage-graph"
        assert cli.main([*arguments, "--database-url", postgresql]) == 0, arguments
    said = capsys.readouterr().out
    assert "Plans of default:" in said
    charging = Charging(asyncio.run(read_credit_rules(postgresql)))
    call = record(request_model="gpt-4o", channel="whatsapp", input_tokens=1500, output_tokens=500)
    assert charging.charge(call).credits_nano == 11 * NANO // 10
    assert cli.main([*COMMANDS[-1][1:], "--database-url", postgresql]) == 0
    assert "Removed: calls of gpt-4o by web in default" in capsys.readouterr().out


async def test_its_example_comes_out_as_it_says(database: str) -> None:
    await store(database, example(), [PLAN])
    windows = rows("from")
    assert len(windows) == 6
    for start, end, agent, *numbers in windows:
        scope = Scope("default", datetime.fromisoformat(start), datetime.fromisoformat(end), of(agent))
        (found,) = await ask(database, scope)
        five = (found.consumed, found.included, found.additional, found.additional_cost, found.remaining)
        assert five == tuple(map(Decimal, numbers)), (start, end, agent)
    for call, (*_, included, additional) in zip(example(), rows("started"), strict=True):
        (found,) = await ask(database, Scope("default", call.started_at, call.started_at.replace(microsecond=1)))
        assert (found.included, found.additional) == (Decimal(included), Decimal(additional))
