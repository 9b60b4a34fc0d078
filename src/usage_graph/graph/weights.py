"""What each field costs that asks the database, or leads to fields that do. See ``cost`` for the unit."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from usage_graph.graph.connection import PAGE
from usage_graph.window import Bucket, Window, choose_bucket, most_points

QUESTION = 100
"""Points of a question to the database."""
EXPORT = 10 * QUESTION
"""Points of an export, besides those of its document: it reads all there is, counts it first, and has a connection for
as long as its client reads. How much that is shows only afterwards, so each pays the same."""


class Asked(NamedTuple):
    """A field as it was asked: its arguments, with defaults, and the window that it is about (see ``Weight``)."""

    arguments: Mapping[str, Any]
    window: Window | None


class Weight(NamedTuple):
    """``points`` of the field itself, besides the ``entries`` that it may answer with. ``why`` it is so many.

    ``by_window``: the entries depend on the window, too; else that is not looked at.
    """

    why: str
    points: int = 0
    entries: Callable[[Asked], int] | None = None
    by_window: bool = False


def _first(asked: Asked) -> int:
    return int(asked.arguments["first"])


def _compared(asked: Asked) -> int:
    """Each group once for the window and once for the one that it is compared with."""
    return _first(asked) * (1 if asked.arguments.get("previous") is None else 2)


def _page(asked: Asked) -> int:
    sizes = [size for name in ("first", "last") if (size := asked.arguments.get(name)) is not None]
    return min(sizes, default=PAGE)


def _ids(asked: Asked) -> int:
    return len(asked.arguments["ids"])


def _points(asked: Asked) -> int:
    """Once for the whole, and once for each group and for the rest."""
    if asked.window is None:
        return 0
    bucket = asked.arguments["bucket"]
    points = most_points(asked.window, choose_bucket(asked.window) if bucket is Bucket.AUTO else bucket)
    return points if asked.arguments.get("by") is None else points * (int(asked.arguments["top"]) + 1)


WEIGHTS = {
    "Query.usage": Weight("asks nothing by itself; its fields do"),
    "Query.node": Weight("one question by key, one record or conversation", QUESTION + 1),
    "Query.nodes": Weight(
        "a question by key for all records and one for all conversations, one of these for each id", 2 * QUESTION, _ids
    ),
    "Query.ingestHealth": Weight("one question; its lists are short, whatever was sent", QUESTION),
    "ResolvedRange.recordsFrom": Weight("one question", QUESTION),
    "Usage.freshness": Weight("one question", QUESTION),
    "Usage.totals": Weight("one question, one row", QUESTION),
    "Usage.credits": Weight("several questions, whose rows are added up in the store", 4 * QUESTION),
    "Usage.series": Weight("one question, a row for each point and group", QUESTION, _points, by_window=True),
    "Usage.breakdown": Weight("one question, a row for each group", QUESTION, _compared),
    "Usage.dimensionValues": Weight("one question, a row for each value", QUESTION, _first),
    "Usage.previous": Weight("the totals of two windows", 2 * QUESTION),
    "Usage.topConsumers": Weight("one question, a row for each consumer", QUESTION, _first),
    "Usage.unpricedModels": Weight("one question, a row for each model", QUESTION, _first),
    "Usage.records": Weight("one question for the page, whatever of it is selected", QUESTION, _page),
    "UsageRecordConnection.edges": Weight("the page that `records` stands for"),
    "UsageRecordConnection.nodes": Weight("the page that `records` stands for"),
    "UsageRecordConnection.pageInfo": Weight("the page that `records` stands for"),
    "UsageRecordConnection.totalCount": Weight("a question of its own", QUESTION),
    "Usage.conversations": Weight("one question for the page, whatever of it is selected", QUESTION, _page),
    "Conversation.records": Weight("one question for the page, whatever of it is selected", QUESTION, _page),
    "ConversationConnection.edges": Weight("the page that `conversations` stands for"),
    "ConversationConnection.nodes": Weight("the page that `conversations` stands for"),
    "ConversationConnection.pageInfo": Weight("the page that `conversations` stands for"),
    "ConversationConnection.totalCount": Weight("a question of its own", QUESTION),
    "Query.prices": Weight("one question of an admin", QUESTION),
    "Query.creditPlans": Weight("one question of an admin", QUESTION),
    "Query.creditRules": Weight("one question of an admin", QUESTION),
    "Query.keys": Weight("one question of an admin", QUESTION),
    "Subscription.usageUpdated": Weight("as `Query.usage`, once for each event"),
    "Subscription.recordAdded": Weight("one question by key for up to a hundred records", QUESTION),
    "Mutation.setPrice": Weight("one transaction", QUESTION),
    "Mutation.removePrice": Weight("one transaction", QUESTION),
    "Mutation.setCreditPlan": Weight("one transaction", QUESTION),
    "Mutation.removeCreditPlan": Weight("one transaction", QUESTION),
    "Mutation.setCreditRule": Weight("one transaction", QUESTION),
    "Mutation.removeCreditRule": Weight("one transaction", QUESTION),
    "Mutation.createKey": Weight("one transaction", QUESTION),
    "Mutation.revokeKey": Weight("one transaction", QUESTION),
}
"""By type and field. A field that is not here answers with what others have asked."""
