"""What a call consumes in credits where its application does not say: by the rules of its project."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import NamedTuple

from usage_graph.credits import AMOUNTS, MAX_AMOUNT, MAX_DIGITS, CreditRule, amount, check_project
from usage_graph.processor.spelling import dashed, spellings
from usage_graph.usage import MAX_CREDITS_NANO, UsageRecord

MAX_NAME = 256
_ANY = "*"
_REMEMBERED = 4096
"""Kinds of calls whose rules are remembered: names come from clients, so there must be a bound."""
_SCALE = 10**MAX_DIGITS
_TO_NANO = 10 ** (MAX_DIGITS + 3 - 9)
"""An amount in 1e-12 credits, times 1,000 so that tokens count whole, is so many times a nano-credit."""


def credit_rule(
    *,
    project: str,
    model: str | None = None,
    channel: str | None = None,
    since: datetime | None = None,
    per_call: object = None,
    per_1k_tokens: object = None,
) -> CreditRule:
    """A rule as somebody said it. Amounts are whole numbers, ``Decimal`` or text; names are folded as they are kept.

    Raises:
        ValueError: a sentence that begins with the name of the field that is wrong.
    """
    check_project(project)
    folded = None if model is None else model.strip().lower()
    if folded is not None and (not _is_name(folded) or _ANY in folded[:-1]):
        raise ValueError(
            f"model: {str(model)[:50]!r} is no name of a model (at most {MAX_NAME} characters, a * only at its end)."
        )
    if channel is not None and not _is_name(channel):
        raise ValueError(f"channel: {channel[:50]!r} is no name of a channel (1 to {MAX_NAME} printable characters).")
    if per_call is None and per_1k_tokens is None:
        raise ValueError("per_call: state credits per call or per 1,000 tokens, or both.")
    amounts = {
        name: amount(name, value, most=MAX_AMOUNT, digits=MAX_DIGITS, unit="credits")
        for name, value in zip(AMOUNTS, (per_call, per_1k_tokens), strict=True)
        if value is not None
    }
    return CreditRule(
        project,
        folded and dashed(folded),
        channel,
        since and since.astimezone(UTC),
        amounts.get("per_call"),
        amounts.get("per_1k_tokens"),
    )


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_NAME and text.isprintable()


class _Amounts(NamedTuple):
    """What the rules of some calls say, the most specific first: since when (seconds), and how many 1e-12 credits."""

    per_call: Sequence[tuple[float, int]]
    per_1k_tokens: Sequence[tuple[float, int]]


class Charging:
    """Credits by rules. For each amount the most specific rule that states it applies.

    A rule for a model in a channel goes before one for a model, that before one for a channel, that before one for all
    calls. Names of models match as those of own prices do (``processor.own``). Of equal rules it is the newest that is
    not from after the call's start.
    """

    def __init__(self, rules: Iterable[CreditRule] = ()) -> None:
        self.use(rules)

    def use(self, rules: Iterable[CreditRule]) -> None:
        """Charge by these from now on, and by no others; a call is charged by the old or the new ones."""
        by_project: dict[str, list[CreditRule]] = {}
        for rule in rules:
            by_project.setdefault(rule.project, []).append(rule)
        shelves = {project: _Shelf(of) for project, of in by_project.items()}
        self._amounts = lru_cache(_REMEMBERED)(partial(_find, shelves)) if shelves else None

    def charge(self, record: UsageRecord) -> UsageRecord:
        """``record`` with the credits that the rules say, rounded half to even at 1e-9; reported ones stay.

        Tokens that are unknown count as none, a call that failed as a call. No call takes more than
        ``MAX_CREDITS_NANO``.
        """
        if record.credits_reported:
            return record
        credits_nano = 0
        if (amounts := self._amounts) is not None:
            of = amounts(record.project, record.channel, record.response_model, record.request_model)
            if of is not None:
                credits_nano = _charged(of, record)
        return record if credits_nano == record.credits_nano else record._replace(credits_nano=credits_nano)


def _charged(of: _Amounts, record: UsageRecord) -> int:
    at = record.started_at.timestamp()
    whole: int = 1000 * _in_force(of.per_call, at) + (record.total_tokens or 0) * _in_force(of.per_1k_tokens, at)
    nano, rest = divmod(whole, _TO_NANO)
    # Half to even: of what is just between two, the even one.
    charged: int = nano + (2 * rest + nano % 2 > _TO_NANO)
    return min(charged, MAX_CREDITS_NANO)


def _in_force(amounts: Sequence[tuple[float, int]], at: float) -> int:
    return next((amount for since, amount in amounts if since <= at), 0)


def _find(
    shelves: Mapping[str, "_Shelf"],
    project: str,
    channel: str | None,
    response_model: str | None,
    request_model: str | None,
) -> _Amounts | None:
    shelf = shelves.get(project)
    if shelf is None:
        return None
    rules = list(shelf.of([name for name in (response_model, request_model) if name], channel))
    return _Amounts(_stated(rules, "per_call"), _stated(rules, "per_1k_tokens"))


def _stated(rules: Iterable[CreditRule], name: str) -> list[tuple[float, int]]:
    return [
        (rule.since.timestamp() if rule.since else float("-inf"), int(stated * _SCALE))
        for rule in rules
        if (stated := getattr(rule, name)) is not None
    ]


class _Shelf:
    """The rules of one project, by model and channel."""

    def __init__(self, rules: Iterable[CreditRule]) -> None:
        self._by_key: dict[tuple[str | None, str | None], list[CreditRule]] = {}
        for rule in sorted(rules, key=_newest_first):
            self._by_key.setdefault((rule.model, rule.channel), []).append(rule)
        models = {model for model, _ in self._by_key if model is not None}
        self._beginnings = sorted((model[:-1] for model in models if model.endswith(_ANY)), key=len, reverse=True)

    def of(self, names: Iterable[str], channel: str | None) -> Iterator[CreditRule]:
        """Those of a call with these models and that channel, the most specific first."""
        models = [model for name in names for model in self._models(name)]
        channels = (channel, None) if channel is not None else (None,)
        for wanted in channels:
            for model in models:
                yield from self._by_key.get((model, wanted), ())
        for wanted in channels:
            yield from self._by_key.get((None, wanted), ())

    def _models(self, name: str) -> Iterator[str]:
        """As which rules may name the model: in full, with less around it, by its beginning."""
        written = list(spellings(name))
        yield from written
        yield from (start + _ANY for start in self._beginnings if any(w.startswith(start) for w in written))


def _newest_first(rule: CreditRule) -> float:
    return -rule.since.timestamp() if rule.since else float("inf")
