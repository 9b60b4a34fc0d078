"""One provider, one name."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage_graph.processor.providers import ALIASES, HOSTS, MODEL_PREFIXES, fold, of_host, of_model
from usage_graph.usage import UsageRecord


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai", "openai"),
        ("OpenAI", "openai"),
        (" Anthropic ", "anthropic"),
        ("openai.chat", "openai"),
        ("openai.responses", "openai"),
        ("anthropic.messages", "anthropic"),
        ("azure.ai.openai", "azure"),
        ("azure.ai.inference", "azure"),
        ("az.ai.openai", "azure"),
        ("azure-openai.chat", "azure"),
        ("aws.bedrock", "aws.bedrock"),
        ("amazon-bedrock", "aws.bedrock"),
        ("gcp.gemini", "gcp.gemini"),
        ("gcp.gen_ai", "gcp.gemini"),
        ("gemini", "gcp.gemini"),
        ("google.generative-ai", "gcp.gemini"),
        ("google-vertex", "gcp.vertex_ai"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("mistralai", "mistral_ai"),
        ("xai.responses", "x_ai"),
        ("moonshotai", "moonshot_ai"),
        ("ibm.watsonx.ai", "ibm.watsonx.ai"),
        ("acme", "acme"),
        ("acme.chat", "acme"),
        ("acme.ai", "acme.ai"),
        ("ollama", "ollama"),
        # frameworks and placeholders
        ("langchain", None),
        ("langgraph", None),
        ("strands-agents", None),
        ("github", None),
        ("gcp.vertex.agent", None),
        ("microsoft.agent_framework", None),
        ("gateway", None),
        ("_OTHER", None),
        ("  ", None),
    ],
)
def test_fold(name: str, expected: str | None) -> None:
    assert fold(name) == expected


@given(st.text() | st.sampled_from(sorted(ALIASES)))
def test_folding_is_done_once(name: str) -> None:
    folded = fold(name)
    assert folded is None or fold(folded) == folded


def test_the_tables_use_folded_names() -> None:
    named = {*ALIASES.values(), *(name for _, name in MODEL_PREFIXES), *(name for _, name in HOSTS)}
    assert {fold(name) for name in named} == named


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("gpt-4o", "openai"),
        ("o3-mini", "openai"),
        ("text-embedding-3-small", "openai"),
        ("text-embedding-004", "gcp.gemini"),
        ("claude-sonnet-4-5", "anthropic"),
        ("anthropic/claude-sonnet-4.5", "anthropic"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"),
        ("amazon.nova-pro-v1:0", "aws.bedrock"),
        ("models/gemini-2.5-flash", "gcp.gemini"),
        ("Mistral-Large", "mistral_ai"),
        ("grok-4", "x_ai"),
        ("my-deployment", None),
        ("acme/gpt-4o", None),
    ],
)
def test_of_model(model: str, expected: str | None) -> None:
    assert of_model(model) == expected


def test_of_host() -> None:
    assert of_host("api.openai.com") == "openai"
    assert of_host("my-res.openai.azure.com.") == "azure"
    assert of_host("bedrock-runtime.us-east-1.amazonaws.com") == "aws.bedrock"
    assert of_host("notopenai.com") is None
    assert of_host("127.0.0.1") is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"gen_ai.provider.name": "langchain", "llm.provider": "azure"}, "azure"),
        ({"gen_ai.provider.name": "strands-agents", "gen_ai.request.model": "claude-sonnet-4-5"}, "anthropic"),
        ({"gen_ai.provider.name": "gateway", "gen_ai.request.model": "anthropic/claude-sonnet-4.5"}, "anthropic"),
        ({"gen_ai.provider.name": "", "gen_ai.request.model": "text-embedding-3-small"}, "openai"),
        ({"gen_ai.provider.name": None, "gen_ai.request.model": "mine", "server.address": "api.groq.com"}, "groq"),
        ({"gen_ai.provider.name": None, "gen_ai.request.model": "mine", "server.address": "localhost"}, None),
        ({"gen_ai.provider.name": None, "gen_ai.request.model": None}, None),
        (
            {
                "gen_ai.provider.name": None,
                "gen_ai.request.model": "my-deployment",
                "gen_ai.response.model": "gpt-4o-2024-08-06",
            },
            "openai",
        ),
    ],
)
def test_the_provider_of_a_record(
    call: Callable[..., UsageRecord], attributes: dict[str, Any], expected: str | None
) -> None:
    assert call(attributes).provider == expected
