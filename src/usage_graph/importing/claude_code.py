"""Claude Code's session logs: JSON lines, one for each step of a session, below ``~/.claude/projects``.

What they say of usage has to be put together:

- One answer of the model is on several lines, one for each block of its content. While it streams, they repeat a usage
  that grows: the line with the most output tokens has the whole.
- Resumed and forked sessions begin with copies of the lines of the session that they continue, in another file.
- Lines of the model ``<synthetic>`` were made up by Claude Code: nobody was asked.
- ``iterations`` other than ``message`` (an advisor, a compaction) are calls that the usage beside them leaves out.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from usage_graph.errors import ImportFailed
from usage_graph.importing import lines
from usage_graph.importing.call import Call
from usage_graph.importing.claude_line import Answer, Step, Usage, WholeUsage, Written, decode
from usage_graph.importing.fields import BadLine, amount, between, count, moment, text
from usage_graph.importing.tally import Tally
from usage_graph.usage import MAX_COST_NANO

SUFFIXES = (".jsonl",)
NAME = "claude-code"
"""The service of the calls: Claude Code's own telemetry calls it so, too."""

SYNTHETIC = "<synthetic>"
UNFINISHED = "being written at this moment, to be imported next time"
MADE_UP = "answers that Claude Code made up itself, without a call"
UNMEASURED = "answers without usage"
COPIES = "lines that repeat a call"

_SETTLED = timedelta(minutes=10)
"""An answer without a stop reason that is younger may go on."""
_LONGEST_WAIT = timedelta(minutes=10)
"""The line that an answer follows is older where somebody was away in between."""
_OWN_WORD = 20
"""Ids of Anthropic's length are unique. Shorter ones come from elsewhere and may be given out again."""
_SELLERS = {"msg_bdrk_": "aws.bedrock", "msg_vrtx_": "gcp.vertex_ai"}


@dataclass(slots=True)
class _Seen:
    """An answer, of which more lines may follow. ``total``: its output tokens first, for the best of the lines."""

    call: Call
    ended_at: datetime
    total: tuple[int, int]
    stopped: bool
    others: list[Call] = field(default_factory=list)


def default_paths(environ: Mapping[str, str]) -> list[Path]:
    """Where Claude Code keeps its sessions: in ``CLAUDE_CONFIG_DIR``, else in those of its two places that exist.

    Raises:
        ImportFailed: there are none.
    """
    home = Path.home()
    if given := environ.get("CLAUDE_CONFIG_DIR", ""):
        roots = [Path(given).expanduser()]
    else:
        config = environ.get("XDG_CONFIG_HOME", "")
        roots = [home / ".claude", (Path(config) if Path(config).is_absolute() else home / ".config") / "claude"]
    there = [path for root in roots if (path := root / "projects").is_dir()]
    if not there:
        looked = " or ".join(str(root / "projects") for root in roots)
        raise ImportFailed(f"There are no sessions of Claude Code in {looked}. Say where they are: import {NAME} PATH.")
    return there


def read(files: Sequence[Path], tally: Tally, *, now: datetime) -> Iterator[Call]:
    """The calls of all sessions, each once, in the order of time: yields when everything has been read."""
    answers: dict[str, _Seen] = {}
    for path in files:
        _read_file(path, tally, answers)
    calls: list[Call] = []
    for seen in answers.values():
        if not seen.stopped and now - seen.ended_at < _SETTLED:
            tally.left_out[UNFINISHED] += 1
            continue
        calls.append(seen.call._replace(duration=between(seen.call.started_at, seen.ended_at)))
        calls += seen.others
    tally.calls = len(calls)
    yield from sorted(calls, key=lambda call: call.started_at)


def _read_file(path: Path, tally: Tally, answers: dict[str, _Seen]) -> None:
    steps: dict[str, str] = {}
    for line in lines.read(path, tally):
        if not line.data or line.data.isspace():
            continue
        try:
            match decode(line.data):
                case Answer() as answer:
                    _take(answer, steps, answers, tally)
                case Step(uuid, timestamp):
                    steps[uuid] = timestamp
        except BadLine as error:
            if line.whole:
                tally.bad(path, line.number, str(error))
            else:
                tally.left_out[UNFINISHED] += 1


def _take(line: Answer, steps: Mapping[str, str], answers: dict[str, _Seen], tally: Tally) -> None:
    message = line.message
    if message.model == SYNTHETIC:
        tally.left_out[MADE_UP] += 1
        return
    if message.usage is None:
        tally.left_out[UNMEASURED] += 1
        return
    at = moment("timestamp", line.timestamp)
    identity = _identity(line)
    call = _call(identity, line, message.usage, _began(line, at, steps))
    new = _Seen(call, at, _size(call), message.stop_reason is not None, _others(call, message.usage))
    known = answers.setdefault(identity, new)
    if known is not new:
        tally.left_out[COPIES] += 1
        _merge(known, new)


def _merge(known: _Seen, new: _Seen) -> None:
    """The larger usage is the whole one. Whose call it was is said by what was met first, sidechains last."""
    first, second = known.call, new.call
    larger, smaller = (second, first) if new.total >= known.total else (first, second)
    if larger is second:
        known.total, known.others = new.total, new.others
    if first.channel and not second.channel:
        first, second = second, first
    known.call = larger._replace(
        started_at=min(first.started_at, second.started_at),
        name=first.name or second.name,
        conversation=first.conversation or second.conversation,
        channel=first.channel,
        cost=larger.cost if larger.cost is not None else smaller.cost,
        request_id=first.request_id or second.request_id,
    )
    known.ended_at = max(known.ended_at, new.ended_at)
    known.stopped = known.stopped or new.stopped


def _identity(line: Answer) -> str:
    """The message's id where it is unique, whatever the request: copies may have another one, or none."""
    id_, request = line.message.id or "", line.request_id or ""
    if len(id_) >= _OWN_WORD:
        return id_
    if request or (id_ and line.session_id):
        return f"{id_}/{request or line.session_id}"
    if line.uuid:
        return f"uuid/{line.uuid}"
    raise BadLine("has no message.id, no requestId and no uuid")


def _began(line: Answer, at: datetime, steps: Mapping[str, str]) -> datetime:
    """When the call was made: at the step that it answers, if that was shortly before; else as its line was written."""
    try:
        asked = moment("timestamp", steps.get(line.parent_uuid or ""))
    except BadLine:
        return at
    return asked if timedelta() <= at - asked <= _LONGEST_WAIT else at


def _call(identity: str, line: Answer, usage: Usage, started_at: datetime) -> Call:
    own = line.message.id or ""
    unique = len(own) >= _OWN_WORD
    call = Call(
        identity=identity,
        started_at=started_at,
        service=NAME,
        name=_directory(line.cwd),
        conversation=text("sessionId", line.session_id),
        channel="sidechain" if line.is_sidechain else None,
        provider=next((seller for prefix, seller in _SELLERS.items() if own.startswith(prefix)), None),
        cost=amount("costUSD", line.cost_usd, most_nano=MAX_COST_NANO),
        response_id=text("message.id", own) if unique else None,
        request_id=text("requestId", line.request_id),
    )
    return _used(call, usage, text("message.model", line.message.model))


def _used(call: Call, usage: Usage, model: str | None) -> Call:
    """Anthropic's input leaves cached tokens out; a call's includes them."""
    new = count("message.usage.input_tokens", usage.input_tokens)
    output = count("message.usage.output_tokens", usage.output_tokens)
    written = count("message.usage.cache_creation_input_tokens", usage.cache_creation_input_tokens)
    cached = count("message.usage.cache_read_input_tokens", usage.cache_read_input_tokens)
    parts = usage.cache_creation or Written()
    short = count("message.usage.cache_creation.ephemeral_5m_input_tokens", parts.ephemeral_5m_input_tokens)
    hour = count("message.usage.cache_creation.ephemeral_1h_input_tokens", parts.ephemeral_1h_input_tokens)
    # Some versions count the writes in the parts only.
    written = written or ((short or 0) + (hour or 0) or written)
    return call._replace(
        response_model=model,
        input_tokens=None if new is None else new + (cached or 0) + (written or 0),
        output_tokens=output,
        cache_read_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=None if hour is None else min(hour, written or 0),
        service_tier="fast" if usage.speed == "fast" else text("message.usage.service_tier", usage.service_tier),
    )


def _others(call: Call, usage: WholeUsage) -> list[Call]:
    """Calls that were made on the way to the answer, on a model of their own or on the answer's."""
    return [
        _used(
            call._replace(identity=f"{call.identity}/{number}", cost=None, response_id=None, request_id=None),
            part,
            text("message.usage.iterations.model", part.model) or call.response_model,
        )
        for number, part in enumerate(usage.iterations or ())
        if part.type not in (None, "message")
    ]


def _size(call: Call) -> tuple[int, int]:
    return call.output_tokens or 0, call.input_tokens or 0


def _directory(cwd: str | None) -> str | None:
    """The last part of the directory that the session was in: the project's name, in the style of either platform."""
    parts = [part for part in re.split(r"[\\/]", cwd or "") if part]
    return text("cwd", parts[-1]) if parts else None
