"""The log events of coding agents that tell of LLM calls, as one table: which events, and which keys hold which field.

A new agent is new rows here and nothing elsewhere. What no row names is never read: this table is the allow-list that
keeps prompts, answers and tool arguments out. Sources of the rows: captured events of Claude Code 2.1, Codex CLI 0.169
and Gemini CLI 0.61, what their makers document, and Cursor's wire reference.

Each agent tells of a call in several signals; the events in this table are the one that counts:

- Claude Code: ``api_request`` and ``api_error``, one for each request that ended. Its span of the same request, if it
  sends any, has the same request id. ``api_retries_exhausted`` and ``api_refusal`` repeat them.
- Codex CLI: ``response.completed`` with token counts; the stream logs another one without. A request that was refused
  (``codex.api_request`` without a 2xx status) has no stream, and a stream that broke has no counts: each is a call
  that failed, and none of them can be one that is counted otherwise. Its spans and metrics repeat the completed ones.
- Gemini CLI: ``api_response`` and ``api_error``. The event of the conventions beside it lacks thoughts and cache.
- Cursor: ``api.request``. An ``api.error`` has no counts, and shares its usage id with the request that it ended: it
  would count a call twice. An ``api.correction`` says that Cursor does not bill a call, which is nothing that the
  record says either: what tokens cost follows from their number. Both are left out.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from usage_graph.processor.identifiers import bare_request_id
from usage_graph.processor.providers import fold
from usage_graph.processor.values import AttributeValue, charge, milliseconds, text, tokens

Attributes = Mapping[str, AttributeValue]


def provider(value: Any) -> str | None:
    """A provider's one name; ``None`` for a framework's."""
    name = text(value)
    return name and fold(name)


def _micro_usd(value: Any) -> int | None:
    """Nano-USD; like ``charge``, above 0."""
    micros = tokens(value)
    return charge(f"{micros}e-6") if micros else None


def http_failure(value: Any) -> str | None:
    """An HTTP status that is no success, as an error's type."""
    status = tokens(value)
    return str(status) if status is not None and 300 <= status <= 599 else None


class Said(NamedTuple):
    """What an event says of a call; costs are nano-USD, ``duration`` is milliseconds, ``first_token`` microseconds.

    ``event_id`` is the sender's own name of the event: where there is one, it alone tells events apart. ``sequence``
    does so together with everything else before ``turn``: what is read since then must not make another event of one
    that was read before. The counts are those of a ``tally.Tally``.
    """

    event_id: str | None = None
    sequence: str | None = None
    request_id: str | None = None
    source: str | None = None
    name: str | None = None
    agent: str | None = None
    conversation: str | None = None
    user: str | None = None
    channel: str | None = None
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    apart: int | None = None
    total: int | None = None
    cost: int | None = None
    cost_micros: int | None = None
    duration: int | None = None
    error_type: str | None = None
    http_error: str | None = None
    turn: str | None = None
    first_token: int | None = None


READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(Said._fields, text),
    "request_id": bare_request_id,
    "provider": provider,
    **dict.fromkeys(
        ("input", "output", "cache_read", "cache_write", "reasoning", "apart", "total", "duration"), tokens
    ),
    "first_token": milliseconds,
    "cost": charge,
    "cost_micros": _micro_usd,
    "http_error": http_failure,
}
"""How a value of each field is read."""

Keys = Mapping[str, tuple[str, ...]]
"""Field -> its keys, best first: the first whose value can be read wins."""

EVENT_TIMESTAMP = "event.timestamp"
"""When it happened, in RFC 3339, for records that do not have a time themselves."""

# Whoever starts an agent can say these, as an application does on its spans.
_NAMED: Keys = {
    "source": ("usage_graph.source",),
    "name": ("usage_graph.name",),
    "agent": ("usage_graph.agent",),
    "conversation": ("usage_graph.conversation",),
    "user": ("usage_graph.user",),
    "channel": ("usage_graph.channel",),
    "turn": ("usage_graph.turn",),
}


def _keys(**own: tuple[str, ...]) -> Keys:
    return {field: (*_NAMED.get(field, ()), *own.get(field, ())) for field in {**_NAMED, **own}}


def _any(_: Attributes) -> bool:
    return True


class EventRule(NamedTuple):
    """An event that tells of one call, and what it says.

    It is called one of ``names``, or, in a scope that begins with ``scope``, one of ``short``; and ``counts`` holds.
    ``failed``: the call did. ``excludes_cache``: cached tokens are not in the input. ``excludes_thoughts``: thoughts
    are not in the output, see ``tally.Tally``. ``trusted``: made by the provider's own program, from its answers.
    """

    agent: str
    names: frozenset[str]
    keys: Keys
    scope: str = ""
    short: frozenset[str] = frozenset()
    counts: Callable[[Attributes], bool] = _any
    failed: bool = False
    excludes_cache: bool = False
    excludes_thoughts: bool = False
    trusted: bool = False


# The account is the same on every machine of a user; `user.id` is made up by each installation.
_CLAUDE_CODE = _keys(
    sequence=("event.sequence",),
    request_id=("request_id",),
    agent=("agent.name",),
    conversation=("session.id",),
    user=("user.account_uuid", "user.account_id", "user.email", "user.id"),
    channel=("query_source",),
    turn=("prompt.id",),
    request_model=("model",),
    response_model=("model",),
    duration=("duration_ms",),
    first_token=("ttft_ms",),
)

_CODEX = _keys(
    sequence=(EVENT_TIMESTAMP,),
    conversation=("conversation.id",),
    user=("user.account_id", "user.email"),
    channel=("originator",),
    request_model=("model", "slug"),
    first_token=("ttft_ms",),
)

_GEMINI_CLI = _keys(
    sequence=(EVENT_TIMESTAMP,),
    conversation=("session.id",),
    user=("user.email",),
    channel=("auth_type",),
    turn=("prompt_id",),
    request_model=("model", "model_name"),
    response_model=("model",),
    duration=("duration_ms", "duration"),
)

_STATUS = "http.response.status_code"
_ERROR = "error.message"
_KIND = "event.kind"
_COMPLETED = "response.completed"


def _codex_completed(attributes: Attributes) -> bool:
    return attributes.get(_KIND) == _COMPLETED and tokens(attributes.get("input_token_count")) is not None


def _codex_broken(attributes: Attributes) -> bool:
    """Logged once for each stream that ended in an error. Whether there is a message is all that is read of it."""
    return attributes.get(_KIND) == _COMPLETED and bool(attributes.get(_ERROR)) and not _codex_completed(attributes)


def _codex_refused(attributes: Attributes) -> bool:
    """Other endpoints list models and the like."""
    endpoint, status = text(attributes.get("endpoint")), tokens(attributes.get(_STATUS))
    called = endpoint is not None and ("responses" in endpoint or "completions" in endpoint)
    return called and (status is None or not 200 <= status <= 299)


EVENT_RULES = (
    EventRule(
        "claude-code",
        frozenset({"claude_code.api_request"}),
        {
            **_CLAUDE_CODE,
            "input": ("input_tokens",),
            "output": ("output_tokens",),
            "cache_read": ("cache_read_tokens",),
            "cache_write": ("cache_creation_tokens",),
            "cost": ("cost_usd",),
            "cost_micros": ("cost_usd_micros",),
        },
        scope="com.anthropic.claude_code",
        short=frozenset({"api_request"}),
        excludes_cache=True,
        trusted=True,
    ),
    EventRule(
        "claude-code",
        frozenset({"claude_code.api_error"}),
        {**_CLAUDE_CODE, "http_error": ("status_code",)},
        scope="com.anthropic.claude_code",
        short=frozenset({"api_error"}),
        failed=True,
    ),
    EventRule(
        "codex",
        frozenset({"codex.sse_event"}),
        {
            **_CODEX,
            "input": ("input_token_count",),
            "output": ("output_token_count",),
            "cache_read": ("cached_token_count",),
            "cache_write": ("cache_write_token_count",),
            "reasoning": ("reasoning_token_count",),
            # Its name notwithstanding.
            "total": ("tool_token_count",),
        },
        counts=_codex_completed,
    ),
    EventRule("codex", frozenset({"codex.sse_event"}), _CODEX, counts=_codex_broken, failed=True),
    EventRule(
        "codex",
        frozenset({"codex.api_request"}),
        {**_CODEX, "duration": ("duration_ms",), "http_error": (_STATUS,)},
        counts=_codex_refused,
        failed=True,
    ),
    EventRule(
        "gemini-cli",
        frozenset({"gemini_cli.api_response"}),
        {
            **_GEMINI_CLI,
            "input": ("input_token_count",),
            "output": ("output_token_count",),
            "cache_read": ("cached_content_token_count",),
            "reasoning": ("thoughts_token_count",),
            "apart": ("tool_token_count",),
            "total": ("total_token_count",),
        },
        excludes_thoughts=True,
    ),
    EventRule(
        "gemini-cli",
        frozenset({"gemini_cli.api_error"}),
        {**_GEMINI_CLI, "error_type": ("error_type", "error.type"), "http_error": ("status_code",)},
        failed=True,
    ),
    EventRule(
        "cursor",
        frozenset({"cursor.api.request"}),
        _keys(
            event_id=("cursor.event.id",),
            sequence=("cursor.usage_event.id",),
            conversation=("cursor.conversation.id",),
            user=("cursor.user.id",),
            channel=("cursor.surface", "cursor.entrypoint"),
            request_model=("cursor.model.name",),
            input=("cursor.api.request.input_tokens",),
            output=("cursor.api.request.output_tokens",),
            cache_read=("cursor.api.request.cache_read_tokens",),
            cache_write=("cursor.api.request.cache_creation_tokens",),
        ),
        scope="cursor.telemetry",
        short=frozenset({"api_request"}),
        excludes_cache=True,
    ),
)

TWINS = frozenset({"gen_ai.client.inference.operation.details", "copilot_chat.agent.turn"})
"""Events with token counts of calls that spans, or events of the table, tell of."""

EVENT_WANTED: frozenset[str] = frozenset(key for rule in EVENT_RULES for keys in rule.keys.values() for key in keys) | {
    "event.name",
    EVENT_TIMESTAMP,
    _KIND,
    _ERROR,
    _STATUS,
    "endpoint",
}
"""Every attribute of an event that anything here reads. Decoders keep nothing else."""
