"""Credit rules and plans in lines of text. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from usage_graph.credits import CreditPlan, CreditRule, CreditUsage, Pool
from usage_graph.pricing.page import table
from usage_graph.report.numbers import plain
from usage_graph.report.text import printable


def rule_described(rule: CreditRule) -> str:
    """One rule on a line."""
    amounts = []
    if rule.per_call is not None:
        amounts.append(f"{_amount(rule.per_call)} credits per call")
    if rule.per_1k_tokens is not None:
        amounts.append(f"{_amount(rule.per_1k_tokens)} credits per 1,000 tokens")
    model = f" of {printable(rule.model)}" if rule.model else ""
    channel = f" by {printable(rule.channel)}" if rule.channel else ""
    since = f" from {_time(rule.since)} on" if rule.since else ""
    return f"calls{model}{channel} in {printable(rule.project)}{since}: {', '.join(amounts)}."


def plan_described(plan: CreditPlan) -> str:
    """One plan on a line."""
    since = f", from {_time(plan.since)} on" if plan.since else ""
    return (
        f"{printable(plan.project)}: {_amount(plan.included)} credits a {plan.period.lower()} ({plan.zone}), "
        f"{_amount(plan.price)} USD for each additional one{since}."
    )


def listed(project: str, rules: Sequence[CreditRule], plans: Sequence[CreditPlan]) -> list[str]:
    """The rules and plans of a project as tables."""
    name = printable(project)
    if rules:
        rows = [["model", "channel", "from", "per call", "per 1,000 tokens"]]
        rows += [
            [
                printable(rule.model or "any"),
                printable(rule.channel or "any"),
                _time(rule.since),
                _stated(rule.per_call),
                _stated(rule.per_1k_tokens),
            ]
            for rule in rules
        ]
        lines = [f"Credits of calls in {name} that do not report them:", *table(rows, left=3)]
    else:
        lines = [f"{name} has no rules: credits are those that calls report."]
    if not plans:
        return [*lines, f"{name} has no plan."]
    rows = [["from", "every", "zone", "included", "USD per additional credit"]]
    rows += [
        [_time(plan.since), plan.period.lower(), plan.zone, _amount(plan.included), _amount(plan.price)]
        for plan in plans
    ]
    return [*lines, f"Plans of {name}:", *table(rows, left=3)]


def stand(pool: Pool, usage: CreditUsage) -> list[str]:
    """What has been consumed of the present period."""
    zone = pool.plan.timezone
    start, end = (f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (pool.start, pool.end))
    return [
        f"From {start} until {end} ({pool.plan.zone}): {_amount(usage.consumed)} credits consumed so far, "
        f"{_amount(usage.remaining or Decimal(0))} of {_amount(pool.plan.included)} left, "
        f"{_amount(usage.additional)} additional for {_amount(usage.additional_cost)} USD."
    ]


def _stated(amount: Decimal | None) -> str:
    return "-" if amount is None else _amount(amount)


def _amount(amount: Decimal) -> str:
    return plain(str(amount))


def _time(at: datetime | None) -> str:
    if at is None:
        return "ever"
    return f"{at:%Y-%m-%d}" if at.time() == at.time().min else f"{at:%Y-%m-%dT%H:%M:%SZ}"
