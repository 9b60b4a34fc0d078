"""What belongs to a project besides its calls: prices, credit plans, credit rules and keys. For admins alone.

The types are the shapes in which the objects of the domain are answered; none of them is ever instantiated.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry
from strawberry.types import Info

from usage_graph import credits, grant, price
from usage_graph.errors import Forbidden
from usage_graph.graph.credits import CreditPlan
from usage_graph.graph.enums import Access
from usage_graph.graph.fields import resolved
from usage_graph.graph.operation import Operation

Context = Info[Operation, None]

SINCE = "In force from then on; null: since ever."


@strawberry.type(
    description="A price of your own: it goes before the public price list, and one of the project before one of all "
    "projects. Rates are USD per million tokens."
)
class Price:
    project: str | None = strawberry.field(description="Whose calls alone cost that; null: those of all projects.")
    model: str = strawberry.field(
        description="A model's name in lower case, or the beginning of names followed by `*`."
    )
    provider: str | None = strawberry.field(description="For calls to this provider alone; null: any.")
    since: datetime | None = strawberry.field(description=SINCE)
    input: Decimal = strawberry.field(description="Of input that is in no cache.")
    output: Decimal = strawberry.field(description="Of output.")
    cache_read: Decimal | None = strawberry.field(description="Of input read from a cache; null: as `input`.")
    cache_write: Decimal | None = strawberry.field(description="Of input written to a cache; null: as `input`.")
    cache_write_1h: Decimal | None = strawberry.field(
        description="Of input written to a cache for an hour; null: as `cacheWrite`."
    )
    reasoning: Decimal | None = strawberry.field(description="Of output that is reasoning; null: as `output`.")
    per_call: Decimal = strawberry.field(description="USD per call, besides its tokens.")


@strawberry.type(
    description="What calls consume in credits that do not say so themselves. The most specific rule that states an "
    "amount applies; of equal ones the newest that is not from after the call."
)
class CreditRule:
    model: str | None = strawberry.field(
        description="A model's name in lower case, or the beginning of names followed by `*`; null: any model."
    )
    channel: str | None = strawberry.field(description="A channel; null: any.")
    since: datetime | None = strawberry.field(description=SINCE)
    per_call: Decimal | None = strawberry.field(description="Credits per call; null: not stated.")
    per_1k_tokens: Decimal | None = strawberry.field(
        description="Credits per 1,000 tokens, input and output together; null: not stated."
    )


@strawberry.type(description="A key, as it is kept: everything but the secret that callers show.")
class Key:
    id: strawberry.ID = strawberry.field(description="What the key is called in lists; no secret.")
    access: Access = strawberry.field(name="scope", description="What it is for.")
    project: str | None = strawberry.field(
        description="The only one that it is good for; null: all, an operator's key."
    )
    user: str | None = strawberry.field(description="The only end user whose calls it reads; null: anyone's.")
    agent: str | None = strawberry.field(description="The only agent whose calls it reads; null: any.")
    label: str | None = strawberry.field(description="What it was made for, in your own words.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="When it ends by itself; null: never.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null: it was not.")


@strawberry.type
class Belongings:
    """Fields of ``Query``. Each needs the scope ``admin``, by way of ``Operation.administration``."""

    @resolved(
        "Your own prices that calls of the project may go by: its own, and those of all projects. For admins.",
        graphql_type=list[Price],
    )
    async def prices(self, info: Context) -> Sequence[price.OwnPrice]:
        return await info.context.administration.prices(info.context.project)

    @resolved(
        "The project's credit plans, each in force until the next one is. For admins.", graphql_type=list[CreditPlan]
    )
    async def credit_plans(self, info: Context) -> Sequence[credits.CreditPlan]:
        return await info.context.administration.credit_plans(info.context.project)

    @resolved("The project's credit rules. For admins.", graphql_type=list[CreditRule])
    async def credit_rules(self, info: Context) -> Sequence[credits.CreditRule]:
        return await info.context.administration.credit_rules(info.context.project)

    @resolved("The project's keys, also those that have ended, oldest first. For admins.", graphql_type=list[Key])
    async def keys(
        self,
        info: Context,
        all_projects: Annotated[
            bool, strawberry.argument(description="Those of all projects, and operators' own. For operators.")
        ] = False,
    ) -> Sequence[grant.StoredKey]:
        administration = info.context.administration
        if all_projects and info.context.grant.project is not None:
            raise Forbidden("The key of this request is good for its own project alone: leave `allProjects` out.")
        return await administration.keys(None if all_projects else info.context.project)
