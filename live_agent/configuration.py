"""The live agent's configuration: what the settings and their two files say, with everything that is wrong at once.

The files hold no secrets: a key stands there as the name of the variable of the environment that holds it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from evaluator.errors import UsageFault
from evaluator.settings import Settings
from evaluator.values import Frozen, Id
from live_agent.phrases import PARTS
from live_agent.providers import PROVIDERS, Choice, described, lacking
from live_agent.routing import DEFAULTS, Provider, Routing
from live_agent.speech.compatible import CompatibleSpeech
from live_agent.speech.espeak import PROVIDER as LOCAL_PROVIDER
from live_agent.speech.espeak import Espeak
from live_agent.speech.voices import LOCAL, Engine, Tiers, one_voice
from rubrics.document import BYTES_MAX, Document, Tree, read_document
from rubrics.document import Path as NodePath
from rubrics.faults import Fault, RubricError, in_file_order

KEY_VARIABLE = "key_variable"

Model = TypeVar("Model", bound=BaseModel)


class Voices(Frozen):
    """Who speaks phrases beforehand, and where those live who are not on this machine."""

    tiers: Tiers
    engines: Mapping[Id, Provider] = {}

    def engine(self, provider: str) -> Engine:
        """The engine of that name; UsageFault for one that is not configured."""
        if provider == LOCAL_PROVIDER:
            return Espeak()
        if provider not in self.engines:
            raise UsageFault(f"there is no engine {provider!r} for a voice; name its url under `engines`")
        found = self.engines[provider]
        return CompatibleSpeech(found.url, api_key=found.key.get_secret_value() if found.key else None)


LOCAL_VOICES = Voices(tiers=one_voice(LOCAL))


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """All that a worker needs beside the services."""

    livekit_url: str
    livekit_api_key: SecretStr
    livekit_api_secret: SecretStr
    choice: Choice
    routing: Routing | None  # None: the script alone
    voices: Voices | None  # None: nothing is played that was spoken beforehand


def agent_of(settings: Settings, environment: Mapping[str, str]) -> Agent:
    """The worker's configuration; UsageFault names all that is missing or wrong, one a line."""
    faults = _missing(settings) + _provider_faults(settings, environment) + _store_faults(settings)
    routing, voices = None, None
    try:
        routing = models_of(settings, environment)
    except UsageFault as fault:
        faults.append(str(fault))
    try:
        voices = read_voices(settings.agent_voices, environment) if settings.agent_voices else None
    except UsageFault as fault:
        faults.append(str(fault))
    if faults or not (settings.livekit_url and settings.livekit_api_key and settings.livekit_api_secret):
        raise UsageFault("\n".join(["the live agent cannot start:", *faults]))
    return Agent(
        livekit_url=settings.livekit_url,
        livekit_api_key=settings.livekit_api_key,
        livekit_api_secret=settings.livekit_api_secret,
        choice=_choice(settings),
        routing=routing,
        voices=voices,
    )


def models_of(settings: Settings, environment: Mapping[str, str]) -> Routing | None:
    """What DEBRIEF_AGENT_MODELS says; None where it is unset. UsageFault with all faults of the file."""
    if settings.agent_models is None:
        return None
    faults = [] if settings.tokenizer else ["set DEBRIEF_TOKENIZER: what a model is told is measured in its tokens"]
    try:
        routing = read_routing(settings.agent_models, environment)
    except UsageFault as fault:
        raise UsageFault("\n".join([*faults, str(fault)])) from None
    if faults:
        raise UsageFault(faults[0])
    return routing


def voices_of(settings: Settings, environment: Mapping[str, str]) -> Voices:
    """What DEBRIEF_AGENT_VOICES says; without it the voice of this machine. UsageFault with all faults."""
    return read_voices(settings.agent_voices, environment) if settings.agent_voices else LOCAL_VOICES


def read_routing(path: Path, environment: Mapping[str, str]) -> Routing:
    """The models of a file; UsageFault with every fault and its line.

    Limits that a task leaves out are the usual ones of its type.
    """
    document = _document(path)
    tree = _fields(document.tree())
    faults = _with_keys(document, tree, "providers", environment)
    for name, task in _fields(tree.get("tasks")).items():
        if isinstance(task, dict):
            tree["tasks"][name] = {**DEFAULTS.get(name, {}), **task}
    return _parsed(Routing, tree, document, faults)


def read_voices(path: Path, environment: Mapping[str, str]) -> Voices:
    """The voices of a file; UsageFault with every fault and its line."""
    document = _document(path)
    tree = _fields(document.tree())
    faults = _with_keys(document, tree, "engines", environment)
    engines = {LOCAL_PROVIDER, *_fields(tree.get("engines"))}
    for part in PARTS:
        voice = _fields(tree.get(part))
        if voice and voice.get("provider") not in engines:
            known = ", ".join(map(str, sorted(engines, key=str)))
            faults.append(document.fault((part, "provider"), f"`{part}`: no such engine; there are {known}"))
        if voice.get("format", "wav") != "wav":
            faults.append(document.fault((part, "format"), f"`{part}`: phrases are played from wav only"))
    tiers = {name: tree.pop(name) for name in list(tree) if name != "engines"}
    return _parsed(Voices, {**tree, "tiers": tiers}, document, faults)


def _missing(settings: Settings) -> list[str]:
    names = ("livekit_url", "livekit_api_key", "livekit_api_secret")
    return [f"set DEBRIEF_{name.upper()}" for name in names if not getattr(settings, name)]


def _choice(settings: Settings) -> Choice:
    return Choice.model_validate(
        {
            "provider": settings.agent_provider,
            "model": settings.agent_model,
            "voice": settings.agent_voice,
            "url": settings.agent_url,
        }
    )


def _provider_faults(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    name = settings.agent_provider
    if name not in PROVIDERS:
        return [f"DEBRIEF_AGENT_PROVIDER: there is no provider {name!r}; there are {', '.join(PROVIDERS)}"]
    return [f"provider {name}: {fault}" for fault in lacking(described(name), environment)]


def _store_faults(settings: Settings) -> list[str]:
    from live_agent.egress import check_store

    try:
        check_store(settings.store_url or "")
    except UsageFault as fault:
        return [f"DEBRIEF_STORE_URL: {fault}"]
    return []


def _document(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its name cannot be one"
        raise UsageFault(f"{path} cannot be read: {reason}") from None
    if len(data) > BYTES_MAX:
        raise UsageFault(f"{path} has more than {BYTES_MAX // 1024} KiB; is this the right file?")
    if not data.strip():
        raise UsageFault(f"{path} is empty")
    try:
        return read_document(data, str(path))
    except RubricError as error:
        raise UsageFault(str(error)) from None


def _fields(tree: Tree | Any) -> dict[Any, Any]:
    return dict(tree) if isinstance(tree, dict) else {}


def _with_keys(document: Document, tree: dict[Any, Any], group: str, environment: Mapping[str, str]) -> list[Fault]:
    """Puts the keys in the place of their variables' names; a fault for each that is not set, or is written out."""
    faults = []
    endpoints = {name: _fields(value) for name, value in _fields(tree.get(group)).items()}
    for name, endpoint in endpoints.items():
        if "key" in endpoint:
            del endpoint["key"]
            message = f"`{group}.{name}.key`: no secret belongs in this file; name its variable as `{KEY_VARIABLE}`"
            faults.append(document.fault((group, name, "key"), message, at_key=True))
        variable = endpoint.pop(KEY_VARIABLE, None)
        if variable is None:
            continue
        if not isinstance(variable, str) or not environment.get(variable):
            message = f"`{group}.{name}.{KEY_VARIABLE}`: set {str(variable)[:80]}"
            faults.append(document.fault((group, name, KEY_VARIABLE), message))
        else:
            endpoint["key"] = environment[variable]
    if endpoints:
        tree[group] = endpoints
    if isinstance(tree.get("tasks"), dict):
        tree["tasks"] = dict(tree["tasks"])
    return faults


def _parsed(model: type[Model], tree: dict[Any, Any], document: Document, faults: Iterable[Fault]) -> Model:
    found = [*document.faults, *faults]
    try:
        parsed = model.model_validate(tree)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        found += [fault for detail in details for fault in _described(document, detail)]
    if found:
        raise UsageFault("\n".join(map(str, in_file_order(found))))
    return parsed


def _described(document: Document, detail: ErrorDetails) -> list[Fault]:
    """One of pydantic's errors at its place of the file; values are not repeated, for one may be a secret."""
    path: NodePath = tuple(step for step in detail["loc"] if step not in ("tiers", "[key]"))
    name = ".".join(map(str, path)) or "the file"
    if detail["type"] == "missing":
        return [document.fault(path[:-1], f"`{name}` is missing")]
    if detail["type"] == "extra_forbidden":
        return [document.fault(path, f"`{name}` is not known", at_key=True)]
    if detail["type"] == "value_error":
        return [document.fault(path, message) for message in str(detail["ctx"]["error"]).split("; ")]
    return [document.fault(path, f"`{name}`: {detail['msg']}")]
