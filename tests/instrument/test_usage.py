"""``usage(...)``: which labels a span gets."""

import asyncio
import contextvars
import enum
import inspect
import threading
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.instrument.conftest import Recorder
from usage_graph.instrument import UsageSpanProcessor, usage

LABELS = ("source", "name", "conversation", "user", "channel", "agent", "turn")


def test_every_label_is_stamped_inside_and_nothing_outside(recorder: Recorder) -> None:
    everything = {label: f"the {label}" for label in LABELS}
    recorder.span()
    with usage(**everything):
        recorder.span()
    recorder.span()
    assert recorder.labels == [{}, everything, {}]


def test_the_inner_scope_wins_where_both_set_a_label(recorder: Recorder) -> None:
    with usage(source="chat", conversation="c1", user="u1"):
        with usage(source="memory", agent="extractor"):
            recorder.span()
        recorder.span()
    assert recorder.labels == [
        {"source": "memory", "conversation": "c1", "user": "u1", "agent": "extractor"},
        {"source": "chat", "conversation": "c1", "user": "u1"},
    ]


def test_none_and_empty_leave_a_label_as_it_is(recorder: Recorder) -> None:
    with usage(source="chat", user=None, name=""), usage(source=None, conversation="", channel="web"):
        recorder.span()
    assert recorder.labels == [{"source": "chat", "channel": "web"}]


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(LABELS, st.sampled_from([None, "", "a", "b", "ü"])))))
def test_nesting_is_a_merge_from_the_outside_in(scopes: list[dict[str, str | None]]) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    recorder = Recorder(provider)
    entered = [usage(**scope) for scope in scopes]
    for scope in entered:
        scope.__enter__()
    recorder.span()
    for scope in reversed(entered):
        scope.__exit__(None, None, None)
    recorder.span()
    merged: dict[str, str] = {}
    for labels in scopes:
        merged |= {key: value for key, value in labels.items() if value}
    assert recorder.labels == [merged, {}]


def test_what_the_span_says_itself_wins(recorder: Recorder) -> None:
    with usage(source="chat", user="u1"):
        recorder.span(attributes={"usage_graph.user": "u2", "gen_ai.operation.name": "chat"})
        span = recorder.tracer.start_span("later")
        span.set_attribute("usage_graph.user", "u3")
        span.end()
    assert recorder.labels == [{"source": "chat", "user": "u2"}, {"source": "chat", "user": "u3"}]


def test_an_exception_leaves_the_scope(recorder: Recorder) -> None:
    with pytest.raises(ZeroDivisionError), usage(source="chat"):
        _ = 1 / 0
    recorder.span()
    assert recorder.labels == [{}]


def test_a_span_of_another_context_made_inside_is_labelled(recorder: Recorder) -> None:
    """Libraries start spans under a parent that they carry in a bare context of their own."""
    parent = recorder.tracer.start_span("request")
    with usage(source="chat"):
        recorder.span(context=trace.set_span_in_context(parent, Context()))
        recorder.span(context=Context())
    assert recorder.labels == [{"source": "chat"}, {"source": "chat"}]


def test_a_context_captured_in_another_scope_keeps_that_scope(recorder: Recorder) -> None:
    with usage(source="agent", conversation="c1"):
        captured = otel_context.get_current()
    with usage(source="chat", user="u2"):
        recorder.span(context=captured)
    recorder.span(context=captured)
    assert recorder.labels == [{"source": "agent", "conversation": "c1"}] * 2


# Concurrency


async def test_tasks_inherit_the_labels_and_do_not_see_each_other(recorder: Recorder) -> None:
    async def chat(conversation: str) -> None:
        with usage(conversation=conversation):
            await asyncio.sleep(0.001)
            recorder.span(conversation)
            await asyncio.to_thread(recorder.span, conversation)

    with usage(source="chat"):
        await asyncio.gather(*(chat(f"c{number}") for number in range(10)))
        recorder.span("parent")
    spans = recorder.exporter.get_finished_spans()
    assert len(spans) == 21
    for span, labels in zip(spans, recorder.labels, strict=True):
        own = {} if span.name == "parent" else {"conversation": span.name}
        assert labels == {"source": "chat", **own}


def test_a_thread_in_a_copied_context_is_inside_and_a_bare_thread_is_not(recorder: Recorder) -> None:
    with usage(source="chat"), ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, recorder.span).result()
        pool.submit(recorder.span).result()
        bare = threading.Thread(target=recorder.span)
        bare.start()
        bare.join()
    assert recorder.labels == [{"source": "chat"}, {}, {}]


# Decorator


def test_a_decorated_function_runs_inside(recorder: Recorder) -> None:
    @usage(source="report")
    def report(depth: int, *, step: int = 1) -> int:
        """Makes a span at every depth."""
        recorder.span()
        return 0 if depth == 0 else step + report(depth - step, step=step)

    assert report(2) == 2
    assert report.__name__ == "report"
    assert report.__doc__ == "Makes a span at every depth."
    recorder.span()
    assert recorder.labels == [{"source": "report"}] * 3 + [{}]


async def test_a_decorated_coroutine_runs_inside_each_call_for_itself(recorder: Recorder) -> None:
    @usage(source="agent", conversation="default")
    async def act(number: int) -> int:
        with usage(conversation=str(number)):
            await asyncio.sleep(0.001)
            recorder.span(str(number))
        recorder.span("default")
        return number

    assert inspect.iscoroutinefunction(act)
    assert await asyncio.gather(*map(act, range(5))) == list(range(5))
    recorder.span("outside")
    for span, labels in zip(recorder.exporter.get_finished_spans(), recorder.labels, strict=True):
        assert labels == ({} if span.name == "outside" else {"source": "agent", "conversation": span.name})


def test_a_decorated_generator_is_inside_while_it_runs_and_its_consumer_is_not(recorder: Recorder) -> None:
    @usage(source="stream")
    def stream() -> Generator[str, str, str]:
        try:
            recorder.span()
            sent = yield "first"
            recorder.span()
            yield sent
            return "result"
        finally:
            recorder.span("closing")

    def outer() -> Generator[str, str, None]:
        results.append((yield from stream()))

    results: list[str] = []
    running = outer()
    assert next(running) == "first"
    recorder.span("consumer")
    assert running.send("second") == "second"
    assert list(running) == []
    assert results == ["result"]

    abandoned = stream()
    next(abandoned)
    abandoned.close()
    failing = stream()
    next(failing)
    with pytest.raises(KeyError):
        failing.throw(KeyError("from the consumer"))
    assert inspect.isgeneratorfunction(stream)
    for span, labels in zip(recorder.exporter.get_finished_spans(), recorder.labels, strict=True):
        assert labels == ({} if span.name == "consumer" else {"source": "stream"})
    assert [span.name for span in recorder.exporter.get_finished_spans()].count("closing") == 3


async def test_a_decorated_async_generator_is_inside_while_it_runs_and_its_consumer_is_not(recorder: Recorder) -> None:
    @usage(source="stream")
    async def stream() -> AsyncIterator[int]:
        try:
            for number in range(3):
                await asyncio.sleep(0)
                recorder.span()
                yield number
        finally:
            recorder.span("closing")

    found = []
    async for number in stream():
        recorder.span("consumer")
        found.append(number)
    assert found == [0, 1, 2]
    abandoned: Any = stream()
    assert await anext(abandoned) == 0
    await abandoned.aclose()
    assert inspect.isasyncgenfunction(stream)
    for span, labels in zip(recorder.exporter.get_finished_spans(), recorder.labels, strict=True):
        assert labels == ({} if span.name == "consumer" else {"source": "stream"})
    assert [span.name for span in recorder.exporter.get_finished_spans()].count("closing") == 2


def test_a_decorated_method_keeps_its_self(recorder: Recorder) -> None:
    class Bot:
        def __init__(self) -> None:
            self.name = "bot"

        @usage(source="chat")
        def answer(self) -> str:
            recorder.span()
            return self.name

    assert Bot().answer() == "bot"
    assert recorder.labels == [{"source": "chat"}]


@pytest.mark.parametrize("decorated", [dict, "text", None])
def test_only_functions_are_decorated(decorated: Any) -> None:
    with pytest.raises(TypeError, match="decorates functions"):
        usage(source="chat")(decorated)


# Misuse


def test_a_scope_is_entered_once_at_a_time_and_may_be_used_again(recorder: Recorder) -> None:
    scope = usage(source="chat")
    with scope, pytest.raises(RuntimeError, match="already entered"):
        scope.__enter__()
    recorder.span()
    with scope:
        recorder.span()
    assert recorder.labels == [{}, {"source": "chat"}]


@pytest.mark.parametrize("value", [42, b"bytes", ["list"], object(), 0, False])
@pytest.mark.parametrize("label", LABELS)
def test_a_label_that_is_no_string_is_refused_by_name(label: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"usage\({label}=\.\.\.\) must be a string, not {type(value).__name__}"):
        usage(**{label: value})


@pytest.mark.parametrize("label", ["credits", "cost"])
def test_what_belongs_to_one_call_is_no_label(label: str) -> None:
    with pytest.raises(TypeError, match=label):
        usage(**{label: "1"})


class Channel(str, enum.Enum):  # noqa: UP042 - the kind of enum whose str() is not its value
    WEB = "web"


def test_values_are_copied_as_given_except_what_cannot_travel(recorder: Recorder) -> None:
    odd = "  Größe\n\x00 " + "x" * 1000
    with usage(name=odd, channel=Channel.WEB, user="lone \ud800 surrogate"):
        recorder.span()
    [labels] = recorder.labels
    assert labels == {"name": odd, "channel": "web", "user": "lone ? surrogate"}
    assert type(labels["channel"]) is str


# Processors of others


@pytest.mark.parametrize("ours_first", [True, False])
def test_exporters_see_the_labels_whichever_processor_was_added_first(ours_first: bool) -> None:
    exporter = InMemorySpanExporter()
    processors = [UsageSpanProcessor(), SimpleSpanProcessor(exporter)]
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors if ours_first else reversed(processors):
        provider.add_span_processor(processor)
    with usage(source="chat"):
        provider.get_tracer("x").start_span("call").end()
    [span] = exporter.get_finished_spans()
    assert dict(span.attributes or {}) == {"usage_graph.source": "chat"}
