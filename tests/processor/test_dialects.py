"""Dialects as their emitters write them, those that nobody captured among them: one span each, and what it becomes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from usage_graph.usage import UsageRecord


class Dialect(NamedTuple):
    """``expected``: fields of the record. Whatever else is in ``content`` is prompts and answers."""

    name: str
    attributes: dict[str, Any]
    expected: dict[str, Any]
    scope: str = "any"
    content: dict[str, Any] = {}  # noqa: RUF012


GPT_4O = {"gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06"}
CALLED_GPT_4O = {"provider": "openai", "request_model": "gpt-4o", "response_model": "gpt-4o-2024-08-06"}


def counted(*counts: int | None) -> dict[str, int | None]:
    """input, output, cache read, cache write, reasoning"""
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
    return dict(zip(names, (*counts, *(None,) * (5 - len(counts))), strict=True))


DIALECTS = [
    Dialect(
        "OpenTelemetry, current",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            **GPT_4O,
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 800,
            "gen_ai.usage.cache_write.input_tokens": 50,
            "gen_ai.usage.reasoning.output_tokens": 40,
            "gen_ai.usage.text.input_tokens": 900,
            "gen_ai.usage.audio.input_tokens": 100,
            "gen_ai.conversation.id": "c",
            "gen_ai.agent.name": "weather",
        },
        {
            **CALLED_GPT_4O,
            **counted(1000, 100, 800, 50, 40),
            "conversation": "c",
            "agent": "weather",
            "operation": "chat",
        },
        content={"gen_ai.input.messages": "SECRET", "gen_ai.system_instructions": "SECRET"},
    ),
    Dialect(
        "OpenTelemetry, deprecated names",
        {
            "gen_ai.operation.name": "text_completion",
            "gen_ai.system": "az.ai.openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 1000,
            "gen_ai.usage.completion_tokens": 100,
            "gen_ai.openai.response.service_tier": "flex",
        },
        {"provider": "azure", **counted(1000, 100), "service_tier": "flex", "operation": "completion"},
        content={"gen_ai.prompt": "SECRET", "gen_ai.completion": "SECRET"},
    ),
    Dialect(
        "OpenLIT 1.45",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 2000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 48,
            "gen_ai.client.token.usage": 2100,
            "gen_ai.usage.cost": 0.0,
            "gen_ai.request.user": "",
            "gen_ai.request.max_tokens": -1,
            "deployment.environment": "staging",
            "service.name": "openlit-app",
        },
        {
            **counted(2048, 100, 48),
            "cost_reported": False,
            "user_id": None,
            "environment": "staging",
            "service": "openlit-app",
        },
        scope="openlit.instrumentation.anthropic",
    ),
    Dialect(
        "OpenLIT 1.33",
        {
            "gen_ai.operation.name": "embedding",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "text-embedding-3-small",
            "gen_ai.usage.input_tokens": 28,
            "gen_ai.usage.total_tokens": 28,
            "gen_ai.usage.cost": 5.6e-07,
            "gen_ai.environment": "staging",
            "gen_ai.application_name": "openlit-app",
        },
        {
            **counted(28),
            "operation": "embeddings",
            "cost_nano": 560,
            "cost_reported": True,
            "environment": "staging",
            "service": "openlit-app",
        },
        scope="openlit.otel.tracing",
    ),
    Dialect(
        "OpenLIT's other modules",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.llm.provider": "openai",
            "gen_ai.llm.model": "gpt-4o",
            "gen_ai.token.usage.input": 1000,
            "gen_ai.token.usage.output": 100,
            "gen_ai.token.usage.total": 1100,
            "gen_ai.token.cost.input": 0.0025,
            "gen_ai.token.cost.output": 0.001,
            "gen_ai.token.cost.total": 0.0035,
        },
        {
            "provider": "openai",
            "request_model": "gpt-4o",
            **counted(1000, 100),
            "cost_nano": 3_500_000,
            "input_cost_nano": 2_500_000,
            "output_cost_nano": 1_000_000,
        },
        scope="openlit.instrumentation.crawl4ai",
    ),
    Dialect(
        "LangSmith",
        {
            "langsmith.span.kind": "llm",
            "langsmith.trace.session_name": "a project",
            "langsmith.trace.session_id": "a project's id",
            "langsmith.metadata.ls_provider": "openai",
            "langsmith.metadata.thread_id": "t",
            "langsmith.metadata.user_id": "u",
            "langsmith.span.tags": "prod, green",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "langchain",
            **GPT_4O,
            "gen_ai.usage.input_tokens": 1207,
            "gen_ai.usage.output_tokens": 311,
            "gen_ai.usage.total_tokens": 1518,
            "gen_ai.usage.input_token_details": "{'audio': 0, 'cache_read': 1024}",
            "gen_ai.usage.output_token_details": "{'audio': 0, 'reasoning': 192}",
        },
        {
            **CALLED_GPT_4O,
            **counted(1207, 311, 1024, None, 192),
            "conversation": "t",
            "user_id": "u",
            "operation": "chat",
        },
        scope="langsmith",
        content={"gen_ai.prompt": '[{"content": "SECRET"}]', "langsmith.metadata.LANGSMITH_API_KEY": "SECRET"},
    ),
    Dialect(
        "LangSmith, usage as metadata alone",
        {
            "langsmith.span.kind": "llm",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "langsmith.metadata.usage_metadata": (
                '{"input_tokens": 2370, "output_tokens": 100, "total_tokens": 2470, "input_token_details":'
                ' {"cache_read": 2048, "cache_creation": 0, "ephemeral_5m_input_tokens": 200,'
                ' "ephemeral_1h_input_tokens": 100}, "output_token_details": {"reasoning": 7}}'
            ),
        },
        {"provider": "anthropic", **counted(2370, 100, 2048, 300, 7), "cache_write_1h_tokens": 100},
        scope="langsmith",
    ),
    Dialect(
        "LangSmith, JSON details of an Anthropic input without cache",
        {
            "langsmith.span.kind": "llm",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 22,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.input_token_details": '{"cache_read": 2048, "cache_creation": 300}',
        },
        counted(2370, 100, 2048, 300),
        scope="langsmith",
    ),
    Dialect(
        "Langfuse",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "claude-sonnet-4-5",
            "langfuse.observation.usage_details": (
                '{"input": 25, "output": 109, "cache_read_input_tokens": 2048, "cache_creation_input_tokens": 300}'
            ),
            "langfuse.observation.cost_details": '{"input": 0.0001, "output": 0.0015, "total": 0.0035}',
            "langfuse.observation.prompt.name": "greeting",
            "langfuse.trace.metadata.channel": '"web"',
            "langfuse.session.id": "s",
            "langfuse.user.id": "u",
            "langfuse.environment": "staging",
        },
        {
            "provider": "anthropic",
            **counted(2373, 109, 2048, 300),
            "cost_nano": 3_500_000,
            "input_cost_nano": None,
            "name": "greeting",
            "channel": "web",
            "conversation": "s",
            "user_id": "u",
            "environment": "staging",
        },
        scope="langfuse-sdk",
        content={"langfuse.observation.input": "SECRET", "langfuse.observation.output": "SECRET"},
    ),
    Dialect(
        "Langfuse's Python SDK up to 3.3",
        {
            "langfuse.observation.type": "span",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.usage_details": '{"prompt_tokens": 1000, "completion_tokens": 100}',
        },
        {**counted(1000, 100), "operation": "chat"},
        scope="langfuse-sdk",
    ),
    Dialect(
        "Langfuse, a call that failed",
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.level": "ERROR",
            "langfuse.observation.cost_details": '{"input": 0, "output": 0, "total": 0}',
        },
        {**counted(), "failed": True, "cost_nano": None},
        scope="langfuse-sdk",
        content={"langfuse.observation.status_message": "SECRET"},
    ),
    Dialect(
        "Google ADK 2",
        {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": "gcp.gemini",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.conversation.id": "s",
            "gen_ai.agent.name": "weather",
            "gen_ai.usage.input_tokens": 1519,
            "gen_ai.usage.output_tokens": 205,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.reasoning.output_tokens": 80,
        },
        {**counted(1519, 205, 1000, None, 80), "provider": "gcp.gemini", "conversation": "s", "agent": "weather"},
        scope="gcp.vertex.agent",
        content={"gcp.vertex.agent.llm_request": "SECRET", "gcp.vertex.agent.llm_response": "SECRET"},
    ),
    Dialect(
        "Google ADK 1",
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "gemini-2.0-flash",
            "gcp.vertex.agent.session_id": "s",
            "gcp.vertex.agent.invocation_id": "i",
            "gen_ai.usage.input_tokens": 1519,
            "gen_ai.usage.output_tokens": 125,
        },
        {**counted(1519, 125), "provider": "gcp.gemini", "conversation": "s", "operation": "chat"},
        scope="gcp.vertex.agent",
        content={"gcp.vertex.agent.llm_request": "SECRET", "gcp.vertex.agent.llm_response": "SECRET"},
    ),
    Dialect(
        "Strands, of Bedrock",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "strands-agents",
            "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "gen_ai.usage.prompt_tokens": 500,
            "gen_ai.usage.input_tokens": 500,
            "gen_ai.usage.completion_tokens": 100,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.total_tokens": 900,
            "gen_ai.usage.cache_read.input_tokens": 200,
            "gen_ai.usage.cache_read_input_tokens": 200,
            "gen_ai.usage.cache_write_input_tokens": 100,
            "session.id": "s",
        },
        {**counted(800, 100, 200, 100), "provider": "aws.bedrock", "conversation": "s", "suspect": False},
        scope="strands.telemetry.tracer",
    ),
    Dialect(
        "LiteLLM, default mode",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "llm.request.type": "completion",
            "llm.user": "u",
            "llm.is_streaming": "False",
            "gen_ai.usage.input_tokens": 2373,
            "gen_ai.usage.output_tokens": 109,
            "gen_ai.usage.total_tokens": 2482,
            "gen_ai.cost.total_cost": 0.0036744000000000004,
            "gen_ai.cost.input_cost": 0.0020394000000000002,
            "gen_ai.cost.output_cost": 0.001635,
            "gen_ai.cost.cache_read_cost": 0.0006144,
            "gen_ai.cost.cache_creation_cost": 0.00135,
            "metadata.user_api_key_end_user_id": "",
            "metadata.user_api_key_user_id": "",
        },
        {
            **counted(2373, 109),
            "user_id": "u",
            "operation": "chat",
            "cost_nano": 3_674_400,
            "cache_read_cost_nano": 614_400,
        },
        scope="litellm",
        content={
            "hidden_params": '{"response_cost": 1, "api_base": "SECRET"}',
            "metadata.usage_object": "{'prompt_tokens': 1, 'x': 'SECRET'}",
            "llm.anthropic.messages": "SECRET",
        },
    ),
    Dialect(
        "LiteLLM, latest mode",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 2373,
            "gen_ai.usage.output_tokens": 109,
            "gen_ai.usage.cache_read.input_tokens": 2048,
            "gen_ai.usage.cache_creation.input_tokens": 300,
            "metadata.user_api_key_end_user_id": "end",
            "metadata.user_api_key_user_id": "key",
        },
        {**counted(2373, 109, 2048, 300), "user_id": "end"},
        scope="litellm",
    ),
    *(
        Dialect(
            f"LiteLLM's proxy, {call}",
            {
                "gen_ai.operation.name": call,
                "llm.request.type": call,
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-4o-mini",
                "gen_ai.usage.input_tokens": 12,
                "gen_ai.usage.output_tokens": 3,
                "metadata.user_api_key_user_id": "default_user_id",
                "litellm.metadata.session_id": "s",
            },
            {**counted(12, 3), "user_id": None, "conversation": "s", "operation": operation},
            scope="litellm",
        )
        for call, operation in {
            "acompletion": "chat",
            "atext_completion": "completion",
            "anthropic_messages": "chat",
            "aresponses": "chat",
            "aembedding": "embeddings",
            "arerank": "rerank",
            "aimage_edit": "image",
            "atranscription": "audio",
        }.items()
    ),
    Dialect(
        "Vercel AI SDK 4, of Anthropic",
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "claude-sonnet-4-5",
            "ai.model.provider": "anthropic.messages",
            "ai.usage.promptTokens": 2400,
            "ai.usage.completionTokens": 112,
            "ai.response.providerMetadata": (
                '{"anthropic": {"cacheReadInputTokens": 48, "cacheCreationInputTokens": 0, "content": "SECRET"}}'
            ),
            "ai.telemetry.metadata.sessionId": "s",
            "ai.telemetry.metadata.userId": "u",
            "ai.telemetry.functionId": "weather",
        },
        {
            **counted(2448, 112, 48, 0),
            "provider": "anthropic",
            "conversation": "s",
            "user_id": "u",
            "name": "weather",
            "suspect": False,
        },
        scope="ai",
        content={"ai.prompt.messages": "SECRET", "ai.response.text": "SECRET", "ai.request.headers.cookie": "SECRET"},
    ),
    Dialect(
        "Vercel AI SDK 5, of Gemini",
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.id": "gemini-2.5-flash",
            "ai.model.provider": "google.generative-ai",
            "ai.usage.inputTokens": 1519,
            "ai.usage.outputTokens": 125,
            "ai.usage.reasoningTokens": 80,
            "ai.usage.cachedInputTokens": 1000,
            "ai.usage.totalTokens": 1724,
        },
        {**counted(1519, 205, 1000, None, 80), "provider": "gcp.gemini"},
        scope="ai",
    ),
    Dialect(
        "Vercel AI SDK 5, of Gemini, not streamed",
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "gemini-2.5-flash",
            "ai.model.provider": "google.generative-ai",
            "ai.usage.promptTokens": 1519,
            "ai.usage.completionTokens": 125,
            "ai.response.providerMetadata": (
                '{"google": {"usageMetadata": {"cachedContentTokenCount": 1000, "thoughtsTokenCount": 80,'
                ' "totalTokenCount": 1724}}}'
            ),
        },
        counted(1519, 205, 1000, None, 80),
        scope="ai",
    ),
    Dialect(
        "Vercel AI SDK 5, of Bedrock",
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "ai.model.provider": "amazon-bedrock",
            "ai.usage.promptTokens": 4000,
            "ai.usage.completionTokens": 100,
            "ai.response.providerMetadata": (
                '{"bedrock": {"usage": {"cacheReadInputTokens": 300, "cacheWriteInputTokens": 50}}}'
            ),
        },
        {**counted(4350, 100, 300, 50), "provider": "aws.bedrock"},
        scope="ai",
    ),
    Dialect(
        "Vercel AI SDK 6, of Anthropic",
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "claude-sonnet-4-5",
            "ai.model.provider": "anthropic.messages",
            "ai.usage.inputTokens": 2400,
            "ai.usage.outputTokens": 112,
            "ai.usage.totalTokens": 2512,
            "ai.usage.inputTokenDetails.noCacheTokens": 2352,
            "ai.usage.inputTokenDetails.cacheReadTokens": 48,
            "ai.usage.outputTokenDetails.reasoningTokens": 7,
        },
        counted(2400, 112, 48, None, 7),
        scope="ai",
    ),
    Dialect(
        "Vercel AI SDK 7",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 2374,
            "gen_ai.usage.output_tokens": 112,
            "gen_ai.usage.cache_read.input_tokens": 2048,
            "gen_ai.usage.cache_creation.input_tokens": 300,
        },
        {**counted(2374, 112, 2048, 300), "conversation": None},
        scope="gen_ai",
    ),
    Dialect(
        "Logfire",
        {
            "logfire.span_type": "span",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 2373,
            "gen_ai.usage.output_tokens": 109,
            "gen_ai.usage.raw": (
                '{"cache_creation": {"ephemeral_1h_input_tokens": 100, "ephemeral_5m_input_tokens": 200},'
                ' "cache_creation_input_tokens": 300, "cache_read_input_tokens": 2048, "input_tokens": 25,'
                ' "output_tokens": 109, "service_tier": "standard"}'
            ),
            "operation.cost": 0.0036744,
            "session.id": "[Scrubbed due to 'session']",
        },
        {
            **counted(2373, 109, 2048, 300),
            "cache_write_1h_tokens": 100,
            "service_tier": "standard",
            "cost_nano": 3_674_400,
            "conversation": None,
        },
        scope="logfire.anthropic",
        content={"request_data": '{"messages": "SECRET"}', "response_data": "SECRET", "logfire.msg": "SECRET"},
    ),
    Dialect(
        "LangChain by OpenInference",
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "llm.provider": "openai",
            "llm.token_count.prompt": 1207,
            "llm.token_count.completion": 311,
            "llm.token_count.total": 1518,
            "llm.token_count.prompt_details.cache_read": 1024,
            "llm.token_count.completion_details.reasoning": 192,
            "metadata": '{"thread_id": "t", "lc_agent_name": "weather", "text": "SECRET"}',
        },
        {
            **counted(1207, 311, 1024, None, 192),
            "provider": "openai",
            "response_model": "gpt-4o",
            "conversation": "t",
            "agent": "weather",
        },
        scope="openinference.instrumentation.langchain",
        content={"input.value": "SECRET", "llm.input_messages.0.message.content": "SECRET"},
    ),
    Dialect(
        "LangChain by Traceloop",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "langchain",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 1207,
            "gen_ai.usage.output_tokens": 311,
            "traceloop.association.properties.ls_provider": "openai",
            "traceloop.association.properties.lc_agent_name": "weather",
            "traceloop.association.properties.session_id": "s",
            "traceloop.entity.path": "model",
            "traceloop.entity.name": "ChatOpenAI",
        },
        {**counted(1207, 311), "provider": "openai", "conversation": "s", "agent": "weather", "name": "model"},
        scope="opentelemetry.instrumentation.langchain",
        content={"traceloop.entity.input": "SECRET"},
    ),
    Dialect(
        "OpenInference's costs, and a reranker",
        {
            "openinference.span.kind": "RERANKER",
            "reranker.model_name": "rerank-v3.5",
            "llm.token_count.prompt": 100,
            "llm.cost.prompt": 0.001,
            "llm.cost.completion": 0.0,
        },
        {"operation": "rerank", "request_model": "rerank-v3.5", "provider": "cohere", "cost_nano": 1_000_000},
    ),
    Dialect(
        "OpenInference's decisions",
        {
            "openinference.span.kind": "DECISION",
            "decision.model_name": "guard-1",
            "decision.token_count.input": 100,
            "decision.token_count.output": 1,
        },
        {**counted(100, 1), "operation": "other", "request_model": "guard-1"},
    ),
    Dialect(
        "Bedrock by botocore, with little cached",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "aws.bedrock",
            "gen_ai.request.model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "gen_ai.usage.input_tokens": 4000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 300,
            "gen_ai.usage.cache_creation.input_tokens": 50,
        },
        counted(4350, 100, 300, 50),
        scope="opentelemetry.instrumentation.botocore.bedrock-runtime",
    ),
    Dialect(
        "Anthropic's SDK",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.usage.input_tokens": 2370,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 2048,
            "gen_ai.usage.cache_write.input_tokens": 300,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 100,
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 200,
            "anthropic.response.service_tier": "standard",
        },
        {**counted(2370, 100, 2048, 300), "cache_write_1h_tokens": 100, "service_tier": "standard"},
        scope="com.anthropic.sdk.python",
        content={"url.full": "http://SECRET/"},
    ),
    Dialect(
        "MLflow",
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.llm.model": '"gpt-4o"',
            "mlflow.llm.provider": '"openai"',
            "mlflow.chat.tokenUsage": (
                '{"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100, "cache_read_input_tokens": 800}'
            ),
            "mlflow.llm.cost": '{"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}',
            "mlflow.trace.session": '"s"',
        },
        {
            **counted(1000, 100, 800),
            "provider": "openai",
            "request_model": "gpt-4o",
            "conversation": "s",
            "cost_nano": 300_000_000,
        },
        content={"mlflow.spanInputs": "SECRET", "mlflow.spanOutputs": "SECRET"},
    ),
    Dialect(
        "MLflow, kvlists",
        {
            "mlflow.spanType": "LLM",
            "mlflow.llm.model": "gpt-4o",
            "mlflow.chat.tokenUsage": {"input_tokens": 1000, "output_tokens": 100},
        },
        {**counted(1000, 100), "provider": "openai"},
    ),
    Dialect(
        "Braintrust, documents",
        {
            "braintrust.span_attributes": '{"type": "llm", "name": "SECRET"}',
            "braintrust.metadata": '{"model": "gpt-4o", "provider": "openai", "prompt": "SECRET"}',
            "braintrust.metrics": (
                '{"prompt_tokens": 1000, "completion_tokens": 100, "tokens": 1100, "prompt_cached_tokens": 800,'
                ' "completion_reasoning_tokens": 40}'
            ),
        },
        {**counted(1000, 100, 800, None, 40), "provider": "openai", "request_model": "gpt-4o"},
        content={"braintrust.input_json": "SECRET"},
    ),
    Dialect(
        "Braintrust, flat",
        {
            "braintrust.span_attributes.type": "llm",
            "gen_ai.request.model": "gpt-4o",
            "braintrust.metrics.prompt_tokens": 1000,
            "braintrust.metrics.completion_tokens": 100,
            "braintrust.metrics.prompt_cached_tokens": 800,
        },
        counted(1000, 100, 800),
    ),
    Dialect(
        "Sentry",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            **GPT_4O,
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.input_tokens.cached": 800,
            "gen_ai.usage.input_tokens.cache_write": 50,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.output_tokens.reasoning": 40,
            "gen_ai.usage.total_tokens": 1100,
        },
        counted(1000, 100, 800, 50, 40),
    ),
    Dialect(
        "GitHub Copilot",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "github",
            "gen_ai.request.model": "claude-sonnet-4.5",
            "gen_ai.usage.input_tokens": 1207,
            "gen_ai.usage.output_tokens": "311",
            "gen_ai.usage.reasoning_tokens": 11,
            "gen_ai.usage.reasoning.output_tokens": 12,
            "github.copilot.nano_aiu": 1_500_000_000,
            "github.copilot.cost": 3,
            "github.copilot.initiator": "user",
            "enduser.pseudo.id": "u",
            "copilot_chat.chat_session_id": "s",
        },
        {
            **counted(1207, 311, None, None, 12),
            "provider": "anthropic",
            "credits_nano": 1_500_000_000,
            "cost_reported": False,
            "channel": "user",
            "user_id": "u",
            "conversation": "s",
        },
        scope="github.copilot",
    ),
    Dialect(
        "Cloudflare AI Gateway",
        {
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.model.provider": "openai",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cost": 0.0035,
        },
        {**counted(1000, 100), "provider": "openai", "cost_nano": 3_500_000, "cost_reported": True},
        content={"gen_ai.prompt_json": "SECRET", "gen_ai.completion_json": "SECRET"},
    ),
    Dialect(
        "OpenRouter",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openrouter",
            "gen_ai.request.model": "openai/gpt-4o",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.output_tokens.reasoning": 40,
            "gen_ai.usage.input_cost": 0.0025,
            "gen_ai.usage.output_cost": 0.001,
            "gen_ai.usage.total_cost": 0.0035,
            "session.id": "s",
        },
        {
            **counted(1000, 100, None, None, 40),
            "provider": "openrouter",
            "cost_nano": 3_500_000,
            "input_cost_nano": 2_500_000,
            "cache_read_cost_nano": 0,
            "output_cost_nano": 1_000_000,
        },
        content={"trace.metadata.openrouter.api_key_name": "SECRET"},
    ),
    Dialect(
        "Bifrost, an attempt that failed",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.cost": 0,
            "error.type": "rate_limit",
        },
        {**counted(), "failed": True, "error_type": "rate_limit", "cost_nano": None},
        scope="bifrost",
    ),
    Dialect(
        "Semantic Kernel",
        {
            "gen_ai.operation.name": "chat.streaming_completions",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.prompt_tokens": "1000",
            "gen_ai.response.completion_tokens": "100",
        },
        {**counted(1000, 100), "operation": "chat"},
        scope="semantic_kernel.utils.telemetry",
    ),
    Dialect(
        "details spelled like OpenAI's API",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.prompt_tokens_details.cached_tokens": 800,
            "gen_ai.usage.completion_tokens_details.reasoning_tokens": 40,
        },
        counted(1000, 100, 800, None, 40),
    ),
    Dialect(
        "Pydantic AI 2",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.system": "openai",
            **GPT_4O,
            "gen_ai.usage.input_tokens": 1207,
            "gen_ai.usage.output_tokens": 311,
            "gen_ai.usage.details.cache_read_tokens": 1024,
            "gen_ai.usage.details.reasoning_tokens": 192,
            "gen_ai.usage.details.accepted_prediction_tokens": 9,
            "pydantic_ai.cache.established_tokens": 1024,
            "operation.cost": 0.0,
            "gen_ai.conversation.id": "made up",
            "session.id": "set by the user",
            "gen_ai.agent.call.id": "not an agent",
        },
        {
            **counted(1207, 311, 1024, None, 192),
            "cost_reported": False,
            "conversation": "set by the user",
            "agent": None,
        },
        scope="pydantic-ai",
        content={"pydantic_ai.all_messages": "SECRET", "final_result": "SECRET"},
    ),
    Dialect(
        "Traceloop 0.40",
        {
            "gen_ai.system": "Anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "llm.request.type": "completion",
            "gen_ai.usage.prompt_tokens": 2370,
            "gen_ai.usage.completion_tokens": 100,
            "gen_ai.usage.cache_read_input_tokens": 2048,
            "gen_ai.usage.cache_creation_input_tokens": 300,
            "llm.usage.total_tokens": 2470,
            "llm.user": "u",
        },
        {**counted(2370, 100, 2048, 300), "provider": "anthropic", "operation": "completion", "user_id": "u"},
        scope="opentelemetry.instrumentation.anthropic",
        content={"gen_ai.prompt.0.content": "SECRET", "llm.headers": "SECRET"},
    ),
    Dialect(
        "Claude Code",
        {
            "span.type": "llm_request",
            "model": "claude-sonnet-4-5",
            "input_tokens": 2000,
            "output_tokens": 100,
            "cache_read_tokens": 48,
            "cache_creation_tokens": 300,
            "session.id": "s",
            "user.id": "u",
        },
        {**counted(2348, 100, 48, 300), "provider": "anthropic", "conversation": "s", "user_id": "u", "suspect": False},
        scope="com.anthropic.claude_code.tracing",
        content={"user_prompt": "SECRET"},
    ),
]


@pytest.mark.parametrize("dialect", [pytest.param(dialect, id=dialect.name) for dialect in DIALECTS])
def test_dialect(dialect: Dialect, process: Callable[..., UsageRecord]) -> None:
    record = process({**dialect.attributes, **dialect.content}, scope=dialect.scope)
    assert {field: getattr(record, field) for field in dialect.expected} == dialect.expected
    assert not record.suspect
    assert "SECRET" not in repr(record)
    assert any("SECRET" in repr(value) for value in dialect.content.values()) is bool(dialect.content)
    backwards = dict(reversed({**dialect.attributes, **dialect.content}.items()))
    assert process(backwards, scope=dialect.scope) == record
