"""The reference article's tables as data: prices in US dollars a minute of interview, each with its section.

The article is part 11 of a series on voice interviews, on what their stacks cost ("as of Q1 2026"). Its figures are
somebody's, not measurements of ours; evaluator.planning.claims holds its text against them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

ARTICLE = "the reference article (voice interviews, part 11: cost)"
CURRENCY = "USD"
INTERVIEW_MINUTES = 25  # the article's own interview, where it does not say 30
MINUTES_PER_MONTH_MAX = 1_000_000_000


def money(text: str) -> Decimal:
    """An amount as the article prints it; text, so that no binary fraction comes in."""
    return Decimal(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """From low to high, both included; a single figure has both the same."""

    low: Decimal
    high: Decimal

    @classmethod
    def of(cls, low: str, high: str | None = None) -> "Range":
        """The range between two printed figures."""
        return cls(low=Decimal(low), high=Decimal(high if high is not None else low))


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """One line of a tier's table."""

    key: str
    title: str
    provider: str
    per_minute: Decimal
    printed_percent: int  # the last column: a share of the total (managed), or the change against managed


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """One of the article's three stacks."""

    key: str
    title: str
    section: str
    minutes_from: int  # a month, where the article places it
    minutes_to: int | None
    components: tuple[Component, ...]
    printed_total: Decimal
    printed_percent: int

    def price(self, key: str) -> Decimal:
        """What that component costs a minute; KeyError for another name."""
        return {component.key: component.per_minute for component in self.components}[key]

    @property
    def per_minute(self) -> Decimal:
        """The sum of its components."""
        return sum((component.per_minute for component in self.components), start=Decimal(0))


def _tier_components(*rows: tuple[str, str, str, str, int]) -> tuple[Component, ...]:
    return tuple(
        Component(key=key, title=title, provider=provider, per_minute=Decimal(price), printed_percent=percent)
        for key, title, provider, price, percent in rows
    )


MANAGED = Tier(
    key="managed",
    title="Managed",
    section="Managed Stack Cost Breakdown",
    minutes_from=0,
    minutes_to=10_000,
    components=_tier_components(
        ("voice", "Voice AI (STT+LLM+TTS)", "OpenAI Realtime", "0.06", 43),
        ("transport", "Media transport", "LiveKit Cloud", "0.04", 29),
        ("recording", "Recording storage", "S3 + CloudFront", "0.004", 3),
        ("workers", "Agent workers", "ECS Fargate", "0.012", 9),
        ("redis", "Redis (session state)", "ElastiCache", "0.003", 2),
        ("database", "Database", "RDS PostgreSQL", "0.002", 2),
        ("evaluation", "Async evaluation", "Lambda + GPT-4o mini", "0.018", 13),
    ),
    printed_total=Decimal("0.139"),
    printed_percent=100,
)

HYBRID = Tier(
    key="hybrid",
    title="Hybrid",
    section="Tipping Point 2",
    minutes_from=10_000,
    minutes_to=50_000,
    components=_tier_components(
        ("voice", "Voice AI (STT+LLM+TTS)", "Grok Voice Agent", "0.050", -17),
        ("transport", "Media transport", "Self-hosted LiveKit", "0.008", -80),
        ("recording", "Recording storage", "S3 + CloudFront", "0.004", 0),
        ("workers", "Agent workers", "ECS Fargate", "0.012", 0),
        ("redis", "Redis (session state)", "ElastiCache", "0.003", 0),
        ("database", "Database", "RDS PostgreSQL", "0.002", 0),
        ("evaluation", "Async evaluation", "Llama 3.1 on spot", "0.006", -67),
    ),
    printed_total=Decimal("0.085"),
    printed_percent=-39,
)

FULL = Tier(
    key="full",
    title="Full",
    section="Tipping Point 3",
    minutes_from=50_000,
    minutes_to=None,
    components=_tier_components(
        ("voice", "Voice AI (STT+LLM+TTS)", "Grok / Gemini Live", "0.020", -67),
        ("transport", "Media transport", "Self-hosted LiveKit", "0.008", -80),
        ("recording", "Recording storage", "S3 Intelligent-Tier", "0.003", -25),
        ("workers", "Agent workers", "EKS spot + on-demand", "0.006", -50),
        ("redis", "Redis (session state)", "Self-managed Redis", "0.002", -33),
        ("database", "Database", "Aurora Serverless v2", "0.001", -50),
        ("evaluation", "Async evaluation", "Llama on spot batch", "0.004", -78),
    ),
    printed_total=Decimal("0.044"),
    printed_percent=-68,
)

TIERS = (MANAGED, HYBRID, FULL)
COMPONENTS: Mapping[str, str] = {component.key: component.title for component in MANAGED.components}


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """A row of one of the article's comparison tables."""

    name: str
    per_minute: Range
    billing: str
    quality: str
    latency_ms: tuple[int, int] | None  # None where the article gives no range


def _priced(name: str, low: str, high: str, billing: str, quality: str, latency: tuple[int, int] | None) -> Provider:
    return Provider(name=name, per_minute=Range.of(low, high), billing=billing, quality=quality, latency_ms=latency)


VOICE_SECTION = "Provider Cost Comparison"
VOICE = (
    _priced("OpenAI Realtime", "0.04", "0.08", "audio tokens in and out", "native function calling", (300, 600)),
    _priced("Grok Voice Agent", "0.05", "0.05", "flat per minute", "OpenAI-compatible", None),
    _priced("Gemini Live", "0.03", "0.06", "audio and video tokens", "multimodal", (320, 800)),
    _priced("Bedrock Nova Sonic", "0.04", "0.07", "audio tokens", "AWS-native", None),
    _priced("Whisper + Llama + Coqui", "0.01", "0.02", "infrastructure", "high effort", (200, 800)),
)
STT_SECTION = "STT Cost Optimization"
STT = (
    _priced("Deepgram Nova 3", "0.0043", "0.0043", "managed", "excellent", (150, 300)),
    _priced("Whisper API (OpenAI)", "0.006", "0.006", "managed", "excellent", (400, 800)),
    _priced("Google STT v2", "0.016", "0.016", "managed", "good", (200, 400)),
    _priced("AssemblyAI Nano", "0.003", "0.003", "managed", "good", (200, 500)),
    _priced("Whisper.cpp", "0.001", "0.001", "own GPU", "excellent", (100, 300)),
)
TTS_SECTION = "TTS Cost Optimization"
TTS = (
    _priced("ElevenLabs Turbo v2", "0.006", "0.012", "managed", "best in class", (200, 400)),
    _priced("Cartesia Sonic", "0.005", "0.005", "managed", "excellent", (90, 200)),
    _priced("OpenAI TTS", "0.015", "0.030", "managed", "very good", (300, 600)),
    _priced("Google TTS", "0.004", "0.008", "managed", "good", (200, 500)),
    _priced("Coqui XTTS v2", "0.001", "0.001", "own GPU", "good", (200, 500)),
    _priced("Piper", "0.0001", "0.0001", "own CPU", "acceptable", (50, 150)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MatrixRow:
    """A row of the decision matrix; its volumes overlap at their ends, as printed."""

    minutes_from: int  # a month
    minutes_to: int | None
    stack: str
    per_interview: Decimal
    effort: str

    def holds(self, minutes: int) -> bool:
        """Whether the volume lies in it; an end that two rows share lies in the higher one."""
        return self.minutes_from <= minutes and (self.minutes_to is None or minutes < self.minutes_to)


MATRIX_SECTION = "The Build vs. Buy Decision Matrix"
MATRIX = (
    MatrixRow(
        minutes_from=0,
        minutes_to=5_000,
        stack="fully managed (LiveKit Cloud + Grok + ECS)",
        per_interview=Decimal("3.00"),
        effort="minimal",
    ),
    MatrixRow(
        minutes_from=5_000,
        minutes_to=20_000,
        stack="hybrid: self-hosted LiveKit + Grok + ECS",
        per_interview=Decimal("2.00"),
        effort="2 to 3 weeks",
    ),
    MatrixRow(
        minutes_from=20_000,
        minutes_to=100_000,
        stack="hybrid + spot evaluation + context optimization",
        per_interview=Decimal("1.50"),
        effort="4 to 6 weeks",
    ),
    MatrixRow(
        minutes_from=100_000,
        minutes_to=500_000,
        stack="self-hosted SFU + Grok + model tiering + caching",
        per_interview=Decimal("1.00"),
        effort="2 to 3 months",
    ),
    MatrixRow(
        minutes_from=500_000,
        minutes_to=None,
        stack="full optimization with self-hosted STT and TTS",
        per_interview=Decimal("0.70"),
        effort="4 to 6 months, then ongoing",
    ),
)

# What the text gives beside the tables; each is used by evaluator.planning.claims.
ENGINEERING_COST = Range.of("15000", "30000")  # "Tipping Point 1": self-hosted alternatives, once
MAINTENANCE_WEEKS_PER_MONTH = Range.of("0.25", "0.5")  # "Decision Matrix"; the article puts no price on a week
SPOT_PER_HOUR, ON_DEMAND_PER_HOUR = Decimal("0.36"), Decimal("1.01")  # "Batch Evaluation": a g5.xlarge
GPU_PER_HOUR, GPU_STREAMS = Decimal("1.00"), 100  # "STT Cost Optimization": a g5.xlarge with Whisper.cpp
CONTEXT_TOKENS = (20_000, 40_000)  # "LLM Cost Optimization": history of a 45-minute interview
CONTEXT_PER_CALL = Range.of("0.12", "0.24")
SUMMARY_CALL = Decimal("0.001")
CONTEXT_CUT = Range.of("0.60", "0.70")
MINI_SHARE, ROUTING_CUT = Decimal("0.60"), Decimal("0.35")
SCRIPTED_SHARE = Range.of("0.15", "0.20")  # "Caching Strategies": of speech by duration


def tier_for(minutes: int) -> Tier:
    """The stack that the article's tipping points place at that volume a month."""
    return next(tier for tier in reversed(TIERS) if minutes >= tier.minutes_from)


def matrix_row_for(minutes: int) -> MatrixRow:
    """The row of the decision matrix that holds that volume a month."""
    return next(row for row in MATRIX if row.holds(minutes))
