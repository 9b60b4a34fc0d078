"""The domain's enums as GraphQL enums: the same Python classes, so resolvers need no conversion."""

from enum import Enum

import strawberry

from usage_graph.comparison import PreviousWindow
from usage_graph.conversations import ConversationField
from usage_graph.credits import CreditPeriod
from usage_graph.grant import Access
from usage_graph.observation import MergeReason
from usage_graph.question import ConsumerKind, Dimension, Direction, RecordField
from usage_graph.usage import CallStatus, CostStatus, Metric
from usage_graph.window import Bucket, CalendarPeriod


def _publish(enum: type[Enum], name: str, description: str, values: dict[str, str]) -> None:
    """Registers ``enum`` under ``name``; every member needs its description."""
    if set(values) != set(enum.__members__):
        raise ValueError(f"{name}: describe exactly the members {list(enum.__members__)}")
    strawberry.enum(enum, name=name, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


_publish(
    CallStatus,
    "CallStatus",
    "How a call ended.",
    {"OK": "The call was answered.", "ERROR": "The call failed; its tokens and cost count nevertheless."},
)
_publish(
    CostStatus,
    "CostStatus",
    "Where a call's cost comes from.",
    {
        "REPORTED": "The application or its provider reported it.",
        "COMPUTED": "Computed from the tokens and the model's public prices.",
        "UNPRICED": "Unknown: no price is known for the model, or no tokens were measured.",
    },
)
_publish(
    Dimension,
    "UsageDimension",
    "What usage can be split by. The values of a dimension are open strings: whatever the application reported.",
    {
        "SOURCE": "The kind of work, such as `chat`, `agent` or `memory`.",
        "AGENT": "The agent that made the call.",
        "NAME": "The human name of the work, such as a conversation's title.",
        "CONVERSATION": "The conversation or session.",
        "USER": "The end user on whose behalf the call was made.",
        "MODEL": "The model that answered, or the requested one where the answer names none.",
        "PROVIDER": "The provider of the model, such as `openai`.",
        "CHANNEL": "The way in, such as `web` or `whatsapp`.",
        "SERVICE": "The service that made the call (`service.name`).",
        "ENVIRONMENT": "The deployment environment, such as `production`.",
        "OPERATION": "The operation, such as `chat` or `embeddings`.",
        "STATUS": "How the call ended; the keys are those of `CallStatus`.",
        "ATTRIBUTE": "The attribute that the argument beside names: one of those that the server keeps "
        "(`USAGE_GRAPH_ATTRIBUTES`).",
    },
)
_publish(
    Metric,
    "UsageMetric",
    "What groups are ranked by and what their shares are shares of.",
    {
        "COST": "Cost in USD.",
        "TOKENS": "Input plus output tokens.",
        "INPUT_TOKENS": "Input tokens.",
        "OUTPUT_TOKENS": "Output tokens.",
        "CALLS": "Number of calls.",
        "CREDITS": "Credits.",
        "DURATION": "Time spent in calls, added up.",
    },
)
_publish(
    ConsumerKind,
    "ConsumerKind",
    "Who or what consumed.",
    {
        "ITEM": "The conversation, or the agent where there is none, or the name where there is neither.",
        "AGENT": "Agents.",
        "CONVERSATION": "Conversations.",
        "USER": "End users.",
        "MODEL": "Models.",
    },
)
_publish(
    RecordField,
    "RecordOrderField",
    "What records can be ordered by. Records whose value is unknown come last in either direction.",
    {
        "STARTED_AT": "When the call started.",
        "COST": "Cost in USD.",
        "TOKENS": "Input plus output tokens.",
        "INPUT_TOKENS": "Input tokens.",
        "OUTPUT_TOKENS": "Output tokens.",
        "CREDITS": "Credits.",
        "DURATION": "How long the call took.",
    },
)
_publish(
    ConversationField,
    "ConversationOrderField",
    "What conversations can be ordered by. Those whose value is unknown come last in either direction.",
    {
        "ID": "What the application calls it.",
        "TITLE": "The title.",
        "AGENT": "The agent.",
        "CHANNEL": "The way in.",
        "USER": "The end user.",
        "STARTED_AT": "When its first call started.",
        "LAST_ACTIVE_AT": "When its last call before the end of the window started.",
        "CALLS": "Number of calls in the window, under the filter.",
        "TURNS": "Number of turns of the user.",
        "TOKENS": "Input plus output tokens in the window, under the filter.",
        "CREDITS": "Credits in the window, under the filter.",
        "COST": "Cost in USD in the window, under the filter.",
        "FAILED_CALLS": "Number of calls in the window, under the filter, that ended with an error.",
        "MODELS": "Number of models.",
    },
)
_publish(
    Direction,
    "OrderDirection",
    "Which end of an order comes first.",
    {"ASC": "Smallest or oldest first.", "DESC": "Largest or newest first."},
)
_publish(
    Bucket,
    "Bucket",
    "The length of one point of a series. Buckets follow the calendar of the time zone, so a day can be 23 or 25 "
    "hours long; weeks start on Monday.",
    {
        "AUTO": "Whichever makes a readable chart of the window: about 24 to 60 points.",
        "FIFTEEN_MINUTES": "Quarters of an hour.",
        "HOUR": "Hours.",
        "DAY": "Days.",
        "WEEK": "Weeks, from Monday.",
        "MONTH": "Months.",
    },
)
_publish(
    CalendarPeriod,
    "CalendarPeriod",
    "A period of the calendar in the time zone of the question. Those that are not over yet end now.",
    {
        "TODAY": "From midnight until now.",
        "YESTERDAY": "The day before today.",
        "THIS_WEEK": "From Monday until now.",
        "LAST_WEEK": "The seven days before this week's Monday.",
        "THIS_MONTH": "From the first of the month until now.",
        "LAST_MONTH": "The month before this one.",
    },
)
_publish(
    PreviousWindow,
    "PreviousWindow",
    "Which window to compare with. Windows are shifted on the clock on the wall of the time zone: a day that the other "
    "month does not have is its last one.",
    {
        "PRECEDING": "The one before: of the same duration, up to its start. Of a day, week or month that is not over, "
        "the same part of the one before.",
        "WEEK_AGO": "The same window a week ago.",
        "MONTH_AGO": "The same window a month ago.",
        "YEAR_AGO": "The same window a year ago.",
    },
)
_publish(
    CreditPeriod,
    "CreditPeriod",
    "How long the credits last that a plan includes; by the calendar of its time zone.",
    {
        "DAY": "From midnight to midnight.",
        "WEEK": "Weeks, from Monday.",
        "MONTH": "Months.",
        "YEAR": "Years.",
    },
)

_publish(
    MergeReason,
    "MergeReason",
    "Why two observations were taken to be of one call.",
    {
        "RESPONSE_ID": "They have the same response id of the provider.",
        "REQUEST_ID": "They have the same request id of the provider.",
        "NESTED": "One span is right below the other, and their tokens do not say that they are two calls.",
        "FINGERPRINT": "Two instrumentations of one process saw calls of the same size at the same time.",
    },
)

_publish(
    Access,
    "KeyScope",
    "What a key is for.",
    {
        "INGEST": "Sending calls, and nothing else.",
        "READ": "Asking about calls, and nothing else.",
        "ADMIN": "Everything, prices, credits and keys included.",
    },
)

__all__ = [
    "Access",
    "Bucket",
    "CalendarPeriod",
    "CallStatus",
    "ConsumerKind",
    "ConversationField",
    "CostStatus",
    "CreditPeriod",
    "Dimension",
    "Direction",
    "MergeReason",
    "Metric",
    "PreviousWindow",
    "RecordField",
]
