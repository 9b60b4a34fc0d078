"""A server with the demo's month, and what its records come to in plain SQL."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import httpx

from tests.conftest import dsn_of
from tests.otlp import PROTOBUF, call, request
from tests.serving import Server
from usage_graph.config import Settings
from usage_graph.demo import terms
from usage_graph.demo.stage import sender_environment
from usage_graph.graph.schema import example_operations
from usage_graph.store.embedded import Embedded

SEED = 1
ZONE = "Europe/Berlin"
"""Of the browser."""

MEASURES = {
    "cost": "sum(cost_nano) / 1e9",
    "tokens": "sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))",
    "input": "sum(coalesce(input_tokens, 0))",
    "output": "sum(coalesce(output_tokens, 0))",
    "calls": "count(*)",
    "credits": "sum(credits_nano) / 1e9",
    "average": "round(sum(cost_nano) / 1e9 / nullif(count(cost_nano), 0), 9)",
}
"""What cards, charts and tables show, as sums over records."""

COLUMNS = {"model": "coalesce(response_model, request_model)", "user": "user_id"}
"""Of the dimensions that have no column of their name."""

NOBODY = {"source": "no source", "agent": "no agent", "model": "unknown model", "user": "no user"}


class Span(NamedTuple):
    """A time from an instant to another."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, range_: dict[str, str]) -> "Span":
        return cls(datetime.fromisoformat(range_["from"]), datetime.fromisoformat(range_["to"]))

    @property
    def before(self) -> "Span":
        """The one that the page compares with."""
        return Span(self.start - (self.end - self.start), self.start)

    @property
    def between(self) -> dict[str, str]:
        return {"from": self.start.isoformat(), "to": self.end.isoformat()}


class Demo:
    """``span`` is over, has odd ends and the demo's sudden cost; the equally long time before it has calls, too."""

    def __init__(self, server: Server, dsn: str, now: datetime) -> None:
        self.server = server
        self.now = now
        self.zone = ZoneInfo(ZONE)
        self.span = Span(now - timedelta(days=15, hours=3, seconds=17), now - timedelta(days=1, hours=2, seconds=5))
        self._dsn = dsn
        # In a thread of its own: Playwright runs a loop in that of the tests.
        self._thread = ThreadPoolExecutor(1)

    @cache  # noqa: B019  (there is one, for as long as the tests run, and of a time that is over)
    def rows(self, question: str, *values: object, span: Span | None = None) -> list[asyncpg.Record]:
        """What ``question`` finds in ``calls``: the project's records of ``span``, whose ends are $1 and $2."""
        calls = "SELECT * FROM usage_record WHERE project = 'default' AND started_at >= $1 AND started_at < $2"

        async def ask() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self._dsn)
            try:
                return await connection.fetch(f"WITH calls AS ({calls}) {question}", *(span or self.span), *values)
            finally:
                await connection.close()

        return self._thread.submit(asyncio.run, ask()).result()

    def select(
        self, columns: str, where: str = "true", *values: object, then: str = "", span: Span | None = None
    ) -> list[asyncpg.Record]:
        """Of the calls for which a condition holds; its values begin with $3."""
        return self.rows(f"SELECT {columns} FROM calls WHERE {where} {then}", *values, span=span)  # noqa: S608

    def of_project(self, project: str, columns: str) -> list[asyncpg.Record]:
        """Of all calls of another project."""
        question = f"SELECT {columns} FROM usage_record WHERE project = $3 AND $1 < $2"  # noqa: S608
        return self.rows(question, project)

    def total(self, measure: str, where: str = "true", *values: object, span: Span | None = None) -> Any:
        """One of ``MEASURES`` of the calls for which a condition holds."""
        [row] = self.select(f"{MEASURES[measure]} AS sum", where, *values, span=span)
        return row["sum"]

    def groups(self, dimension: str, measure: str, span: Span | None = None) -> dict[str | None, Any]:
        """A measure by the values of a dimension, largest first; `None` is of the calls without one."""
        key = COLUMNS.get(dimension, dimension)
        ranked = "GROUP BY 1 ORDER BY 2 DESC NULLS LAST, 1"
        found = self.select(f"{key} AS key, {MEASURES[measure]} AS sum", then=ranked, span=span)
        return {row["key"]: row["sum"] for row in found}

    def names(self, dimension: str, measure: str, first: int = 8) -> dict[str, Any]:
        """The same as the page calls it: so many of them, and the sum of all others."""
        found = list(self.groups(dimension, measure).items())
        named = {NOBODY[dimension] if key is None else key: value for key, value in found[:first]}
        rest = [value for _, value in found[first:] if value is not None]
        return named | ({"all others": sum(rest)} if len(found) > first else {})

    def points(
        self,
        measure: str,
        *,
        unit: str = "day",
        zone: str = ZONE,
        where: str = "true",
        values: tuple[object, ...] = (),
        span: Span | None = None,
    ) -> dict[datetime, Any]:
        """A measure by the days or hours of a zone, of those that have calls; by when they begin on its clock."""
        start = f"date_trunc('{unit}', started_at AT TIME ZONE '{zone}')"
        columns = f"{start} AS start, {MEASURES[measure]} AS sum"
        found = self.select(columns, where, *values, then="GROUP BY 1 ORDER BY 1", span=span)
        return {row["start"]: row["sum"] for row in found}

    def hours(
        self, measure: str, where: str = "true", *values: object, span: Span | None = None
    ) -> dict[datetime, Any]:
        """A measure by the hours of a time, also of those without calls, by the instants at which they begin."""
        found = self.points(measure, unit="hour", zone="UTC", where=where, values=values, span=span)
        hour, last = (end.astimezone(UTC).replace(minute=0, second=0) for end in span or self.span)
        every = [hour + timedelta(hours=number) for number in range((last - hour) // timedelta(hours=1) + 1)]
        return {hour: found.get(hour.replace(tzinfo=None), 0) for hour in every}

    @cache  # noqa: B019
    def page(self, operation: str, search: str | None = None) -> dict[str, Any]:
        """What a public operation of docs/usage_pages.md answers for ``span``."""
        variables = {"window": {"between": self.span.between}, "timezone": ZONE, "bucket": "DAY", "search": search}
        return self.server.query(example_operations()[operation], variables)

    def usage(self, fields: str, span: Span | None = None, zone: str = ZONE) -> dict[str, Any]:
        """These ``fields`` of the API's ``usage`` of ``span``."""
        asked = f'query ($window: WindowInput!) {{ usage(window: $window, timezone: "{zone}") {{ {fields} }} }}'
        found = self.server.query(asked, {"window": {"between": (span or self.span).between}})
        usage: dict[str, Any] = found["usage"]
        return usage


@contextmanager
def playing(postgres: Embedded, template: str) -> Iterator[Demo]:
    """A server on a database of its own, and the demo's month in it."""
    now = datetime.now(UTC).replace(microsecond=0)
    dsn = dsn_of(postgres, "demo")

    async def prepare() -> None:
        connection = await asyncpg.connect(dsn_of(postgres, "postgres"))
        await connection.execute(f"CREATE DATABASE demo TEMPLATE {template}")
        await connection.close()
        await terms.agree(Settings(database_url=dsn))

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, prepare()).result()
    with Server(database_url=dsn) as server:
        to = ("--http", server.otlp_http, "--grpc", f"http://{server.otlp_grpc}")
        subprocess.run(
            [sys.executable, "-m", "usage_graph.demo", *to, "--seed", str(SEED), "--now", now.isoformat()],
            env=sender_environment(server.environment),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        demo = Demo(server, dsn, now)
        _answer_a_guest(demo)
        yield demo


def _answer_a_guest(demo: Demo) -> None:
    """The demo's agents talk to nobody: one more does, in five turns."""
    marks: dict[str, str | int] = {
        "gen_ai.agent.name": "Concierge",
        "gen_ai.conversation.id": "conv_guest",
        "usage_graph.channel": "whatsapp",
        "user.id": "s3fn3ObixB",
    }
    start = int((demo.span.end - timedelta(hours=1)).timestamp()) * 10**9
    # Ten numbers share a trace, and a turn is a trace.
    spans = [call(number, marks, start_ns=start + number * 10**9) for number in range(0, 50, 5)]
    sent = httpx.post(f"{demo.server.http}/v1/traces", content=request(spans).SerializeToString(), headers=PROTOBUF)
    assert sent.status_code == 200
