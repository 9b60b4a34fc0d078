"""An application that calls OpenAI; its calls arrive in usage-graph under its own names.

    pip install -r otel/examples/requirements.txt
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:8000 python otel/examples/openai_app.py

Without OPENAI_BASE_URL it talks to the fake API beside this file, so it runs offline and costs nothing.
"""

import os

from fake_llm_api import fake_llm_api
from openai import OpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

from usage_graph.instrument import configure, usage

QUESTION = [{"role": "user", "content": "On which day did it happen?"}]


@usage(source="agent", name="Nightly report", agent="reporter", conversation="report-2026-01-31")
def nightly_report(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-5-mini", messages=QUESTION)
    print("agent:", answer.choices[0].message.content)


def chat(client: OpenAI) -> None:
    with usage(source="chat", name="Support", conversation="chat-42", user="user-7", channel="web"):
        stream = client.chat.completions.create(
            model="gpt-5-mini",
            messages=QUESTION,
            stream=True,
            # OpenAI counts a stream's tokens only for who asks; without this the call arrives unmeasured.
            stream_options={"include_usage": True},
        )
        words = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        print("chat:", "".join(words))


def main() -> None:
    configure(service_name="openai-example")  # to OTEL_EXPORTER_OTLP_ENDPOINT, else port 4318 here
    OpenAIInstrumentor().instrument()  # makes the spans; usage() labels them

    real = os.environ.get("OPENAI_BASE_URL")
    with fake_llm_api() as fake:
        client = OpenAI() if real else OpenAI(base_url=f"{fake}/v1", api_key="none needed")
        nightly_report(client)
        chat(client)


if __name__ == "__main__":
    main()  # what is still waiting is sent when the process exits
