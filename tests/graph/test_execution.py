"""Plans answer as the plain executor does: the same data, the same errors in the same places, for the same price."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLFloat,
    GraphQLID,
    GraphQLString,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from tests.graph.api import NOW, Api, WatchedReader
from tests.graph.conftest import MONTH
from tests.graph.documents import Document, documents
from tests.questions import DECLARED
from usage_graph import usage
from usage_graph.errors import QueryUnavailable
from usage_graph.grant import OPEN
from usage_graph.graph import execution, failures, leaves
from usage_graph.graph.budget import Budget
from usage_graph.graph.execution import PLANS, prepared
from usage_graph.graph.operation import Operation
from usage_graph.graph.plan import Plan
from usage_graph.graph.request import Asked
from usage_graph.graph.scalars import MAX_SAFE_INTEGER, write_decimal
from usage_graph.graph.schema import example_operations, schema
from usage_graph.usage import Totals, from_nano

WINDOW = 'window: { last: "P60D" }'
QUERIES = (OperationType.QUERY,)

Execute = Callable[[Asked, Operation, tuple[OperationType, ...]], Awaitable[ExecutionResult]]


class _Watched(Operation):
    """Notes whether the plain executor had to answer after all."""

    begun_again = False

    def again(self) -> None:
        self.begun_again = True
        super().again()


class Answered:
    """What became of one operation."""

    def __init__(self, result: ExecutionResult, operation: _Watched, reader: WatchedReader) -> None:
        # As the endpoint encodes it.
        self.data = orjson.loads(orjson.dumps(result.data, option=orjson.OPT_UTC_Z))
        self.keys = orjson.dumps(result.data, option=orjson.OPT_UTC_Z)
        self.errors = failures.formatted(result.errors or [], executed=True)
        self.cost = operation.budget.requested
        self.asked = sorted(reader.asked)
        self.begun_again = operation.begun_again


async def answered(by: Execute, document: Document, prepare: Callable[[WatchedReader], None] | None = None) -> Answered:
    reader = WatchedReader(MONTH)
    if prepare is not None:
        prepare(reader)
    budget = Budget(limit=4_000)
    operation = _Watched(reader=reader, project="default", now=NOW, grant=OPEN, declared=DECLARED, budget=budget)
    async with operation:
        result = await by(Asked(document.text, variables=document.variables), operation, QUERIES)
    assert reader.open == 0
    return Answered(result, operation, reader)


async def _again(asked: Asked, operation: Operation, allowed: tuple[OperationType, ...]) -> ExecutionResult:
    await execution.plain(asked, operation, allowed)
    operation.again()
    return await execution.plain(asked, operation, allowed)


async def compared(document: Document, prepare: Callable[[WatchedReader], None] | None = None) -> Answered:
    """What plans answer, which is what the plain executor does."""
    plain = await answered(execution.plain, document, prepare)
    planned = await answered(execution.execute, document, prepare)
    assert planned.keys == plain.keys, document
    if planned.errors != plain.errors:
        # Where several fields fail that may not be null, the first says why: also where all know their answers.
        assert planned.errors == (await answered(_again, document, prepare)).errors, document
    assert planned.cost == plain.cost, document
    if not planned.errors:  # else some questions are no longer put, whichever it is too late for
        assert planned.asked == plain.asked, document
    return planned


@pytest.mark.parametrize("name", example_operations())
async def test_examples_are_answered_by_their_plans(name: str) -> None:
    text = example_operations()[name]
    given: list[dict[str, Any]] = [
        {},
        {"window": {"last": "P60D"}},
        {"window": {"between": {"from": "2026-03-20T00:00:00Z", "to": "2026-04-15T00:00:00.25Z"}}},
    ]
    for variables in given if "$window" in text else given[:1]:
        found = await compared(Document(text, variables))
        assert not found.errors
        assert not found.begun_again
        assert found.data


# The plain executor forgets some of what it cancels where a field fails that may not be null.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(document=documents())
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
async def test_whatever_is_asked_is_answered_as_the_plain_executor_does(document: Document) -> None:
    found = await compared(document)
    if not found.errors and prepared(document.text, None) is not None and "node(" not in document.text:
        assert not found.begun_again, document


def _failing(*methods: str) -> Callable[[WatchedReader], None]:
    async def before(method: str) -> None:
        if method in methods:
            raise QueryUnavailable(f"{method} is away.")

    def prepare(reader: WatchedReader) -> None:
        reader.before = before

    return prepare


@pytest.mark.parametrize("method", ["totals", "series", "records", "record_count", "breakdown", "kept_since"])
@pytest.mark.parametrize("name", ["UsagePage", "Records", "Totals", "CostByModel", "Freshness"])
async def test_a_question_that_fails_is_the_same_error(name: str, method: str) -> None:
    found = await compared(Document(example_operations()[name], {}), _failing(method))
    if found.errors:
        assert {error["extensions"]["code"] for error in found.errors} == {"UNAVAILABLE"}
        assert found.begun_again


async def test_an_error_that_leaves_null_leaves_the_rest() -> None:
    async def before(method: str) -> None:
        counted.append(method)
        if len(counted) == 2:  # of the window before
            raise QueryUnavailable("away")

    def prepare(reader: WatchedReader) -> None:
        counted.clear()
        reader.before = before

    counted: list[str] = []
    document = Document(f"{{ usage({WINDOW}) {{ previous {{ totals {{ calls }} }} range {{ to }} }} }}", {})
    found = await compared(document, prepare)
    assert [error["path"] for error in found.errors] == [["usage", "previous"]]
    assert found.data["usage"]["previous"] is None
    assert found.data["usage"]["range"]


@pytest.mark.parametrize(
    "wrong",
    [
        Totals(calls=None),  # type: ignore[arg-type]
        Totals(calls=-1, duration_us=10**400),
        Totals(input_tokens="many"),  # type: ignore[arg-type]
        None,
        ValueError("no"),
    ],
)
async def test_what_the_store_must_not_answer_is_the_same_error(wrong: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def totals(*_: object, **__: object) -> Any:
        return wrong

    monkeypatch.setattr("tests.model.ModelSnapshot.totals", totals)
    document = Document(f"{{ usage({WINDOW}) {{ totals {{ calls inputTokens avgDurationMs cost }} }} }}", {})
    found = [await answered(by, document) for by in (execution.plain, execution.execute)]
    assert found[0].data == found[1].data
    (plain,), (planned,) = (one.errors for one in found)
    assert found[1].begun_again
    assert plain["path"] == planned["path"]
    assert plain["extensions"] == planned["extensions"]


async def test_what_is_refused_for_its_price_is_refused_alike() -> None:
    many = " ".join(f"b{number}: breakdown(by: MODEL, first: 100) {{ groups {{ key }} }}" for number in range(29))
    found = await compared(Document(f"{{ usage({WINDOW}) {{ {many} }} }}", {}))
    assert [error["extensions"]["code"] for error in found.errors] == ["COST_EXCEEDED"]
    assert found.asked == []


def _plans(text: str) -> list[Plan | None]:
    found = prepared(text, None)
    assert found is not None
    return [plan for (query, _), plan in execution._plans.items() if query is found]


async def test_one_plan_for_each_of_what_is_left_out() -> None:
    text = f"query ($no: Boolean!) {{ usage({WINDOW}) {{ totals {{ calls cost @skip(if: $no) }} }} }}"
    for no, keys in ((True, {"calls"}), (False, {"calls", "cost"}), (True, {"calls"})):
        found = await compared(Document(text, {"no": no}))
        assert found.data["usage"]["totals"].keys() == keys
        assert not found.begun_again
    assert len(_plans(text)) == 2


async def test_so_many_plans_are_kept_and_no_more() -> None:
    for number in range(PLANS + 3):
        await compared(Document(f"query Number{number} {{ usage({WINDOW}) {{ range {{ to }} }} }}", {}))
    assert len(execution._plans) == PLANS


@pytest.mark.parametrize(
    ("selection", "alone", "in_turn"),
    [
        ("totals { calls }", True, True),
        ("range { to } totals { calls }", True, True),
        ("records { nodes { id } pageInfo { endCursor } }", True, True),
        ("records { nodes { id } totalCount }", False, False),
        ("totals { calls } freshness { dataThrough }", False, False),
        ("a: totals { calls } b: totals { calls }", False, False),
        ("previous { delta { calls } }", False, True),
        ("credits { consumed }", False, True),
        ("conversations { nodes { records { nodes { id } } } }", False, False),
        ("range { to }", True, True),
    ],
)
async def test_what_a_plan_says_of_its_questions(selection: str, alone: bool, in_turn: bool) -> None:
    text = f"{{ usage({WINDOW}) {{ {selection} }} }}"
    await compared(Document(text, {}))
    (plan,) = _plans(text)
    assert plan is not None
    assert (plan.alone, plan.in_turn) == (alone, in_turn)


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { queryType { name } } }",
        '{ node(id: "nobody") { id } }',
        f'{{ usage({WINDOW}) {{ totals {{ calls }} }} __type(name: "Usage") {{ name }} }}',
    ],
)
async def test_what_has_no_plan_is_answered_all_the_same(text: str) -> None:
    found = await compared(Document(text, {}))
    assert found.begun_again
    assert not found.errors


@pytest.mark.parametrize("text", ["", "{", "{ nothing }", "mutation { x }", "query A { a } query B { b }"])
def test_what_is_wrong_is_not_prepared(text: str) -> None:
    assert prepared(text, None) is None


@given(nano=st.integers(-(10**25), 10**25) | st.integers(-20, 20).map(lambda power: 10 ** abs(power)))
def test_amounts_are_written_as_decimals_are(nano: int) -> None:
    assert leaves.write_nano(nano) == write_decimal(from_nano(nano))


_LEAVES = {
    GraphQLString: st.text() | st.integers() | st.booleans() | st.none(),
    GraphQLID: st.text() | st.integers() | st.none(),
    GraphQLFloat: st.floats() | st.integers() | st.none() | st.booleans() | st.text(),
    schema._schema.type_map["Boolean"]: st.booleans() | st.integers() | st.none(),
    schema._schema.type_map["BigInt"]: st.integers()
    | st.sampled_from([MAX_SAFE_INTEGER + one for one in (-1, 0, 1)])
    | st.sampled_from([-MAX_SAFE_INTEGER - one for one in (-1, 0, 1)])
    | st.none(),
    schema._schema.type_map["DateTime"]: st.datetimes(timezones=st.just(UTC)) | st.datetimes(timezones=st.timezones()),
    schema._schema.type_map["Decimal"]: st.decimals(allow_nan=False, allow_infinity=False).map(Decimal) | st.none(),
    schema._schema.type_map["CallStatus"]: st.sampled_from([*usage.CallStatus, "OK", "no", None]),
}


@pytest.mark.parametrize("type_", _LEAVES, ids=str)
def test_leaves_are_written_as_graphql_does(type_: Any) -> None:
    names: dict[str, Any] = dict(leaves.NAMES)

    def name(value: Any) -> str:
        names[f"n{len(names)}"] = value
        return f"n{len(names) - 1}"

    write = eval(f"lambda v: {leaves.expression(type_, 'v', name)}", names)  # noqa: S307

    @given(value=_LEAVES[type_])
    @settings(max_examples=60)
    def alike(value: Any) -> None:
        try:
            expected = None if value is None else type_.coerce_output_value(value)
        except Exception:
            expected = None
        if expected is None:
            with pytest.raises(Exception):  # noqa: B017, PT011 (whatever it is, the plain executor meets it again)
                write(value)
        else:
            assert orjson.dumps(write(value), option=orjson.OPT_UTC_Z) == orjson.dumps(expected)

    alike()


async def test_the_endpoint_answers_by_plans(api: Api) -> None:
    document = f"{{ usage({WINDOW}) {{ range {{ to }} totals {{ calls cost }} }} }}"
    data = await api.data(document)
    assert data == await api.data(document)
    assert data["usage"]["range"]["to"] == NOW.isoformat().replace("+00:00", "Z")
    assert [plan is not None for plan in _plans(document)] == [True]


def test_instants_are_written_in_full() -> None:
    at = datetime(2026, 4, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    assert orjson.dumps(at, option=orjson.OPT_UTC_Z) == b'"2026-04-01T00:00:00.250000Z"'


async def test_a_plan_that_fails_by_itself_is_told_once_and_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def answer(*_: object) -> dict[str, Any]:
        tried.append(True)
        raise KeyError("a bug")

    tried: list[bool] = []
    monkeypatch.setattr(Plan, "answer", answer)
    document = Document(f"query Broken {{ usage({WINDOW}) {{ totals {{ calls }} }} }}", {})
    for _ in range(3):
        found = await compared(document)
        assert not found.errors
        assert found.data["usage"]["totals"]["calls"]
    assert len(tried) == 1
    (said,) = caplog.records
    assert said.name == "usage_graph.graph"
    assert said.exc_info is not None
    assert isinstance(said.exc_info[1], KeyError)


async def test_a_plan_that_fails_as_the_plain_executor_does_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    name = "UsagePage"
    text = example_operations()[name]
    assert (await compared(Document(text, {}), _failing("totals"))).begun_again
    query = prepared(text, None)
    assert query is not None
    assert not query.broken
    assert not [record for record in caplog.records if "plan" in record.message]
