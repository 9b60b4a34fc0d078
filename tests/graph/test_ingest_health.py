"""What became of everything that was sent, as the API tells it: over the model, and to the letter over the store."""

from datetime import timedelta

from tests.graph.api import NOW, Api
from usage_graph.graph.schema import example_operations
from usage_graph.health import Count, Outcome, Tally
from usage_graph.observation import MergeReason
from usage_graph.store.counts import open_counts
from usage_graph.store.reader import open_reader

ASKED = example_operations()["IngestHealth"]
DETAILS = {
    Outcome.ACCEPTED: ("traces", "logs", "metrics"),
    Outcome.MERGED: tuple(MergeReason),
    Outcome.REJECTED: ("span has no trace id", "span ends in the future", "another"),
    Outcome.UNRECOGNISED: ("unknown", "a scope", "another scope", "(other)"),
}
OF_EACH = [(outcome, detail) for outcome in Outcome for detail in DETAILS.get(outcome, ("",))]


def counts_of(project: str) -> list[Count]:
    """Of every outcome and detail, each at a time of its own; one too large for a JavaScript number."""
    first = NOW - timedelta(days=1)
    return [
        Count(
            project,
            outcome,
            detail,
            2**55 if detail == "logs" else 1 + (number * 7) % 5,
            first + timedelta(minutes=number),
            first + timedelta(minutes=2 * number),
        )
        for number, (outcome, detail) in enumerate(OF_EACH)
    ]


COUNTS = [*counts_of("default"), *counts_of("other")[::-1]]


async def test_it_is_told_in_full() -> None:
    api = Api()
    api.reader.counts += COUNTS
    found = (await api.data(ASKED))["ingestHealth"]

    mine = counts_of("default")
    assert found["since"] == "2026-04-14T12:30:00Z"
    assert found["lastSeen"] == max(count.last_seen for count in mine).isoformat().replace("+00:00", "Z")
    assert found["accepted"] == str(sum(count.count for count in mine if count.outcome is Outcome.ACCEPTED))
    names = {"notLlm": Outcome.NOT_LLM, **{o.value: o for o in Outcome if o not in (Outcome.NOT_LLM, Outcome.ACCEPTED)}}
    for name, outcome in names.items():
        assert found[name] == sum(count.count for count in mine if count.outcome is outcome), name
    for name in ("merged", "rejected", "unrecognised"):
        counts = [one["count"] for one in found[f"{name}By"]]
        assert counts == sorted(counts, reverse=True)
        assert sum(counts) == found[name]
    assert {one["reason"] for one in found["mergedBy"]} == set(MergeReason.__members__)
    assert {one["scope"] for one in found["unrecognisedBy"]} == {"unknown", "a scope", "another scope", "(other)"}


async def test_it_is_the_projects_own_and_empty_where_nothing_came() -> None:
    api = Api()
    api.reader.counts += COUNTS
    asked = "{ ingestHealth { since lastSeen accepted stored unrecognised unrecognisedBy { count } } }"
    accepted = sum(count.count for count in counts_of("other") if count.outcome is Outcome.ACCEPTED)
    assert (await api.data(asked, project="other"))["ingestHealth"]["accepted"] == str(accepted)
    assert (await api.data(asked, project="nobody"))["ingestHealth"] == {
        "since": None,
        "lastSeen": None,
        "accepted": 0,
        "stored": 0,
        "unrecognised": 0,
        "unrecognisedBy": [],
    }


async def test_the_store_tells_it_as_the_model_does(database: str) -> None:
    model = Api()
    model.reader.counts += COUNTS
    tally = Tally(clock=lambda: NOW)
    tally.give_back(COUNTS)
    async with open_counts(database, tally=tally) as counts:
        await counts.add()
    async with open_reader(database, connections=1, statement_timeout=30) as reader:
        real = Api(store=reader)
        for project in ("default", "other", "nobody"):
            assert await real.data(ASKED, project=project) == await model.data(ASKED, project=project)


async def test_it_is_read_from_the_snapshot_of_the_operation(api: Api) -> None:
    await api.data(
        '{ usage(window: {last: "P1D"}) { totals { calls } } a: ingestHealth { stored } b: ingestHealth { merged } }'
    )
    assert api.reader.opened == 1
    assert sorted(api.reader.asked) == ["ingest_health", "totals"]
