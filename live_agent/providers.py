"""Who hears and speaks for the agent: what each provider can do, needs and costs, and how a session is built over it.

The interview's logic is the same for all. A cascade (recognition, our words, a voice) speaks word for word what the
interview says; a speech-to-speech model is told to, and what it really said is what is kept.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.util import find_spec
from typing import Any, Literal

from evaluator.errors import UsageFault
from evaluator.values import Frozen

GROK_URL = "https://api.x.ai/v1"

Name = Literal["openai-realtime", "grok", "gemini-live", "nova-sonic", "cascade"]
Tried = Literal["constructed", "not tried"]


class Description(Frozen):
    """One provider: what it is and what must be there before a call."""

    name: Name
    kind: Literal["speech_to_speech", "cascade"]
    extras: tuple[str, ...]  # of this package
    keys: tuple[str, ...]  # variables of the environment; their values are never shown
    prices: tuple[Decimal, Decimal] | None  # money per minute, from and to; of the source below, never a claim
    source: str
    tried: Tried  # how far this was tried by our tests; nothing was ever called

    @property
    def modules(self) -> tuple[str, ...]:
        """What the extras install."""
        plugins = (f"livekit.plugins.{extra.removeprefix('agent-')}" for extra in self.extras if extra != "agent")
        return ("livekit.agents", *plugins)

    @property
    def verbatim(self) -> bool:
        """Says a script word for word, always."""
        return self.kind == "cascade"

    @property
    def confidence(self) -> bool:
        """Tells how sure it is of what it heard."""
        return self.kind == "cascade"


_ARTICLE = "the cost article of this project's reference, first quarter of 2026, US dollars"

PROVIDERS: Mapping[Name, Description] = {
    one.name: one
    for one in (
        Description(
            name="openai-realtime",
            kind="speech_to_speech",
            extras=("agent", "agent-openai"),
            keys=("OPENAI_API_KEY",),
            prices=(Decimal("0.04"), Decimal("0.08")),
            source=_ARTICLE,
            tried="constructed",
        ),
        Description(
            name="grok",
            kind="speech_to_speech",
            extras=("agent", "agent-openai"),
            keys=("XAI_API_KEY",),
            prices=(Decimal("0.05"), Decimal("0.05")),
            source=_ARTICLE,
            tried="constructed",
        ),
        Description(
            name="gemini-live",
            kind="speech_to_speech",
            extras=("agent", "agent-google"),
            keys=("GOOGLE_API_KEY",),
            prices=(Decimal("0.03"), Decimal("0.06")),
            source=_ARTICLE,
            tried="not tried",
        ),
        Description(
            name="nova-sonic",
            kind="speech_to_speech",
            extras=("agent", "agent-aws"),
            keys=("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
            prices=(Decimal("0.04"), Decimal("0.07")),
            source=_ARTICLE,
            tried="not tried",
        ),
        Description(
            name="cascade",
            kind="cascade",
            extras=("agent", "agent-deepgram", "agent-cartesia"),
            keys=("DEEPGRAM_API_KEY", "CARTESIA_API_KEY"),
            prices=None,
            source="recognition and voice are billed apart; see the price lists of both",
            tried="constructed",
        ),
    )
}


class Choice(Frozen):
    """A provider with what may be chosen of it; an empty field is the provider's own default."""

    provider: Name = "cascade"
    model: str = ""
    voice: str = ""
    url: str = ""  # another endpoint that speaks the same protocol
    language: str = "en"


def described(name: str) -> Description:
    """The provider of that name; UsageFault names all there are."""
    for known, description in PROVIDERS.items():
        if known == name:
            return description
    raise UsageFault(f"there is no provider {name!r}; there are {', '.join(PROVIDERS)}")


def lacking(
    description: Description, environment: Mapping[str, str], there: Callable[[str], bool] | None = None
) -> list[str]:
    """What must be installed or set before a call, in words; nothing when it can be made."""
    there = there or _installed
    missing = [module for module in description.modules if not there(module)]
    faults = [f"install debrief[{','.join(description.extras)}]"] if missing else []
    return faults + [f"set {key}" for key in description.keys if not environment.get(key)]


def parts(choice: Choice, environment: Mapping[str, str]) -> dict[str, Any]:
    """What `live_agent.agent.session_of` takes; UsageFault names everything that is missing, at once.

    Nothing is called: a wrong key shows with the first call.
    """
    description = described(choice.provider)
    if missing := lacking(description, environment):
        raise UsageFault(f"provider {choice.provider}: {'; '.join(missing)}")
    keys = {name: environment[name] for name in description.keys}
    return _BUILDERS[choice.provider](choice, keys)


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _given(**values: str) -> dict[str, Any]:
    """Without the empty ones, for which the provider has defaults."""
    return {name: value for name, value in values.items() if value}


def _openai(choice: Choice, keys: Mapping[str, str]) -> dict[str, Any]:
    from livekit.plugins import openai

    given = _given(model=choice.model, voice=choice.voice, base_url=choice.url)
    # The session tells when a turn is over, so that the model answers only what it is told to.
    return {"llm": openai.realtime.RealtimeModel(api_key=keys["OPENAI_API_KEY"], turn_detection=None, **given)}


def _grok(choice: Choice, keys: Mapping[str, str]) -> dict[str, Any]:
    from livekit.plugins import openai

    given = _given(model=choice.model, voice=choice.voice) | {"base_url": choice.url or GROK_URL}
    return {"llm": openai.realtime.RealtimeModel(api_key=keys["XAI_API_KEY"], turn_detection=None, **given)}


def _gemini(choice: Choice, keys: Mapping[str, str]) -> dict[str, Any]:
    from livekit.plugins.google import realtime

    given = _given(model=choice.model, voice=choice.voice, language=choice.language)
    return {"llm": realtime.RealtimeModel(api_key=keys["GOOGLE_API_KEY"], **given)}


def _nova(choice: Choice, keys: Mapping[str, str]) -> dict[str, Any]:
    from livekit.plugins.aws import realtime

    return {"llm": realtime.RealtimeModel(region=keys["AWS_REGION"], **_given(voice=choice.voice))}


def _cascade(choice: Choice, keys: Mapping[str, str]) -> dict[str, Any]:
    from livekit.plugins import cartesia, deepgram

    voice = _given(voice=choice.voice, model=choice.model)
    return {
        "stt": deepgram.STT(api_key=keys["DEEPGRAM_API_KEY"], language=choice.language),
        "tts": cartesia.TTS(api_key=keys["CARTESIA_API_KEY"], language=choice.language, **voice),
    }


_BUILDERS: Mapping[Name, Callable[[Choice, Mapping[str, str]], dict[str, Any]]] = {
    "openai-realtime": _openai,
    "grok": _grok,
    "gemini-live": _gemini,
    "nova-sonic": _nova,
    "cascade": _cascade,
}
