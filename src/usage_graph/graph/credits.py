"""Credits: what calls consumed of them, and the plan that says how many are included."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import strawberry

from usage_graph import credits
from usage_graph.graph.enums import CreditPeriod
from usage_graph.graph.operation import Operation, Snapshot
from usage_graph.question import Scope

_BOUND = "and to keys of one user or agent: others' calls show in it."


@strawberry.type(
    description="How many credits are included in each period of a calendar. A later plan of the project ends an "
    "earlier one; its first period begins when it does, with all of its credits."
)
class CreditPlan:
    """The shape in which ``credits.CreditPlan`` is answered; never instantiated."""

    period: CreditPeriod = strawberry.field(description="How long the included credits last.")
    timezone: ZoneInfo = strawberry.field(description="Whose calendar the periods follow.")
    included: Decimal = strawberry.field(description="Credits of one period; what is left of them ends with it.")
    price: Decimal = strawberry.field(description="USD that each additional credit costs.")
    since: datetime | None = strawberry.field(description="When the plan came into force; null: since ever.")


@strawberry.type(
    description="What the calls of the window consumed. Calls of the project draw from the credits of their period in "
    "the order of their start; what they no longer find there is additional, and one call may be split. So all of it "
    "adds up over windows and filters, but for the rounding of costs."
)
class CreditUsage:
    consumed: Decimal = strawberry.field(description="Credits of the calls, included and additional ones.")
    included: Decimal | None = strawberry.field(
        description=f"Those of them that are not additional; null where no plan was in force in the window, {_BOUND}"
    )
    additional: Decimal | None = strawberry.field(
        description="Those of them that the plan did not include, as earlier calls of the period had used it up; 0 "
        f"without a plan, null {_BOUND}"
    )
    additional_cost: Decimal | None = strawberry.field(
        description="What the additional credits cost in USD; the part of each plan is rounded half to even at 1e-9. "
        f"0 without a plan, null {_BOUND}"
    )
    remaining: Decimal | None = strawberry.field(
        description="What all calls of the project had left at the end of the window, of the period that it ends in. "
        f"Null without a plan, {_BOUND}"
    )
    plan: credits.CreditPlan | None = strawberry.field(
        graphql_type=CreditPlan | None, description="The plan in force at the end of the window."
    )


async def credit_usage(operation: Operation, scope: Scope) -> CreditUsage:
    """What the calls of ``scope`` consumed; to a bound caller not what was left for them: others' calls show in it."""
    found = await operation.ask(Snapshot.credit_usage, scope)
    told = not operation.grant.is_bound
    return CreditUsage(
        consumed=found.consumed,
        included=found.included if told else None,
        additional=found.additional if told else None,
        additional_cost=found.additional_cost if told else None,
        remaining=found.remaining if told else None,
        plan=found.plan,
    )
