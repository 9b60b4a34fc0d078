"""What is refused before anything runs."""

import time

import pytest

from tests.graph.api import Api
from usage_graph.graph.limits import MAX_ALIASES, MAX_CHARACTERS, MAX_DEPTH, MAX_TOKENS, MAX_USAGES

WINDOW = 'window: { last: "P60D" }'


def aliased(count: int) -> str:
    return f"{{ usage({WINDOW}) {{ {' '.join(f'a{n}: totals {{ calls }}' for n in range(count))} }} }}"


def usages(count: int) -> str:
    return "{ " + " ".join(f"a{n}: usage({WINDOW}) {{ range {{ to }} }}" for n in range(count)) + " }"


def deep(levels: int) -> str:
    """Deeper than the schema is, so it is the measure that must refuse, not validation."""
    return "{ a " * levels + "}" * levels


def tokens(count: int) -> str:
    """A document that runs, of that many tokens: 62 around 5 lists of texts."""
    items = '"x" '
    words, fields = count - 62, ("source", "agent", "name", "conversation", "user")
    sizes = [words // 5 + (number < words % 5) for number in range(5)]
    filters = " ".join(f"{field}: {{ in: [{items * size}] }}" for field, size in zip(fields, sizes, strict=True))
    return f"{{ usage({WINDOW} filter: {{ {filters} }}) {{ range {{ to }} }} }}"


async def test_within_the_limits(api: Api) -> None:
    await api.data(aliased(MAX_ALIASES))
    await api.data(usages(MAX_USAGES))
    await api.data(tokens(MAX_TOKENS))
    await api.data("{ __typename } #" + "x" * (MAX_CHARACTERS - 16))
    assert await api.code(deep(MAX_DEPTH)) == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        (aliased(MAX_ALIASES + 1), "30 aliases"),
        (usages(MAX_USAGES + 1), "20 `usage` fields"),
        (tokens(MAX_TOKENS + 1), "2000 tokens"),
        ("{ __typename } #" + "x" * (MAX_CHARACTERS - 15), "32000 characters"),
        (deep(MAX_DEPTH + 1), "12 levels of fields"),
        (aliased(31).replace("{ usage", "query A { usage") + " query B { __typename }", "30 aliases"),
        (
            f"query {{ usage({WINDOW}) {{ ...A }} b: usage({WINDOW}) {{ ...A }} }} fragment A on Usage {{ "
            + " ".join(f"a{n}: range {{ to }}" for n in range(15))
            + " }",
            "30 aliases",
        ),
        ("{ ... " * 3 + deep(MAX_DEPTH + 1) + " }" * 3, "12 levels of fields"),
    ],
    ids=["aliases", "usages", "tokens", "characters", "depth", "any operation", "fragments", "inline fragments"],
)
async def test_beyond_the_limits(api: Api, document: str, limit: str) -> None:
    variables = {"query": document, "operationName": "A" if "query A" in document else None}
    body = (await api.http("POST", json=variables)).json()
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED"}
    assert limit in error["message"]
    assert "data" not in body
    assert api.reader.opened == 0


async def test_fragments_that_double_at_every_link_are_measured_at_once(api: Api) -> None:
    links = 150
    document = f"{{ usage({WINDOW}) {{ ...F0 }} }} " + " ".join(
        f"fragment F{n} on Usage {{ ...F{n + 1} ...F{n + 1} }}" for n in range(links)
    )
    document += f" fragment F{links} on Usage {{ a: range {{ to }} }}"
    start = time.process_time()
    assert await api.code(document) == "LIMIT_EXCEEDED"
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "document",
    [
        f"{{ usage({WINDOW}) {{ ...A }} }} fragment A on Usage {{ range {{ to }} ...A }}",
        f"{{ usage({WINDOW}) {{ ...A }} }} fragment A on Usage {{ ...B }} fragment B on Usage {{ ...A }}",
        f"{{ usage({WINDOW}) {{ ...Nowhere }} }}",
    ],
)
async def test_fragments_that_lead_nowhere_are_left_to_validation(api: Api, document: str) -> None:
    assert await api.code(document) == "GRAPHQL_VALIDATION_FAILED"


async def test_deep_introspection_is_refused(api: Api) -> None:
    document = "{ __schema { types " + "{ fields { type " * 4 + "{ name }" + " } }" * 4 + " } }"
    assert await api.code(document) == "GRAPHQL_VALIDATION_FAILED"


async def test_a_number_that_python_cannot_read(api: Api) -> None:
    number = "9" * 5000
    for _ in range(2):
        assert await api.code(f"{{ usage({WINDOW}) {{ series(top: {number}) {{ bucket }} }} }}") == "LIMIT_EXCEEDED"
    window = f"window: {{ between: {{ from: {number}, to: {number} }} }}"
    assert await api.code(f"{{ usage({window}) {{ range {{ to }} }} }}") == "BAD_WINDOW"


async def test_a_refusal_and_a_success_are_remembered_by_their_text(api: Api) -> None:
    for _ in range(2):
        assert await api.code(aliased(MAX_ALIASES + 1)) == "LIMIT_EXCEEDED"
        assert await api.code("{ unknown }") == "GRAPHQL_VALIDATION_FAILED"
        assert await api.data("{ __typename }") == {"__typename": "Query"}
