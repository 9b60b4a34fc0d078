"""Reads: the same questions to usage-graph, to PostGraphile and by hand-written SQL, on the same records.

In each round each asks the same windows, first one by one on one connection, then on several at once for a while; the
order of the three turns. All have answered each question before, and the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import cycle
from typing import Any

import uvloop

from bench import throughput
from bench.children import Child, server
from bench.database import Database
from bench.peers import client
from bench.peers.client import Sql
from bench.peers.question import Answer, Asking, Json, Question, Variant
from bench.peers.questions import questions
from bench.peers.servers import postgraphile
from bench.throughput import Throughput

OURS, THEIRS, SQL = "usage-graph", "PostGraphile", "SQL"
CONNECTIONS = 8


@dataclass(slots=True)
class Figure:
    """``milliseconds``: one per request on one connection; ``at_once``: one per round, on ``CONNECTIONS``.

    Processor time is that of the server (of the asking process, where it asks PostgreSQL itself) and of PostgreSQL.
    """

    milliseconds: list[float] = field(default_factory=list)
    at_once: list[Throughput] = field(default_factory=list)


@dataclass(slots=True)
class Asked:
    """Figures by contender. ``rows``: of the first answer."""

    rows: int
    figures: dict[str, Figure]


@dataclass(slots=True)
class Reads:
    records: int
    rows: dict[str, int]
    """Of the tables that PostGraphile and the hand-written SQL read."""
    connections: int
    rounds: int
    questions: dict[str, Asked]


@dataclass(frozen=True, slots=True)
class _Contender:
    """One way to ask."""

    name: str
    answer: Callable[[Question, Variant], Answer]
    one_by_one: Callable[[Question, Sequence[Variant]], list[float]]
    at_once: Callable[[Question, Sequence[Variant], float], Throughput]


def measure(
    database: Database, name: str, told: Callable[[str], None], *, end: datetime, rounds: int, seconds: float
) -> Reads:
    """Of the database ``name``, which holds records up to ``end`` and the tables of ``tables.sql``."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        dsn = database.dsn(name)
        theirs = stack.enter_context(postgraphile(dsn)).ready()
        ours = stack.enter_context(server(dsn))
        sql = Sql(dsn, runner, CONNECTIONS)
        stack.callback(sql.close)
        postmaster = database.postmaster
        asking = Asking(partial(client.ask, ours.port), partial(client.ask, theirs.port), sql.ask)
        contenders = [_ours(ours, postmaster), _theirs(theirs, postmaster), _sql(sql, postmaster)]
        counted = {table: int(sql.ask(f"SELECT count(*) FROM peers.{table}")[0][0]) for table in _TABLES}  # noqa: S608
        result = Reads(counted["call"], counted, CONNECTIONS, rounds, {})
        for question in questions():
            told(f"read: {question.name}")
            variants = list(question.variants(end, asking))
            rows = _same(question, variants, contenders)
            figures = {contender.name: Figure() for contender in contenders}
            result.questions[question.name] = Asked(rows, figures)
            for round_ in range(rounds):
                by = round_ % len(contenders)
                for contender in (*contenders[by:], *contenders[:by]):
                    figure = figures[contender.name]
                    figure.milliseconds += contender.one_by_one(question, variants)
                    figure.at_once.append(contender.at_once(question, variants, seconds))
    return result


_TABLES = ("call", "by_model", "by_agent", "by_conversation")


def _same(question: Question, variants: Sequence[Variant], contenders: Sequence[_Contender]) -> int:
    """Ask all, which also warms them. Returns how many rows the first answer has.

    Raises:
        AssertionError: they answer differently, or nothing.
    """
    rows = 0
    for variant in variants:
        answers = {contender.name: contender.answer(question, variant) for contender in contenders}
        for name, answer in answers.items():
            assert answer, f"{question.name}: {name} answered nothing"
            assert answer == answers[SQL], f"{question.name}: {name} answered {answer[:3]}, SQL {answers[SQL][:3]}"
        rows = rows or len(answers[SQL])
    return rows


def _ours(child: Child, postmaster: int | None) -> _Contender:
    return _http(
        OURS, child, postmaster, lambda question, of: (question.ours, of.ours), lambda question: question.read_ours
    )


def _theirs(child: Child, postmaster: int | None) -> _Contender:
    return _http(
        THEIRS,
        child,
        postmaster,
        lambda question, of: (question.theirs, of.theirs),
        lambda question: question.read_theirs,
    )


def _http(
    name: str,
    child: Child,
    postmaster: int | None,
    asked: Callable[[Question, Variant], tuple[str, Json]],
    read: Callable[[Question], Callable[[Any], Answer]],
) -> _Contender:
    def bodies(question: Question, variants: Sequence[Variant]) -> list[bytes]:
        return [client.graphql(*asked(question, variant)) for variant in variants]

    def at_once(question: Question, variants: Sequence[Variant], seconds: float) -> Throughput:
        following = cycle(bodies(question, variants)).__next__
        return throughput.measure(child, postmaster, following, CONNECTIONS, seconds)

    return _Contender(
        name,
        lambda question, of: read(question)(client.ask(child.port, *asked(question, of))),
        lambda question, variants: client.one_by_one(child.port, bodies(question, variants)),
        at_once,
    )


def _sql(sql: Sql, postmaster: int | None) -> _Contender:
    def at_once(question: Question, variants: Sequence[Variant], seconds: float) -> Throughput:
        return sql.at_once(question.sql, [of.sql for of in variants], postmaster=postmaster, seconds=seconds)

    return _Contender(
        SQL,
        lambda question, of: question.read_sql(sql.ask(question.sql, *of.sql)),
        lambda question, variants: sql.one_by_one(question.sql, [of.sql for of in variants]),
        at_once,
    )
