"""Who appears in the demo: models, applications, agents, users and what conversations are about.

Token sizes are per call, ``(least, most)``. The models are real ones with public prices, but for one that a company
hosts itself and nobody has a price for.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Convention(Enum):
    """How an application's instrumentation library describes an LLM call."""

    OTEL = "OpenTelemetry GenAI"
    OTEL_DEPRECATED = "OpenTelemetry GenAI before 1.28"
    OPENINFERENCE = "OpenInference"
    TRACELOOP = "Traceloop"
    PYDANTIC_AI = "Pydantic AI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """``served`` is what the provider says it used, where that differs from ``name``, which was asked for."""

    provider: str
    name: str
    served: str = ""
    tokens_per_second: float = 80.0
    caches: bool = False
    reasons: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One service: its own SDK, resource and exporter. ``traces_http``: it also instruments its HTTP client."""

    service: str
    convention: Convention
    environment: str = "production"
    grpc: bool = False
    gzip: bool = False
    traces_http: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A program that runs by itself. ``hours`` are UTC; ``rate`` is its negotiated USD per million tokens, in and out,
    which its library reports on the span."""

    name: str
    app: App
    model: Model
    hours: tuple[int, ...]
    weekday_runs: int
    weekend_runs: int = 0
    steps: tuple[int, int] = (1, 1)
    context: tuple[int, int]
    output: tuple[int, int]
    rate: tuple[Decimal, Decimal] | None = None


SONNET = Model(provider="anthropic", name="claude-sonnet-5-5", caches=True)
SONNET_46 = Model(provider="anthropic", name="claude-sonnet-4-6", tokens_per_second=70, caches=True)
HAIKU = Model(provider="anthropic", name="claude-haiku-4-5-20251001", tokens_per_second=140, caches=True)
OPUS = Model(provider="anthropic", name="claude-opus-4-8", tokens_per_second=55, caches=True)
GPT = Model(provider="openai", name="gpt-5.4", served="gpt-5.4-2026-03-05", reasons=True)
GPT_PRO = Model(
    provider="openai", name="gpt-5.5-pro", served="gpt-5.5-pro-2026-04-23", tokens_per_second=30, reasons=True
)
GPT_MINI = Model(
    provider="openai", name="gpt-5-mini", served="gpt-5-mini-2025-08-07", tokens_per_second=120, reasons=True
)
EMBEDDING = Model(provider="openai", name="text-embedding-3-small", tokens_per_second=50_000)
GEMINI_PRO = Model(provider="google", name="gemini-2.5-pro", reasons=True)
GEMINI_FLASH = Model(provider="google", name="gemini-2.5-flash", tokens_per_second=180)
MISTRAL = Model(provider="mistral", name="mistral-medium-3-5", served="mistral-medium-2604")
HOUSE_MODEL = Model(provider="self-hosted", name="house-extract-32b", tokens_per_second=45)

MODELS = (
    SONNET,
    SONNET_46,
    HAIKU,
    OPUS,
    GPT,
    GPT_PRO,
    GPT_MINI,
    EMBEDDING,
    GEMINI_PRO,
    GEMINI_FLASH,
    MISTRAL,
    HOUSE_MODEL,
)

HELPDESK = App(service="helpdesk-chat", convention=Convention.OTEL, gzip=True)
MEMORY = App(service="memory-worker", convention=Convention.OTEL_DEPRECATED, grpc=True)
OPERATIONS = App(service="operations-agents", convention=Convention.OTEL, traces_http=True)
ENGINEERING = App(service="engineering-agents", convention=Convention.OPENINFERENCE, grpc=True, traces_http=True)
MAIL = App(service="mail-agents", convention=Convention.TRACELOOP)
BACK_OFFICE = App(service="back-office", convention=Convention.PYDANTIC_AI)
STAGING = App(service="engineering-agents", convention=Convention.OPENINFERENCE, environment="staging", gzip=True)

APPS = (HELPDESK, MEMORY, OPERATIONS, ENGINEERING, MAIL, BACK_OFFICE, STAGING)

MARKET_SCAN = Agent(
    name="Market scan",
    app=OPERATIONS,
    model=GPT,
    hours=(5,),
    weekday_runs=1,
    steps=(4, 7),
    context=(6_000, 14_000),
    output=(600, 1_800),
)

AGENTS = (
    MARKET_SCAN,
    Agent(
        name="Nightly report",
        app=OPERATIONS,
        model=SONNET,
        hours=(2,),
        weekday_runs=1,
        weekend_runs=1,
        steps=(8, 14),
        context=(24_000, 48_000),
        output=(900, 2_400),
    ),
    Agent(
        name="Stand-up digest",
        app=OPERATIONS,
        model=HAIKU,
        hours=(7,),
        weekday_runs=5,
        steps=(1, 2),
        context=(5_000, 9_000),
        output=(250, 500),
    ),
    Agent(
        name="Incident summary",
        app=OPERATIONS,
        model=SONNET,
        hours=tuple(range(24)),
        weekday_runs=2,
        weekend_runs=1,
        steps=(2, 5),
        context=(9_000, 22_000),
        output=(300, 900),
    ),
    Agent(
        name="PR reviewer",
        app=ENGINEERING,
        model=OPUS,
        hours=(8, 9, 9, 10, 11, 12, 13, 13, 14, 14, 15, 16, 17),
        weekday_runs=12,
        weekend_runs=1,
        steps=(2, 5),
        context=(7_000, 30_000),
        output=(350, 1_400),
    ),
    Agent(
        name="Release notes",
        app=ENGINEERING,
        model=SONNET,
        hours=(13, 15),
        weekday_runs=1,
        steps=(2, 4),
        context=(12_000, 25_000),
        output=(500, 1_200),
    ),
    Agent(
        name="Test writer",
        app=STAGING,
        model=GPT,
        hours=(9, 10, 11, 14, 15, 16),
        weekday_runs=4,
        steps=(2, 5),
        context=(5_000, 16_000),
        output=(500, 1_400),
    ),
    Agent(
        name="Inbox triage",
        app=MAIL,
        model=GPT_MINI,
        hours=tuple(range(5, 21)),
        weekday_runs=38,
        weekend_runs=12,
        steps=(1, 2),
        context=(900, 2_600),
        output=(120, 420),
    ),
    Agent(
        name="Lead scorer",
        app=MAIL,
        model=GPT_MINI,
        hours=(6, 12, 18),
        weekday_runs=9,
        weekend_runs=2,
        context=(1_400, 3_200),
        output=(90, 260),
    ),
    Agent(
        name="Contract check",
        app=BACK_OFFICE,
        model=GEMINI_PRO,
        hours=(8, 10, 13, 15),
        weekday_runs=4,
        steps=(1, 3),
        context=(30_000, 110_000),
        output=(900, 2_600),
    ),
    Agent(
        name="Expense audit",
        app=BACK_OFFICE,
        model=GEMINI_FLASH,
        hours=(22,),
        weekday_runs=10,
        context=(3_000, 7_000),
        output=(150, 400),
        rate=(Decimal("0.24"), Decimal("2.00")),
    ),
    Agent(
        name="Translation desk",
        app=BACK_OFFICE,
        model=MISTRAL,
        hours=(9, 11, 14, 16),
        weekday_runs=9,
        weekend_runs=1,
        context=(1_800, 4_500),
        output=(1_200, 3_800),
    ),
    Agent(
        name="Data cleaner",
        app=BACK_OFFICE,
        model=HOUSE_MODEL,
        hours=(0, 1, 3, 4, 23),
        weekday_runs=12,
        weekend_runs=12,
        context=(2_000, 6_000),
        output=(400, 1_100),
    ),
)

MEMORY_NAME = "Memory extraction"

CHANNELS = ("web", "web", "web", "web", "slack", "slack", "api")
"""Where conversations come from; one that is named more often is used more often."""

_NAMES = (
    "ada.k aiko.l amara.m anders.n beatriz.o bram.p chiara.r chen.s dalia.t dev.w elif.k emeka.b farah.d felix.g "
    "gita.j hana.h henrik.l ines.m ivan.n jana.o joao.p kaya.r kofi.s lena.t liam.w mei.k mila.b nadia.d nils.g "
    "olga.j omar.h paula.l priya.m ravi.n rosa.o sana.p sofia.r tariq.s vera.t yuki.w"
)
USERS = tuple(_NAMES.split())

ISSUES = (
    "Refund for",
    "Cannot find",
    "Changing",
    "Question about",
    "Error with",
    "How to export",
    "Missing",
    "Upgrade of",
    "Cancelling",
)
SUBJECTS = (
    "the March invoice",
    "a duplicate order",
    "two-factor login",
    "the team plan",
    "the delivery address",
    "the CSV import",
    "single sign-on",
    "an API key",
    "the annual discount",
    "shared dashboards",
    "the mobile app",
    "webhook retries",
)
TITLES = (
    *(f"{issue} {subject}" for issue in ISSUES for subject in SUBJECTS),
    "Rückfrage zur Rechnung",
    "Où est ma commande ?",
    "請求書の再発行について",
    "¿Cómo cambio mi plan?",
)
