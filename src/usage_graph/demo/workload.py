"""What happens in the demo: conversations, agent runs and memory extraction, as LLM calls with true counts.

Pure: the same seed and the same ``now`` give the same calls.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from usage_graph.demo import cast

PAST = timedelta(days=60)
"""Twice what the report shows, so that there is something to compare it with."""

WEEKEND = 0.28
"""How many conversations a day at the weekend has, against a weekday."""
CONVERSATIONS = 24
"""A weekday's conversations."""
BUSY_HOURS = (1, 1, 1, 1, 1, 2, 5, 11, 18, 22, 21, 17, 15, 20, 22, 20, 17, 14, 11, 9, 8, 6, 3, 2)
"""How likely a conversation begins in each hour of the UTC day: Europe's office hours, then America's."""
LOOKED_UP = 0.3
"""How many turns begin with a call that only asks for something to be looked up; its result joins the context."""
PASTED = 0.015
"""How many conversations on the web begin with a whole document."""
SPIKE = (11, 12)
"""How many days ago Market scan ran on the wrong model, again and again."""

RATE_LIMITED = 0.012
TIMED_OUT = 0.006


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One LLM call. Tokens are inclusive (input contains cache, output contains reasoning); ``None``: it failed."""

    started_at: datetime
    duration: timedelta
    model: cast.Model
    operation: str = "chat"
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    first_token: timedelta | None = None
    error_type: str | None = None
    reported_cost: Decimal | None = None
    credits: Decimal | None = None

    @property
    def ended_at(self) -> datetime:
        return self.started_at + self.duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trace: a turn of a conversation, a run of an agent, or a memory extraction."""

    app: cast.App
    source: str
    calls: tuple[Call, ...]
    name: str | None = None
    agent: str | None = None
    conversation: str | None = None
    user: str | None = None
    channel: str | None = None

    @property
    def started_at(self) -> datetime:
        return self.calls[0].started_at - timedelta(milliseconds=4)

    @property
    def ended_at(self) -> datetime:
        return self.calls[-1].ended_at + timedelta(milliseconds=3)


def history(*, seed: int, now: datetime) -> list[Run]:
    """Everything that happened in the sixty days before ``now``, in order; some thousand runs."""
    dice = random.Random(seed)  # noqa: S311  (a repeatable story, no secret)
    story: list[Run] = []
    for back in range(PAST.days, -1, -1):
        day = now.date() - timedelta(days=back)
        midnight = datetime.combine(day, time(), UTC)
        # The product grows a little every day.
        expected = CONVERSATIONS * (1.15 - back / 100) * (WEEKEND if day.weekday() >= 5 else 1)
        for _ in range(round(dice.gauss(expected, expected / 8))):
            story.extend(_conversation(dice, midnight))
        for agent in cast.AGENTS:
            story.extend(_agent_runs(dice, agent, midnight, spike=back in SPIKE))
    return sorted(
        (run for run in story if now - PAST <= run.started_at and run.ended_at < now), key=lambda run: run.started_at
    )


def calls(story: Iterable[Run]) -> Iterator[Call]:
    """Every LLM call of the story, once."""
    for run in story:
        yield from run.calls


def _conversation(dice: random.Random, midnight: datetime) -> Iterator[Run]:
    """The turns of one conversation and what is remembered of it."""
    channel = dice.choice(cast.CHANNELS)
    # A few people ask a lot: the lower of two draws, twice.
    user = cast.USERS[min(dice.randrange(len(cast.USERS)) for _ in range(2))]
    model = {"web": cast.SONNET_46, "slack": cast.HAIKU, "api": cast.GPT_MINI}[channel]
    credit = {"web": Decimal(2), "slack": Decimal(1), "api": Decimal("0.5")}[channel]
    conversation = f"conv_{dice.getrandbits(48):012x}"
    title = dice.choice(cast.TITLES)
    at = midnight + timedelta(
        hours=dice.choices(range(24), BUSY_HOURS)[0], seconds=dice.randrange(3600), milliseconds=dice.randrange(1000)
    )
    size, warm = dice.randint(3_200, 6_400), 0
    if model is cast.SONNET_46 and dice.random() < PASTED:
        size += dice.randint(180_000, 380_000)
    for _ in range(min(1 + int(dice.expovariate(1 / 4.6)), 24)):
        size += dice.randint(300, 3_400)  # the question and what was looked up for it
        turn: tuple[Call, ...] = ()
        if dice.random() < LOOKED_UP:
            turn = _attempts(dice, at=at, model=model, size=size, warm=warm, output=(15, 60))
            at = turn[-1].ended_at + timedelta(seconds=dice.uniform(0.1, 0.9))
            if turn[-1].error_type is None:
                warm, size = size, size + (turn[-1].output_tokens or 0) + dice.randint(200, 1_500)
        turn = (*turn, *_attempts(dice, at=at, model=model, size=size, warm=warm, output=(90, 780), credit=credit))
        yield Run(
            app=cast.HELPDESK,
            source="chat",
            name=title,
            conversation=conversation,
            user=user,
            channel=channel,
            calls=turn,
        )
        if turn[-1].error_type is None:
            warm, size = size, size + (turn[-1].output_tokens or 0)
        at = turn[-1].ended_at + timedelta(seconds=dice.uniform(12, 240))
        if dice.random() < 0.25:
            yield _extraction(dice, at=turn[-1].ended_at + timedelta(seconds=2), user=user, size=size)


def _extraction(dice: random.Random, *, at: datetime, user: str, size: int) -> Run:
    """What is worth remembering is extracted, then embedded."""
    extracted = _attempts(dice, at=at, model=cast.GEMINI_FLASH, size=size, warm=0, output=(120, 700))
    embedded = Call(
        started_at=extracted[-1].ended_at + timedelta(milliseconds=9),
        duration=timedelta(milliseconds=dice.randint(60, 240)),
        model=cast.EMBEDDING,
        operation="embeddings",
        input_tokens=dice.randint(20, 160),
    )
    failed = extracted[-1].error_type is not None
    return Run(
        app=cast.MEMORY,
        source="memory",
        name=cast.MEMORY_NAME,
        user=user,
        calls=extracted if failed else (*extracted, embedded),
    )


def _agent_runs(dice: random.Random, agent: cast.Agent, midnight: datetime, *, spike: bool) -> Iterator[Run]:
    """What ``agent`` does on one day."""
    runs = agent.weekend_runs if midnight.weekday() >= 5 else agent.weekday_runs
    model, steps = agent.model, agent.steps
    if spike and agent is cast.MARKET_SCAN:
        runs, model, steps = 4, cast.GPT_PRO, (5, 9)
    for _ in range(runs):
        at = midnight + timedelta(hours=dice.choice(agent.hours), seconds=dice.uniform(0, 3599))
        size, warm = dice.randint(*agent.context), 0
        done: list[Call] = []
        for _ in range(dice.randint(*steps)):
            attempts = _attempts(dice, at=at, model=model, size=size, warm=warm, output=agent.output, rate=agent.rate)
            done.extend(attempts)
            # The answer and a tool's result join the context of the next step.
            warm, size = size, size + (attempts[-1].output_tokens or 0) + dice.randint(300, 2_500)
            at = attempts[-1].ended_at + timedelta(seconds=dice.uniform(0.2, 3))
        yield Run(app=agent.app, source="agent", agent=agent.name, calls=tuple(done))


def _attempts(
    dice: random.Random,
    *,
    at: datetime,
    model: cast.Model,
    size: int,
    warm: int,
    output: tuple[int, int],
    rate: tuple[Decimal, Decimal] | None = None,
    credit: Decimal | None = None,
) -> tuple[Call, ...]:
    """A call of ``size`` input tokens, ``warm`` of which an earlier one left in the cache; tried again if refused."""
    fate = dice.random()
    if fate < TIMED_OUT:
        waited = timedelta(seconds=60, milliseconds=dice.randrange(40))
        return (Call(started_at=at, duration=waited, model=model, error_type="timeout"),)
    refused: tuple[Call, ...] = ()
    if fate > 1 - RATE_LIMITED:
        quick = timedelta(milliseconds=dice.randint(90, 400))
        refused = (Call(started_at=at, duration=quick, model=model, error_type="rate_limit_exceeded"),)
        at += timedelta(seconds=dice.uniform(1, 8))
    return (
        *refused,
        _answered(dice, at=at, model=model, size=size, warm=warm, output=output, rate=rate, credit=credit),
    )


def _answered(
    dice: random.Random,
    *,
    at: datetime,
    model: cast.Model,
    size: int,
    warm: int,
    output: tuple[int, int],
    rate: tuple[Decimal, Decimal] | None,
    credit: Decimal | None,
) -> Call:
    visible = dice.randint(*output)
    reasoning = int(visible * dice.uniform(0.2, 2.5)) if model.reasons else 0
    written = visible + reasoning
    waited = dice.uniform(0.25, 0.9)
    seconds_per_token = dice.uniform(0.8, 1.3) / model.tokens_per_second
    return Call(
        started_at=at,
        duration=timedelta(seconds=waited + written * seconds_per_token),
        model=model,
        input_tokens=size,
        output_tokens=written,
        cache_read_tokens=warm if model.caches else 0,
        cache_write_tokens=size - warm if model.caches else 0,
        reasoning_tokens=reasoning,
        first_token=timedelta(seconds=waited + reasoning * seconds_per_token),
        reported_cost=(size * rate[0] + written * rate[1]) / 1_000_000 if rate else None,
        credits=credit,
    )
