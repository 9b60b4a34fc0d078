"""Histories in the shapes that Claude Code and LiteLLM write, with content in every place that has some."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SECRET = "SECRET-PROMPT: what nobody but the model was told"
BASE = datetime(2026, 10, 5, 9, 0, tzinfo=UTC)
CWD = "/home/ada/src/lighthouse"


def stamp(seconds: float = 0) -> str:
    """As Claude Code writes instants."""
    return f"{(BASE + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def usage(output: int = 159, **more: Any) -> dict[str, Any]:
    """Of Anthropic's API: 22 tokens in, besides 300 written into the cache (100 for an hour) and 2048 read from it."""
    return {
        "input_tokens": 22,
        "cache_creation_input_tokens": 300,
        "cache_read_input_tokens": 2048,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
        "output_tokens": output,
        "service_tier": "standard",
        "server_tool_use": {"web_search_requests": 0},
        **more,
    }


def message_id(number: int) -> str:
    return f"msg_01{number:022d}"


def request_id(number: int) -> str:
    return f"req_011{number:021d}"


def answer(
    number: int,
    *,
    at: float = 0,
    session: str = "session-a",
    output: int = 159,
    stop: str | None = "end_turn",
    message: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One line of the type "assistant": a block of the answer ``number``."""
    return {
        "parentUuid": f"user-{number}",
        "isSidechain": False,
        "userType": "external",
        "cwd": CWD,
        "sessionId": session,
        "version": "2.1.197",
        "gitBranch": "main",
        "type": "assistant",
        "message": {
            "id": message_id(number),
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5-20250929",
            "content": [
                {"type": "text", "text": SECRET, "usage": {"output_tokens": 9}},
                {"type": "tool_use", "input": {SECRET: SECRET}},
            ],
            "stop_reason": stop,
            "stop_sequence": SECRET,
            "usage": usage(output),
            **(message or {}),
        },
        "requestId": request_id(number),
        "uuid": f"assistant-{number}-{at}",
        "timestamp": stamp(at),
        **more,
    }


def question(number: int, *, at: float = 0, session: str = "session-a") -> dict[str, Any]:
    """The line that the answer ``number`` follows."""
    return {
        "parentUuid": None,
        "sessionId": session,
        "cwd": CWD,
        "type": "user",
        "message": {"role": "user", "content": SECRET},
        "uuid": f"user-{number}",
        "timestamp": stamp(at),
    }


OTHERS: list[dict[str, Any]] = [
    {"type": "summary", "summary": SECRET, "leafUuid": "x"},
    {"type": "file-history-snapshot", "messageId": "x", "snapshot": {"timestamp": stamp(), "text": SECRET}},
    {"type": "progress", "data": {"message": {"type": "assistant", "message": answer(99)["message"]}}, "uuid": "p"},
    {"type": "queue-operation", "timestamp": 7, "uuid": ["of", "another", "shape"], "content": SECRET},
    {"type": {"not": "text"}},
    {},
]
"""Lines that are no answers."""


def jsonl(records: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def write(path: Path, records: Iterable[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jsonl(records))
    return path


def spend(number: int = 1, **more: Any) -> dict[str, Any]:
    """One row of LiteLLM_SpendLogs."""
    return {
        "request_id": f"chatcmpl-A{number:028d}",
        "call_type": "acompletion",
        "api_key": "SECRET-PROMPT-88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": "0.002875",
        "total_tokens": "1518",
        "prompt_tokens": "1207",
        "completion_tokens": "311",
        "startTime": "2026-10-05 09:00:00.250",
        "endTime": "2026-10-05 09:00:02.750",
        "completionStartTime": "2026-10-05 09:00:01",
        "model": "gpt-4o",
        "model_id": "abc",
        "model_group": "house-model",
        "custom_llm_provider": "openai",
        "api_base": SECRET,
        "user": "default_user_id",
        "metadata": json.dumps(
            {
                "user_api_key": SECRET,
                "user_api_key_alias": "billing-bot",
                "requester_ip_address": SECRET,
                "status": "success",
                "proxy_server_request": {"body": SECRET},
                "usage_object": {
                    "prompt_tokens": 1207,
                    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": None},
                    "completion_tokens_details": {"reasoning_tokens": 64},
                },
                "additional_usage_values": {"prompt_tokens_details": None, "completion_tokens_details": None},
            }
        ),
        "cache_hit": "False",
        "cache_key": "Cache OFF",
        "request_tags": '["a", "b"]',
        "team_id": "",
        "end_user": "ada",
        "requester_ip_address": "SECRET-PROMPT",
        "messages": f'{SECRET}\nover "three",\nlines',
        "response": SECRET,
        "session_id": f"session-of-{number}",
        "status": "success",
        **more,
    }


def table(rows: Iterable[Mapping[str, Any]], *, delimiter: str = ",") -> bytes:
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
