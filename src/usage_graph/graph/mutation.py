"""What an admin can change: prices, credit plans, credit rules and keys.

What is wrong with an input is part of the answer (``userErrors``), and nothing is changed then. Who may not change
anything is told so by an error.
"""

import re
from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from usage_graph import credits as crediting
from usage_graph.errors import KeyRefused
from usage_graph.grant import StoredKey
from usage_graph.graph.belongings import CreditRule, Key, Price
from usage_graph.graph.changes import (
    CreateKeyInput,
    RemoveCreditPlanInput,
    RemoveCreditRuleInput,
    RemovePriceInput,
    RevokeKeyInput,
    SetCreditPlanInput,
    SetCreditRuleInput,
    SetPriceInput,
    Unfit,
    UserError,
    UserErrorCode,
    project_of,
    unfit,
)
from usage_graph.graph.credits import CreditPlan
from usage_graph.graph.fields import resolved
from usage_graph.graph.inputs import given
from usage_graph.graph.operation import Operation
from usage_graph.price import OwnPrice

Context = Info[Operation, None]

_KEY_TEXT = re.compile(r"The (user|agent|label) of a key")


def _end_of_key(operation: Operation, wanted: datetime | None) -> datetime | None:
    """When a key ends that is to end at ``wanted``, ``None``: as late as it may.

    Raises:
        Unfit: that is past, or after the end of the key that makes it.
    """
    if wanted is not None and wanted <= operation.now:
        raise unfit("expires_at", "That is past: name a time to come, or none.")
    last = operation.grant.expires_at
    if wanted is None or last is None:
        return wanted or last
    if wanted > last:
        raise unfit("expires_at", "The key of this request ends before that: name an earlier time, or none.")
    return wanted


def _input(what: str) -> object:
    return strawberry.argument(description=what)


@strawberry.type
class _Payload:
    user_errors: list[UserError] = strawberry.field(
        default_factory=list, description="What is wrong with the input; empty where it was done."
    )


@strawberry.type(description="What became of `setPrice`.")
class SetPricePayload(_Payload):
    price: OwnPrice | None = strawberry.field(
        default=None, graphql_type=Price | None, description="The price as it is now."
    )


@strawberry.type(description="What became of `removePrice`.")
class RemovePricePayload(_Payload):
    price: OwnPrice | None = strawberry.field(
        default=None, graphql_type=Price | None, description="The price as it was."
    )


@strawberry.type(description="What became of `setCreditPlan`.")
class SetCreditPlanPayload(_Payload):
    credit_plan: crediting.CreditPlan | None = strawberry.field(
        default=None, graphql_type=CreditPlan | None, description="The plan as it is now."
    )


@strawberry.type(description="What became of `removeCreditPlan`.")
class RemoveCreditPlanPayload(_Payload):
    credit_plan: crediting.CreditPlan | None = strawberry.field(
        default=None, graphql_type=CreditPlan | None, description="The plan as it was."
    )


@strawberry.type(description="What became of `setCreditRule`.")
class SetCreditRulePayload(_Payload):
    credit_rule: crediting.CreditRule | None = strawberry.field(
        default=None, graphql_type=CreditRule | None, description="The rule as it is now."
    )


@strawberry.type(description="What became of `removeCreditRule`.")
class RemoveCreditRulePayload(_Payload):
    credit_rule: crediting.CreditRule | None = strawberry.field(
        default=None, graphql_type=CreditRule | None, description="The rule as it was."
    )


@strawberry.type(description="What became of `createKey`.")
class CreateKeyPayload(_Payload):
    key: StoredKey | None = strawberry.field(
        default=None, graphql_type=Key | None, description="The key as it is kept."
    )
    secret: str | None = strawberry.field(
        default=None,
        description="The key itself, as callers show it: `authorization: Bearer SECRET`. It is told this once and kept "
        "nowhere.",
    )


@strawberry.type(description="What became of `revokeKey`.")
class RevokeKeyPayload(_Payload):
    key: StoredKey | None = strawberry.field(
        default=None, graphql_type=Key | None, description="The key as it is kept."
    )


@strawberry.type(
    description="What can be changed, with the scope `admin` and by POST. What is wrong with an input is in "
    "`userErrors`, and nothing is changed then."
)
class Mutation:
    @resolved(
        "Set a price, in place of the one of the same model, provider and time. Servers go by it within 15 seconds; "
        "calls that are stored keep their costs until `usage-graph reprice`."
    )
    async def set_price(self, info: Context, input: Annotated[SetPriceInput, _input("The price.")]) -> SetPricePayload:
        administration = info.context.administration
        try:
            wanted = input.price(info.context)
        except Unfit as wrong:
            return SetPricePayload(user_errors=wrong.errors)
        await administration.set_price(wanted)
        return SetPricePayload(price=wanted)

    @resolved("Remove a price. Servers go by what is left within 15 seconds; calls that are stored keep their costs.")
    async def remove_price(
        self, info: Context, input: Annotated[RemovePriceInput, _input("Which price.")]
    ) -> RemovePricePayload:
        administration = info.context.administration
        try:
            named = input.price(info.context)
            removed = await administration.remove_price(named.project, named.model, named.provider, named.since)
            if removed is None:
                raise unfit("", "There is no such price: see `prices` for those there are.", UserErrorCode.NOT_FOUND)
        except Unfit as wrong:
            return RemovePricePayload(user_errors=wrong.errors)
        return RemovePricePayload(price=removed)

    @resolved(
        "Set a credit plan, in place of the one in force from the same time on. Answers go by it at once, for all "
        "calls since then."
    )
    async def set_credit_plan(
        self, info: Context, input: Annotated[SetCreditPlanInput, _input("The plan.")]
    ) -> SetCreditPlanPayload:
        administration = info.context.administration
        try:
            wanted = input.plan(info.context)
        except Unfit as wrong:
            return SetCreditPlanPayload(user_errors=wrong.errors)
        await administration.set_credit_plan(wanted)
        return SetCreditPlanPayload(credit_plan=wanted)

    @resolved("Remove a credit plan; the one before it stays in force. Answers go by that at once.")
    async def remove_credit_plan(
        self, info: Context, input: Annotated[RemoveCreditPlanInput, _input("Which plan.")]
    ) -> RemoveCreditPlanPayload:
        removed = await info.context.administration.remove_credit_plan(info.context.project, given(input.since))
        if removed is None:
            message = "There is no plan from just then on: see `creditPlans` for those there are."
            return RemoveCreditPlanPayload(user_errors=unfit("since", message, UserErrorCode.NOT_FOUND).errors)
        return RemoveCreditPlanPayload(credit_plan=removed)

    @resolved(
        "Set a credit rule, in place of the one of the same model, channel and time. Servers go by it within 15 "
        "seconds; calls that are stored keep their credits."
    )
    async def set_credit_rule(
        self, info: Context, input: Annotated[SetCreditRuleInput, _input("The rule.")]
    ) -> SetCreditRulePayload:
        administration = info.context.administration
        try:
            wanted = input.rule(info.context)
        except Unfit as wrong:
            return SetCreditRulePayload(user_errors=wrong.errors)
        await administration.set_credit_rule(wanted)
        return SetCreditRulePayload(credit_rule=wanted)

    @resolved(
        "Remove a credit rule. Servers go by what is left within 15 seconds; calls that are stored keep their credits."
    )
    async def remove_credit_rule(
        self, info: Context, input: Annotated[RemoveCreditRuleInput, _input("Which rule.")]
    ) -> RemoveCreditRulePayload:
        administration = info.context.administration
        try:
            named = input.rule(info.context)
            removed = await administration.remove_credit_rule(named.project, named.model, named.channel, named.since)
            if removed is None:
                raise unfit(
                    "", "There is no such rule: see `creditRules` for those there are.", UserErrorCode.NOT_FOUND
                )
        except Unfit as wrong:
            return RemoveCreditRulePayload(user_errors=wrong.errors)
        return RemoveCreditRulePayload(credit_rule=removed)

    @resolved(
        "Make a key. It works within seconds; from the first one on, the server lets nobody in who shows none. It "
        "does not outlive the key that makes it: without `expiresAt` it ends when that one does, if ever."
    )
    async def create_key(self, info: Context, input: Annotated[CreateKeyInput, _input("The key.")]) -> CreateKeyPayload:
        administration = info.context.administration
        try:
            project = project_of(info.context, all_projects=input.all_projects)
            expires_at = _end_of_key(info.context, given(input.expires_at))
            key, secret = await administration.create_key(
                access=input.access,
                project=project,
                user=given(input.user),
                agent=given(input.agent),
                label=given(input.label),
                expires_at=expires_at,
            )
        except KeyRefused as error:
            text = _KEY_TEXT.match(str(error))
            return CreateKeyPayload(user_errors=unfit(text[1] if text else "", str(error)).errors)
        except Unfit as wrong:
            return CreateKeyPayload(user_errors=wrong.errors)
        return CreateKeyPayload(key=key, secret=secret)

    @resolved("Revoke a key. It ends within seconds, on every server, and for what is under way by subscription.")
    async def revoke_key(
        self, info: Context, input: Annotated[RevokeKeyInput, _input("Which key.")]
    ) -> RevokeKeyPayload:
        administration, id = info.context.administration, str(input.id)
        # What no key can be called, the database could not even read.
        revoked = await administration.revoke_key(id, info.context.grant.project) if id.isprintable() else None
        if revoked is None:
            message = "There is no such key that could be revoked: see `keys` for those there are."
            return RevokeKeyPayload(user_errors=unfit("id", message, UserErrorCode.NOT_FOUND).errors)
        return RevokeKeyPayload(key=revoked)
