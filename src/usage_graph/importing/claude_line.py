"""One line of a session log of Claude Code, decoded as far as usage goes: content is skipped, not read."""

from decimal import Decimal
from typing import TypeVar

import msgspec

from usage_graph.importing.fields import BadLine

Number = int | float | None


class _Kind(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw()


class Step(msgspec.Struct):
    """Any line that an answer may follow."""

    uuid: str
    timestamp: str


class Written(msgspec.Struct):
    ephemeral_5m_input_tokens: Number = None
    ephemeral_1h_input_tokens: Number = None


class Usage(msgspec.Struct):
    input_tokens: Number = None
    output_tokens: Number = None
    cache_creation_input_tokens: Number = None
    cache_read_input_tokens: Number = None
    cache_creation: Written | None = None
    service_tier: str | None = None
    speed: str | None = None


class Iteration(Usage):
    type: str | None = None
    model: str | None = None


class WholeUsage(Usage):
    iterations: list[Iteration] | None = None


class Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    usage: WholeUsage | None = None


class Answer(msgspec.Struct, rename="camel"):
    """A line of the type ``assistant``."""

    message: Message
    timestamp: str | None = None
    uuid: str | None = None
    parent_uuid: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    is_sidechain: bool | None = None
    cwd: str | None = None
    cost_usd: Decimal | None = msgspec.field(default=None, name="costUSD")


_KIND = msgspec.json.Decoder(_Kind)
_STEP = msgspec.json.Decoder(Step)
_ANSWER = msgspec.json.Decoder(Answer)

_T = TypeVar("_T")


def decode(data: bytes) -> Answer | Step | None:
    """An answer of the model, another step of the session, or neither.

    Raises:
        BadLine: it is no JSON object, or an answer of another shape.
    """
    if bytes(_strictly(_KIND, data).type) == b'"assistant"':
        return _strictly(_ANSWER, data)
    try:
        return _STEP.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _strictly(decoder: "msgspec.json.Decoder[_T]", data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        # It names types and fields, and no value.
        said = str(error).replace("`", "").replace("$.", "").replace(" | null", "")
        raise BadLine(f"is not a line of Claude Code: {said}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadLine("is not JSON") from None
