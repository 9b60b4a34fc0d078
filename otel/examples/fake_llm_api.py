"""A small local stand-in for the OpenAI and Anthropic APIs, so that the examples run offline and for nothing.

It answers every request with the same words and the usage in ``OPENAI_USAGE`` and ``ANTHROPIC_USAGE``, in one piece or
streamed, in the shape the two SDKs expect. Run it by itself to point an application of your own at it:

    python otel/examples/fake_llm_api.py 8089
"""

import itertools
import json
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANSWER = "It was Tuesday."
RUN = secrets.token_hex(6)
"""In every id, as no API gives an id twice: usage-graph would take both for one call."""
OPENAI_USAGE = {
    "prompt_tokens": 1207,
    "completion_tokens": 311,
    "total_tokens": 1518,
    "prompt_tokens_details": {"cached_tokens": 1024},
    "completion_tokens_details": {"reasoning_tokens": 192},
}
# Anthropic counts cached tokens apart: 22 + 300 + 2048 = 2370 tokens went in.
ANTHROPIC_USAGE = {
    "input_tokens": 22,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 2048,
    "output_tokens": 106,
}


def openai_answer(request: dict[str, Any], number: int) -> dict[str, Any]:
    """A chat completion, from a dated model: ``gpt-5-mini`` is answered by ``gpt-5-mini-2025-08-07``."""
    return {
        "id": f"chatcmpl-example{RUN}{number:04}",
        "object": "chat.completion",
        "created": 1767225600,
        "model": f"{request['model']}-2025-08-07",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": OPENAI_USAGE,
    }


def openai_stream(request: dict[str, Any], number: int) -> Iterator[str]:
    """The same as server-sent events; the usage comes only to who asks for it, as with the real API."""
    whole = openai_answer(request, number)
    chunk = {**whole, "object": "chat.completion.chunk", "usage": None}
    for word in ANSWER.partition(" "):
        choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        yield f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n"
    yield f"data: {json.dumps({**chunk, 'choices': [{'index': 0, 'delta': {}, 'finish_reason': 'stop'}]})}\n\n"
    if request.get("stream_options", {}).get("include_usage"):
        yield f"data: {json.dumps({**chunk, 'choices': [], 'usage': OPENAI_USAGE})}\n\n"
    yield "data: [DONE]\n\n"


def anthropic_answer(request: dict[str, Any], number: int) -> dict[str, Any]:
    """A message; ``claude-haiku-4-5`` is answered by ``claude-haiku-4-5-20251001``."""
    return {
        "id": f"msg_example{RUN}{number:04}",
        "type": "message",
        "role": "assistant",
        "model": f"{request['model']}-20251001",
        "content": [{"type": "text", "text": ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }


def anthropic_stream(request: dict[str, Any], number: int) -> Iterator[str]:
    """The same as server-sent events; output tokens are counted at the end."""
    begun = {**anthropic_answer(request, number), "content": [], "stop_reason": None}
    begun["usage"] = {**ANTHROPIC_USAGE, "output_tokens": 1}
    text = {"type": "text_delta", "text": ANSWER}
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    for event in (
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": ANTHROPIC_USAGE["output_tokens"]}},
        {"type": "message_stop"},
    ):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


ROUTES = {
    "/v1/chat/completions": (openai_answer, openai_stream),
    "/v1/messages": (anthropic_answer, anthropic_stream),
}


class Handler(BaseHTTPRequestHandler):
    numbers = itertools.count(1)

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        route = ROUTES.get(self.path)
        if route is None:
            self.send_error(404, f"only {', '.join(ROUTES)} are played here")
            return
        number = next(self.numbers)  # its own: requests are answered at once, and ids are made of it
        answer, stream = route
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if request.get("stream") else "application/json")
        self.end_headers()
        if request.get("stream"):
            for event in stream(request, number):
                self.wfile.write(event.encode())
        else:
            self.wfile.write(json.dumps(answer(request, number)).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the examples print what matters."""


@contextmanager
def fake_llm_api(port: int = 0) -> Iterator[str]:
    """Serves in a thread on loopback; yields the base URL. Port 0: any free one."""
    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    with fake_llm_api(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as url:
        print(f"OPENAI_BASE_URL={url}/v1\nANTHROPIC_BASE_URL={url}", flush=True)
        threading.Event().wait()
