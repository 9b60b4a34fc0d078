"""What the SDKs are told: the same calls under five conventions, sums on parents, the same ids, and no content."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from tests.serving import free_port
from usage_graph.demo import cast, conventions, replay, workload
from usage_graph.demo.workload import Call, Run
from usage_graph.errors import DemoError

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def story() -> list[Run]:
    return workload.history(seed=1, now=NOW)


def described(run: Run) -> list[conventions.Described]:
    library = conventions.LIBRARIES[run.app.convention]
    return [library.run(run), *(library.call(run, call) for call in run.calls), conventions.http_request(run.calls[0])]


def test_every_convention_is_used(story: list[Run]) -> None:
    assert {run.app.convention for run in story} == set(cast.Convention) == set(conventions.LIBRARIES)
    assert {run.app for run in story} == set(cast.APPS)


def test_no_content_is_sent(story: list[Run]) -> None:
    keys = {key for run in story for span in described(run) for key in span.attributes}
    content = (
        "message",
        "prompt.",
        "completion.",
        "content",
        ".value",
        "input.",
        "output.",
        "instructions",
        "argument",
    )

    known = {"llm.token_count.prompt", "llm.token_count.completion"}
    assert not [key for key in keys - known if any(part in key for part in content) and "token" not in key]


def test_parents_repeat_their_children_as_libraries_do(story: list[Run]) -> None:
    keys = {
        cast.Convention.OTEL: "gen_ai.usage.input_tokens",
        cast.Convention.OPENINFERENCE: "llm.token_count.prompt",
        cast.Convention.PYDANTIC_AI: "gen_ai.usage.input_tokens",
    }
    for run in story:
        if run.agent and (key := keys.get(run.app.convention)):
            parent, *rest = described(run)
            children = [span.attributes.get(key, 0) for span in rest]
            assert parent.attributes[key] == sum(int(value) for value in children)


def test_answers_to_people_are_streamed(story: list[Run]) -> None:
    """And told of by the library of the chats: a good part of the calls has a time to the first token."""
    told = Counter(
        run.source
        for run in story
        for span in described(run)
        if "gen_ai.response.time_to_first_chunk" in span.attributes
    )
    answers = sum(1 for run in story if run.source == "chat" for call in run.calls if call.first_token)
    assert told == {"chat": answers}
    assert answers > len(list(workload.calls(story))) / 4


def test_a_failed_call_has_a_reason_and_no_tokens(story: list[Run]) -> None:
    failed = [(run, call) for run in story for call in run.calls if call.error_type]

    assert failed
    for run, call in failed:
        attributes = conventions.LIBRARIES[run.app.convention].call(run, call).attributes
        assert attributes["error.type"] == call.error_type
        assert not [key for key in attributes if "usage." in key or "token_count" in key]


class Collected(SpanExporter):
    """Keeps what an SDK exports."""

    def __init__(self, result: SpanExportResult = SpanExportResult.SUCCESS) -> None:
        self.spans: list[ReadableSpan] = []
        self._result = result

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return self._result

    def shutdown(self) -> None:
        """Nothing is open."""


def collect(story: list[Run], *, seed: int) -> list[ReadableSpan]:
    collected = Collected()
    delivered = replay.send(story, exporter_of=lambda app: collected, seed=seed)
    assert delivered == len(collected.spans)
    return collected.spans


def key(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


def test_the_same_seed_gives_the_same_ids(story: list[Run]) -> None:
    some = story[:200]
    first, again, other = (collect(some, seed=seed) for seed in (1, 1, 2))

    assert len(set(map(key, first))) == replay.span_count(some)
    assert set(map(key, again)) == set(map(key, first))
    assert not set(map(key, other)) & set(map(key, first))


def test_spans_have_the_times_of_the_story_and_their_parents(story: list[Run]) -> None:
    run = next(run for run in story if run.app is cast.OPERATIONS and len(run.calls) > 2)
    spans = sorted(collect([run], seed=1), key=lambda span: span.start_time or 0)
    parents = {span.context.span_id: span.parent.span_id if span.parent else None for span in spans if span.context}
    calls = [span for span in spans if span.name.startswith("chat ")]

    assert [replay.nanoseconds(call.started_at) for call in run.calls] == [span.start_time for span in calls]
    assert [replay.nanoseconds(call.ended_at) for call in run.calls] == [span.end_time for span in calls]
    assert list(parents.values()).count(None) == 1
    assert all(parent in parents for parent in parents.values() if parent is not None)
    assert len({span.context.trace_id for span in spans if span.context}) == 1


def test_lost_spans_are_an_error(story: list[Run]) -> None:
    with pytest.raises(DemoError, match=r"took 0 of \d+ sample spans"):
        replay.send(story[:20], exporter_of=lambda app: Collected(SpanExportResult.FAILURE), seed=1)


def test_grpc_only_where_there_is_a_grpc_endpoint() -> None:
    def kind(app: cast.App, grpc: str | None) -> str:
        exporter = replay.exporter_for(app, to=replay.Destination(http="http://127.0.0.1:1", grpc=grpc))
        exporter.shutdown()
        return type(exporter).__module__.split(".")[4]

    address = f"127.0.0.1:{free_port()}"
    assert {kind(app, address) for app in cast.APPS if app.grpc} == {"grpc"}
    assert {kind(app, address) for app in cast.APPS if not app.grpc} == {"http"}
    assert {kind(app, None) for app in cast.APPS} == {"http"}


def test_times_are_exact_to_the_microsecond() -> None:
    at = datetime(2026, 11, 22, 15, 30, 1, 123457, tzinfo=UTC)

    assert replay.nanoseconds(at) == 1_795_361_401_123_457_000
    assert replay.nanoseconds(at + timedelta(microseconds=1)) - replay.nanoseconds(at) == 1000


def test_a_call_of_nobody_is_still_a_call() -> None:
    call = Call(started_at=NOW, duration=timedelta(seconds=1), model=cast.GPT, input_tokens=1, output_tokens=1)
    for app in cast.APPS:
        run = Run(app=app, source="chat", calls=(call,))
        assert None not in [value for span in described(run) for value in span.attributes.values()]
