"""The inputs of mutations, and what they mean in the domain."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from enum import Enum
from zoneinfo import ZoneInfo

import strawberry
from strawberry.types.unset import UNSET
from strawberry.utils.str_converters import to_camel_case

from usage_graph.credits import CreditPeriod, CreditPlan, CreditRule, credit_plan
from usage_graph.errors import ConfigError
from usage_graph.graph.belongings import SINCE
from usage_graph.graph.enums import Access
from usage_graph.graph.inputs import given
from usage_graph.graph.operation import Operation
from usage_graph.price import RATES, Origin, OwnPrice
from usage_graph.processor.charging import credit_rule
from usage_graph.processor.own import own_price

_INPUT = "input"
_FIELDS = {"from": "since", "zone": "timezone"}
"""Fields of inputs that have another name in the domain."""


@strawberry.enum(description="What is wrong with an input.")
class UserErrorCode(Enum):
    INVALID = strawberry.enum_value("INVALID", description="There cannot be such a value.")
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is nothing that this names.")
    NOT_ALLOWED = strawberry.enum_value("NOT_ALLOWED", description="The caller's key is not good for that.")


@strawberry.type(description="Something that is wrong with an input. Nothing was changed.")
class UserError:
    field: list[str] = strawberry.field(description="The path to it from the arguments on, such as `input`, `model`.")
    message: str = strawberry.field(description="What is wrong, and what to do.")
    code: UserErrorCode = strawberry.field(description="What is wrong, for programs.")


class Unfit(Exception):
    """The input cannot be taken; ``errors`` say why."""

    def __init__(self, errors: Sequence[UserError]) -> None:
        self.errors = list(errors)


def unfit(field: str, message: str, code: UserErrorCode = UserErrorCode.INVALID) -> Unfit:
    """For one ``field`` of the input; an empty name is the input itself."""
    path = [_INPUT, to_camel_case(_FIELDS.get(field, field))] if field else [_INPUT]
    return Unfit([UserError(field=path, message=message[:1].upper() + message[1:], code=code)])


@contextmanager
def _said() -> Iterator[None]:
    """Turns what the domain says of values, each with the name of its field before a colon, into ``Unfit``."""
    try:
        yield
    except (ConfigError, ValueError) as error:
        problems = error.problems if isinstance(error, ConfigError) else (str(error),)
        named = [problem.partition(": ") for problem in problems]
        raise Unfit([error for field, _, what in named for error in unfit(field, what).errors]) from None


def project_of(operation: Operation, *, all_projects: bool) -> str | None:
    """Whose it is to be: the request's project, or, if an operator says so, ``None``: all of them."""
    if not all_projects:
        return operation.project
    if operation.grant.project is not None:
        message = "Your key is good for its own project alone: leave `allProjects` out, or show an operator's key."
        raise unfit("all_projects", message, UserErrorCode.NOT_ALLOWED)
    return None


@strawberry.input(description="Which price it is.")
class _PriceKey:
    model: str = strawberry.field(description="A model's name, or the beginning of names followed by `*`.")
    provider: str | None = strawberry.field(default=UNSET, description="For calls to this provider alone.")
    since: datetime | None = strawberry.field(default=UNSET, description=SINCE)
    all_projects: bool = strawberry.field(
        default=False, description="For the calls of all projects, not just those of the request's. For operators."
    )

    def _price(self, operation: Operation, rates: Mapping[str, Decimal]) -> OwnPrice:
        """Raises ``Unfit``."""
        project = project_of(operation, all_projects=self.all_projects)
        with _said():
            return own_price(
                model=self.model,
                provider=given(self.provider),
                since=given(self.since),
                rates=rates,
                origin=Origin.DATABASE,
                project=project,
            )


@strawberry.input(
    description="What a model costs. Rates are USD per million tokens; `input` and `output` are needed unless there is "
    "`perCall`."
)
class SetPriceInput(_PriceKey):
    input: Decimal | None = strawberry.field(default=UNSET, description="Of input that is in no cache.")
    output: Decimal | None = strawberry.field(default=UNSET, description="Of output.")
    cache_read: Decimal | None = strawberry.field(
        default=UNSET, description="Of input read from a cache; without it as `input`."
    )
    cache_write: Decimal | None = strawberry.field(
        default=UNSET, description="Of input written to a cache; without it as `input`."
    )
    cache_write_1h: Decimal | None = strawberry.field(
        default=UNSET, description="Of input written to a cache for an hour; without it as `cacheWrite`."
    )
    reasoning: Decimal | None = strawberry.field(
        default=UNSET, description="Of output that is reasoning; without it as `output`."
    )
    per_call: Decimal | None = strawberry.field(default=UNSET, description="USD per call, besides its tokens.")

    def price(self, operation: Operation) -> OwnPrice:
        """Raises ``Unfit``."""
        return self._price(operation, {name: r for name in RATES if (r := given(getattr(self, name))) is not None})


@strawberry.input(description="Which price to remove: just the one that was set with the same words.")
class RemovePriceInput(_PriceKey):
    def price(self, operation: Operation) -> OwnPrice:
        """One with these names; raises ``Unfit``."""
        return self._price(operation, {"per_call": Decimal(0)})


@strawberry.input(description="A credit plan of the request's project.")
class SetCreditPlanInput:
    since: datetime | None = strawberry.field(default=UNSET, description=f"{SINCE} On a quarter of an hour.")
    period: CreditPeriod = strawberry.field(description="How long the included credits last.")
    timezone: ZoneInfo = strawberry.field(
        default_factory=lambda: ZoneInfo("UTC"), description="Whose calendar the periods follow."
    )
    included: Decimal = strawberry.field(description="Credits that each period includes.")
    price: Decimal = strawberry.field(description="USD for each additional credit.")

    def plan(self, operation: Operation) -> CreditPlan:
        """Raises ``Unfit``."""
        with _said():
            return credit_plan(
                project=operation.project,
                period=self.period,
                zone=self.timezone.key,
                included=self.included,
                price=self.price,
                since=given(self.since),
            )


@strawberry.input(description="Which credit plan to remove: the one that is in force from just then on.")
class RemoveCreditPlanInput:
    since: datetime | None = strawberry.field(default=UNSET, description=SINCE)


@strawberry.input(description="Which credit rule it is, of the request's project.")
class _CreditRuleKey:
    model: str | None = strawberry.field(
        default=UNSET, description="A model's name, or the beginning of names followed by `*`; without it any model."
    )
    channel: str | None = strawberry.field(default=UNSET, description="A channel; without it any.")
    since: datetime | None = strawberry.field(default=UNSET, description=SINCE)

    def _rule(self, operation: Operation, per_call: Decimal | None, per_1k_tokens: Decimal | None) -> CreditRule:
        """Raises ``Unfit``."""
        with _said():
            return credit_rule(
                project=operation.project,
                model=given(self.model),
                channel=given(self.channel),
                since=given(self.since),
                per_call=per_call,
                per_1k_tokens=per_1k_tokens,
            )


@strawberry.input(description="What calls consume that do not say so themselves: at least one of the amounts.")
class SetCreditRuleInput(_CreditRuleKey):
    per_call: Decimal | None = strawberry.field(default=UNSET, description="Credits per call.")
    per_1k_tokens: Decimal | None = strawberry.field(
        default=UNSET, description="Credits per 1,000 tokens, input and output together."
    )

    def rule(self, operation: Operation) -> CreditRule:
        """Raises ``Unfit``."""
        return self._rule(operation, given(self.per_call), given(self.per_1k_tokens))


@strawberry.input(description="Which credit rule to remove: just the one that was set with the same words.")
class RemoveCreditRuleInput(_CreditRuleKey):
    def rule(self, operation: Operation) -> CreditRule:
        """One with these names; raises ``Unfit``."""
        return self._rule(operation, Decimal(0), None)


@strawberry.input(description="A new key of the request's project.")
class CreateKeyInput:
    access: Access = strawberry.field(name="scope", description="What it is for.")
    label: str | None = strawberry.field(default=UNSET, description="What it is made for, in your own words.")
    user: str | None = strawberry.field(
        default=UNSET, description="The only end user whose calls it reads; with the scope `READ`."
    )
    agent: str | None = strawberry.field(
        default=UNSET, description="The only agent whose calls it reads; with the scope `READ`."
    )
    expires_at: datetime | None = strawberry.field(default=UNSET, description="When it ends; without it never.")
    all_projects: bool = strawberry.field(
        default=False, description="Good for all projects, with the scope `ADMIN`. For operators."
    )


@strawberry.input(description="Which key to revoke.")
class RevokeKeyInput:
    id: strawberry.ID = strawberry.field(description="The key's id, as `keys` lists it.")
