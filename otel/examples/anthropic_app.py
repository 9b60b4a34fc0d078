"""An application that calls Anthropic, asynchronously; its calls arrive in usage-graph under its own names.

    pip install -r otel/examples/requirements.txt
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:8000 python otel/examples/anthropic_app.py

Without ANTHROPIC_BASE_URL it talks to the fake API beside this file, so it runs offline and costs nothing.
"""

import asyncio
import os

from anthropic import AsyncAnthropic
from fake_llm_api import fake_llm_api
from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor

from usage_graph.instrument import configure, usage

MODEL = "claude-haiku-4-5"
QUESTION = [{"role": "user", "content": "On which day did it happen?"}]

# From version 2 Anthropic's SDK makes a span for each call by itself. Use either that (and no instrumentor), or an
# instrumentor with the SDK's own spans off, as here, which works with every version. Both make two spans of one call.
os.environ.setdefault("ANTHROPIC_OPEN_TELEMETRY", "false")


@usage(source="memory", name="Memory extraction")
async def remember(client: AsyncAnthropic) -> None:
    answer = await client.messages.create(model=MODEL, max_tokens=200, messages=QUESTION)
    print("memory:", answer.content[0].text)


async def chat(client: AsyncAnthropic, conversation: str) -> None:
    with usage(source="chat", conversation=conversation):
        async with client.messages.stream(model=MODEL, max_tokens=200, messages=QUESTION) as stream:
            print("chat:", await stream.get_final_text())
        await remember(client)  # keeps the conversation and the user, and gives its own source


async def main() -> None:
    configure(service_name="anthropic-example")  # to OTEL_EXPORTER_OTLP_ENDPOINT, else port 4318 here
    AnthropicInstrumentor().instrument()  # makes the spans; usage() labels them

    real = os.environ.get("ANTHROPIC_BASE_URL")
    with fake_llm_api() as fake:
        client = AsyncAnthropic() if real else AsyncAnthropic(base_url=fake, api_key="none needed")
        with usage(user="user-8", channel="slack"):
            await asyncio.gather(chat(client, "chat-1"), chat(client, "chat-2"))


if __name__ == "__main__":
    asyncio.run(main())  # what is still waiting is sent when the process exits
