"""What the reference article's text says in figures: each statement in our words, with its section and its numbers."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement; `printed` holds its figures in the order in which `says` names them."""

    key: str
    where: str  # the article's section
    says: str
    printed: tuple[Decimal, ...]


def _said(key: str, where: str, says: str, *printed: str) -> Statement:
    return Statement(key=key, where=where, says=says, printed=tuple(Decimal(figure) for figure in printed))


_START, _ANATOMY = "introduction", "The Per-Minute Cost Anatomy"
_ONE, _TWO, _THREE = "Tipping Point 1", "Tipping Point 2", "Tipping Point 3"
_VOICE, _STT, _TTS = "Provider Cost Comparison", "STT Cost Optimization", "TTS Cost Optimization"
_LLM, _CACHE, _BATCH = "LLM Cost Optimization", "Caching Strategies", "Batch Evaluation on Spot Instances"
_MATRIX, _GROK, _END = "Decision Matrix", "When Grok Is the Right Full-Stack Answer", "The Number That Matters"

STATEMENTS = (
    _said(
        "opening",
        _START,
        "$0.14 a minute is $4.20 for 30 minutes, $42,000 for 10,000 interviews",
        "0.14",
        "4.20",
        "42000",
    ),
    _said("thirty_minutes", _START, "30 minutes can cost under $1.00", "1.00"),
    _said("managed_total", _ANATOMY, "the managed components add up to $0.139 a minute", "0.139"),
    _said("managed_percent", _ANATOMY, "the percent column: 43, 29, 3, 9, 2, 2, 13; together 100", "100"),
    _said("managed_interview", _ANATOMY, "25 minutes managed cost $3.47", "3.47"),
    _said("drivers", _ANATOMY, "voice, transport and evaluation are 85 % of the cost", "85"),
    _said("interviews", _ONE, "10,000 minutes are about 400 interviews of 30 minutes", "400"),
    _said("small_company", _ONE, "10,000 minutes are a company with 15 to 20 interviews a week", "15", "20"),
    _said("voice_spend", _ONE, "10,000 minutes are about $1,400 of voice AI a month", "1400"),
    _said(
        "payback_small",
        _ONE,
        "at 10,000 minutes, $15,000 to 30,000 come back after 12 to 24 months",
        "15000",
        "30000",
        "12",
        "24",
    ),
    _said("hybrid_80", _TWO, "80 % savings are available (heading)", "80"),
    _said("payback_hybrid", _TWO, "from 10,000 to 50,000 minutes, it pays within 2 to 3 months", "2", "3"),
    _said("hybrid_rows", _TWO, "the savings column: -17, -80, 0, 0, 0, 0, -67 %"),
    _said("hybrid_total", _TWO, "hybrid costs $0.085 a minute, 39 % less", "0.085", "-39"),
    _said("hybrid_interview", _TWO, "25 minutes hybrid cost $2.13", "2.13"),
    _said("two_changes", _TWO, "the 39 % come from two changes to the infrastructure", "39"),
    _said("saved_month", _TWO, "30,000 minutes hybrid save $1,620 a month", "1620"),
    _said("six_weeks", _TWO, "at 30,000 minutes, hybrid pays back in about 6 weeks", "6"),
    _said("full_78", _THREE, "78 % total savings are possible (heading)", "78"),
    _said("three_cents", _THREE, "full optimization costs under $0.03 a minute (so does the series' outline)", "0.03"),
    _said("full_rows", _THREE, "the column against the baseline: -67, -80, -25, -50, -33, -50, -78 %"),
    _said("full_total", _THREE, "fully optimized costs $0.044 a minute, 68 % less", "0.044", "-68"),
    _said("full_interview", _THREE, "25 minutes fully optimized cost $1.10", "1.10"),
    _said("voice_core", _THREE, "Grok or Gemini Live cost $0.020 a minute with a shorter context", "0.020"),
    _said("own_stt", _THREE, "self-hosted STT replaces $0.01 to 0.02 a minute", "0.01", "0.02"),
    _said("spot_discount", _THREE, "spot is 70 % off the compute of evaluation", "70"),
    _said("ninety_cents", _THREE, "caching and pre-generated speech push 25 minutes below $0.90", "0.90"),
    _said("largest_lever", _VOICE, "the voice provider is the largest single lever on cost"),
    _said("grok_thirty", _VOICE, "Grok's $0.05 a minute are exactly $1.50 for 30 minutes", "0.05", "1.50"),
    _said("own_pipeline", _VOICE, "a whole pipeline of one's own does not pay below 500,000 minutes", "500000"),
    _said("own_stt_minute", _STT, "a GPU at $1.00 an hour with 100 streams is under $0.001 a minute", "0.001"),
    _said("own_stt_month", _STT, "100,000 minutes: $200 self-hosted, $430 at Deepgram", "200", "430"),
    _said("own_stt_year", _STT, "that is a difference of $2,760 a year", "2760"),
    _said("transitions", _TTS, "scripted transitions alone take 20 to 30 % off TTS", "20", "30"),
    _said("context_call", _LLM, "20,000 to 40,000 tokens of history cost $0.12 to 0.24 a call", "0.12", "0.24"),
    _said("routing", _LLM, "60 % of calls on the small model cost about 35 % less in all", "60", "35"),
    _said("scripted", _CACHE, "15 to 20 % of Cartesia's speech are $0.001 an interview", "0.001"),
    _said("evaluation_70", _BATCH, "spot costs about 70 % less than GPT-4o mini for evaluation", "70"),
    _said("spot_minute", _BATCH, "Llama on a g5.xlarge at $0.36 an hour (tables: $0.006 a minute)", "0.006"),
    _said("seventy_billion", _BATCH, "Llama 3.1 70B runs on a g5.xlarge (24 GB)", "24"),
    _said("matrix_managed", _MATRIX, "below 5,000 minutes: managed with Grok, ~$3.00 an interview", "3.00"),
    _said("matrix_hybrid", _MATRIX, "5,000 to 20,000: own LiveKit, Grok, ECS, ~$2.00", "2.00"),
    _said("matrix_spot", _MATRIX, "20,000 to 100,000: and spot evaluation, shorter context, ~$1.50", "1.50"),
    _said("matrix_tiering", _MATRIX, "100,000 to 500,000: own SFU, Grok, tiering, caching, ~$1.00", "1.00"),
    _said("matrix_full", _MATRIX, "above 500,000: all of it, with own STT and TTS, ~$0.70", "0.70"),
    _said("thresholds", _MATRIX, "managed until 5,000 minutes, everything self-hosted from 500,000", "5000", "500000"),
    _said("grok_switch", _GROK, "50,000 minutes: OpenAI $3,000, Grok $2,500, $500 less", "3000", "2500", "500"),
    _said("eight_thousand", _GROK, "with own LiveKit as well, $8,000 a month become $3,500", "8000", "3500"),
    _said("summary", _END, "$2.13, $1.10, $0.88 are 39, 68 and 75 % below $3.47", "39", "68", "75"),
    _said("very_large", _END, "fully self-hosted, an interview costs $0.88", "0.88"),
    _said("payback", _END, "each tier pays back within 2 to 6 months at its volumes", "2", "6"),
)
