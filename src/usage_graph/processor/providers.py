"""Provider names, folded so that one provider has one name.

The names kept are those of OpenTelemetry's registry (``gen_ai.provider.name``), except that the two names of Azure
are one, ``azure``. Names of frameworks are no providers: the model, or else the server's host, tells whom they called.
"""

from functools import lru_cache

FRAMEWORKS = frozenset(
    {
        "agent_framework",
        "agno",
        "ai_sdk",
        "autogen",
        "crewai",
        "dspy",
        "gateway",
        "gcp.vertex.agent",
        "github",
        "github_copilot",
        "haystack",
        "langchain",
        "langgraph",
        "litellm",
        "litellm_proxy",
        "llama_index",
        "llamaindex",
        "mastra",
        "microsoft.agent_framework",
        "openai_agents",
        "pydantic_ai",
        "semantic_kernel",
        "smolagents",
        "spring_ai",
        "strands",
        "strands_agents",
        "vercel",
        "_other",
    }
)

SELF_HOSTED = frozenset(
    {"llama_cpp", "llamacpp", "lm_studio", "lmstudio", "local", "localai", "mlx", "ollama", "sglang", "tgi", "vllm"}
)
"""Servers of models that one runs oneself: whatever the model is called, nobody sends a bill for its tokens."""

# The longest name that matches whole, or as the first words of a dotted, dashed or underscored name, decides.
ALIASES = {
    "ai21": "ai21",
    "amazon": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "anthropic": "anthropic",
    "aws": "aws.bedrock",
    "az.ai": "azure",
    "azure": "azure",
    "azureopenai": "azure",
    "bedrock": "aws.bedrock",
    "claude": "anthropic",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "fireworks_ai": "fireworks",
    "gcp": "gcp.gemini",
    "gcp.vertex_ai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google.vertex": "gcp.vertex_ai",
    "google_vertex": "gcp.vertex_ai",
    "groq": "groq",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "openai": "openai",
    "openai_decisions": "openai-decisions",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "together_ai": "together",
    "togetherai": "together",
    "vertex": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "x_ai": "x_ai",
    "xai": "x_ai",
}

# The product behind a provider's name, as the Vercel AI SDK appends it: `acme.chat`.
PRODUCTS = frozenset(
    {"chat", "completion", "completions", "embedding", "embeddings", "image", "messages", "responses", "speech"}
)

# First match decides; a Bedrock model id says who made the model, but Bedrock sent the answer.
MODEL_PREFIXES = (
    (("us.", "eu.", "apac.", "ap.", "jp.", "au.", "ca.", "global.", "us-gov.", "arn:aws:bedrock:"), "aws.bedrock"),
    (("anthropic.", "amazon.", "meta.llama", "cohere.", "mistral.", "ai21."), "aws.bedrock"),
    (("claude",), "anthropic"),
    (("gemini", "models/gemini", "text-embedding-00", "text-multilingual-embedding", "imagen", "veo-"), "gcp.gemini"),
    (("gpt-", "chatgpt-", "ft:gpt-", "o1", "o3", "o4", "text-embedding-", "codex-", "computer-use-"), "openai"),
    (("whisper-1", "tts-1", "dall-e", "davinci", "babbage", "omni-moderation", "sora-"), "openai"),
    (("mistral", "ministral", "mixtral", "magistral", "codestral", "devstral", "pixtral", "voxtral"), "mistral_ai"),
    (("open-mistral", "open-mixtral"), "mistral_ai"),
    (("command", "embed-english", "embed-multilingual", "embed-v", "rerank-", "c4ai-"), "cohere"),
    (("deepseek",), "deepseek"),
    (("grok",), "x_ai"),
    (("sonar",), "perplexity"),
    (("accounts/fireworks/",), "fireworks"),
    (("kimi", "moonshot"), "moonshot_ai"),
)

HOSTS = (
    ("openai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("services.ai.azure.com", "azure"),
    ("openai.com", "openai"),
    ("anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("amazonaws.com", "aws.bedrock"),
    ("api.mistral.ai", "mistral_ai"),
    ("cohere.com", "cohere"),
    ("cohere.ai", "cohere"),
    ("deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.x.ai", "x_ai"),
    ("openrouter.ai", "openrouter"),
    ("perplexity.ai", "perplexity"),
    ("together.xyz", "together"),
    ("fireworks.ai", "fireworks"),
)


@lru_cache(1024)
def fold(name: str) -> str | None:
    """The provider's one name; an unknown one in lower case; ``None`` for a framework's."""
    name = name.strip().lower()
    plain = name.replace("-", "_").replace(" ", "_")
    if plain in FRAMEWORKS or not plain:
        return None
    words = plain
    while words:
        if known := ALIASES.get(words):
            return known
        cut = max(words.rfind("."), words.rfind("_"), words.rfind("/"))
        words = words[:cut] if cut > 0 else ""
    first, _, product = name.rpartition(".")
    return first if product in PRODUCTS and first else name


@lru_cache(4096)
def of_model(model: str) -> str | None:
    """Who serves a model of that name, where the name tells: ``gpt-4o``, ``anthropic/claude-sonnet-4.5``."""
    model = model.strip().lower()
    vendor, slash, _ = model.partition("/")
    if slash and (known := ALIASES.get(vendor.replace("-", "_"))):
        return known
    return next((provider for prefixes, provider in MODEL_PREFIXES if model.startswith(prefixes)), None)


@lru_cache(1024)
def of_host(host: str) -> str | None:
    """Who answers at a server address; only whole labels count (``notopenai.com`` is nobody's)."""
    host = "." + host.strip().lower().rstrip(".")
    return next((provider for suffix, provider in HOSTS if host.endswith("." + suffix)), None)
