"""What a batch of observations means for the store. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from usage_graph.store import merging
from usage_graph.store.flags import flags_as, flags_of
from usage_graph.store.linking import Call, Group, Seen, call_of
from usage_graph.store.merging import Price, Told
from usage_graph.usage import UsageRecord


@dataclass(frozen=True, slots=True)
class Stored:
    """A call in the store. ``kept``: its observations are kept apart from it, as there are several."""

    record: UsageRecord
    seen: tuple[Seen, ...]
    kept: bool


@dataclass(slots=True)
class Outcome:
    """What is to be done to the store, besides storing what is staged."""

    calls: dict[int, Call] = field(default_factory=dict)
    """Of which call a new observation is, by its key; of one of its own, as it was staged, if it is not here."""
    new: list[UsageRecord] = field(default_factory=list)
    changed: list[UsageRecord] = field(default_factory=list)
    gone: list[tuple[Call, Call]] = field(default_factory=list)
    """Calls that are one with another, and that one."""
    moved: list[tuple[int, Call, int]] = field(default_factory=list)
    """New observations whose identities are not as they were staged: key, call, flags."""
    flagged: list[tuple[Seen, int]] = field(default_factory=list)
    """Stored observations with other flags than before."""
    kept: list[tuple[Seen, Call]] = field(default_factory=list)
    """Observations to be kept apart from their call's record."""
    completed: Counter[str] = field(default_factory=Counter)


def decide(
    groups: Sequence[Group],
    new: Mapping[int, Seen],
    stored: Mapping[Call, Stored],
    told: Mapping[tuple[str, int], Told],
    price: Price,
) -> Outcome:
    """What is to be done about ``groups``. ``told``: what spans above say, by project and key of the nearest one."""
    outcome = Outcome()
    for group in groups:
        known = [stored[call] for call in group.stored]
        seen = [*(one for before in known for one in before.seen), *(new[key] for key in group.new)]
        if known and len(seen) == len(known[0].seen):
            record = known[0].record
            charged = record.channel
            if known[0].kept:
                record = merging.untold(record, seen)
        else:
            first = known[0].record if known else min((one.record for one in seen), key=call_of)
            record = merging.fold(seen, price)
            if len(seen) > 1:
                record = record._replace(started_at=first.started_at, id=first.id)
            charged = record.channel
        target = call_of(record)
        above = [told[at] for one in merging.from_outside(seen) if (at := (target.project, one.parent or 0)) in told]
        before = [Told(r.conversation, r.user_id, r.agent, r.channel) for r in (one.record for one in known)]
        if above or before:
            derived = all(one.source_derived for one in seen)
            before_that = known[0].record if known else record
            outcome.completed[target.project] += any(told.adds_to(before_that) for told in above)
            told_of = merging.complete(record, [*above, *before], source_derived=derived)
            if told_of.channel != charged:  # what a channel's calls are charged; their costs are the same
                told_of = told_of._replace(credits_nano=price(told_of).credits_nano)
            record = told_of
        _note(outcome, group, target, seen, record, known)
    return outcome


def _note(
    outcome: Outcome, group: Group, target: Call, seen: Sequence[Seen], record: UsageRecord, known: Sequence[Stored]
) -> None:
    """What the call's ``record`` means for the store, which knew it as ``known`` or not at all."""
    outcome.calls.update(dict.fromkeys(group.new, target))
    outcome.gone += [(call, target) for call in group.stored[1:]]
    if not known:
        outcome.new.append(record)
    elif record != known[0].record:
        outcome.changed.append(record)
    if len(seen) > 1:
        kept = {one.key for before in known if before.kept for one in before.seen}
        outcome.kept += [(one, target) for one in seen if one.key not in kept]
        outcome.moved += [(one.key, target, flags_of(one)) for one in seen if one.key in outcome.calls]
        return
    (alone,) = seen
    if not known and record is not alone.record:
        outcome.moved.append((alone.key, target, flags_as(alone, record)))
    elif known and record != known[0].record:
        outcome.flagged.append((alone, flags_as(alone, record)))
