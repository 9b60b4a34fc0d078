"""The calls that most tests of the page look at, and the question that says what it should show of them."""

import time
from collections.abc import Iterable

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.otlp import PROTOBUF, call, request
from tests.serving import Server

HOUR = 3600 * 10**9
AGENTS = ("Night watch", "Translator", "Reviewer")

TOTALS = """query ($filter: UsageFilter) { usage(window: {last: "P7D"}, timezone: "Europe/Berlin", filter: $filter) {
  totals { cost inputTokens outputTokens calls avgCost }
  breakdown(by: SOURCE) { groups { key share totals { cost } } }
  series(bucket: DAY, by: SOURCE) { points { start partial totals { cost } } }
} }"""


def send(server: Server, project: str, *numbers: int, now: bool = False, key: str = "") -> None:
    """One call for each number: of one of three agents or of a chat; every fifth an hour older, or all of them new."""
    latest = time.time_ns() if now else time.time_ns() - 60 * 10**9
    spans = []
    for number in numbers:
        chat = number % 2 == 0
        labels: dict[str, str | int] = {
            "usage_graph.source": "chat" if chat else "agent",
            "usage_graph.name": f"Question {number}" if chat else AGENTS[number % 3],
            "gen_ai.usage.input_tokens": 1500 + 100 * number,
            "gen_ai.usage.output_tokens": 40 + number,
            "gen_ai.request.model": "gpt-5-mini" if number % 3 else "gpt-5",
            "gen_ai.provider.name": "openai",
        }
        if chat:
            labels |= {"usage_graph.conversation": f"chat-{number % 8}", "usage_graph.user": f"user-{number % 4}"}
        else:
            labels |= {"usage_graph.agent": AGENTS[number % 3]}
        spans.append(call(number, labels, start_ns=latest - (0 if now else number // 5 * HOUR)))
    post(server, project, spans, key=key)


def post(server: Server, project: str, spans: Iterable[Span], *, key: str = "") -> None:
    """Sends ``spans``; they are stored then."""
    answer = httpx.post(
        f"{server.http}/v1/traces",
        content=request(spans).SerializeToString(),
        headers={**PROTOBUF, "x-usage-graph-project": project, **({"authorization": f"Bearer {key}"} if key else {})},
    )
    assert answer.status_code == 200
