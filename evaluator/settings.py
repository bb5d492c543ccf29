"""The settings: DEBRIEF_* variables of the environment, read once, and nothing else."""

import difflib
import os
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from evaluator.errors import UsageFault
from evaluator.judging import Sampling
from evaluator.nights import parse_time, zone_of

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Price = Annotated[Decimal | None, Field(ge=0, le=1_000_000, max_digits=18, decimal_places=9)]


def _daily_time(text: str) -> str:
    """Such as `07:00 Europe/Berlin`; ValueError."""
    at, _, zone = text.strip().partition(" ")
    try:
        parse_time(at)
        zone_of(zone)
    except UsageFault as fault:
        raise ValueError(str(fault)) from None
    return text


DailyTime = Annotated[str, Field(max_length=80), AfterValidator(_daily_time)]


class Settings(BaseSettings):
    """What a deployment chooses; an unset service is the embedded one."""

    model_config = SettingsConfigDict(env_prefix="DEBRIEF_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Field(default=Path(".debrief"), description="data folder of the embedded services")
    database_url: SecretStr | None = Field(default=None, description="postgresql://user:password@host:5432/debrief")
    broker_url: SecretStr | None = Field(default=None, description="redis://:password@host:6379/0 (rediss:// for TLS)")
    store_url: str | None = Field(default=None, description="s3://bucket/prefix?endpoint=... or file:///folder")
    engine_url: str | None = Field(default=None, description="an OpenAI-compatible endpoint, http://host:8000/v1")
    engine_api_key: SecretStr | None = Field(default=None, description="its API key, where it wants one")
    model: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]*@[A-Za-z0-9_.-]+$",
        description="the judge as name@revision, exactly as the endpoint serves it",
    )
    tokenizer: Path | None = Field(default=None, description="the judge's tokenizer.json, to count tokens locally")
    context_tokens: int = Field(default=16_384, ge=1_024, le=1_048_576, description="the served model's window")
    rubrics: str = Field(default="", description="folders with rubrics of your own, separated as in PATH")
    require_consent: bool = Field(default=False, description="block imported interviews whose consent is unknown")

    temperature: float = Field(default=0.0, ge=0, le=2)
    seed: int = Field(default=0, ge=0, lt=2**31)
    answer_tokens_max: int = Field(default=512, ge=16, le=8_192)

    worker_slots: int = Field(default=2, ge=1, le=64, description="interviews that one worker scores at once")
    engine_timeout_s: Seconds = 120.0
    lease_s: Seconds = 30.0
    heartbeat_s: Seconds = 10.0
    tick_s: Seconds = 5.0
    infrastructure_delay_s: Seconds = Field(default=30.0, description="back-off of a row that met an outage")
    content_delay_s: Seconds = Field(
        default=60.0, description="back-off after a row's first content error; doubled with each"
    )
    soft_shutdown_s: Annotated[float, Field(ge=0, le=3_600)] = Field(
        default=30.0, description="what a worker that is told to stop leaves running tasks to finish"
    )
    spot: bool = Field(default=False, description="watch EC2's metadata service for the end of this machine")
    imds_url: str | None = Field(
        default=None,
        pattern=r"^http://[A-Za-z0-9.:\[\]-]+/?$",
        description="another address of that service than the link-local one",
    )
    node: str = Field(
        default="", max_length=64, description="this machine's name in the accounts; its host name if empty"
    )

    node_hour_price: Price = Field(default=None, description="what an hour of one worker's machine costs")
    node_billed_from: Literal["worker", "boot"] = Field(
        default="worker", description="what a machine costs from: its worker's start, or its own"
    )
    prompt_price: Price = Field(default=None, description="of a million prompt tokens, at a managed endpoint")
    cached_price: Price = Field(
        default=None, description="of those that the endpoint had cached; the price above if unset"
    )
    completion_price: Price = Field(default=None, description="of a million completion tokens")
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="of all these prices")
    price_source: str = Field(
        default="", max_length=200, description="where they come from, in your words: provider, region, day"
    )

    log_format: Literal["json", "text"] | None = Field(
        default=None, description="of log lines, on stderr; unset: text on a terminal, JSON elsewhere"
    )
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None, description="of our own loggers; unset: info in what stays, warning in what ends"
    )
    otlp_endpoint: str | None = Field(
        default=None,
        max_length=500,
        pattern=r"^https?://[^\s?#@]+$",
        description="an OpenTelemetry collector for traces, http://host:4318; needs the extra otel",
    )

    abandoned_minutes: int = Field(
        default=30, ge=1, le=10_080, description="without a word for so long, a live interview is closed as incomplete"
    )

    web_host: str = Field(default="127.0.0.1", description="beyond loopback only with a login provider (OIDC)")
    web_port: int = Field(default=8321, ge=0, le=65_535)
    web_url: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?/?$",
        description="where browsers find the pages, https://debrief.example.org; TLS ends at a proxy of yours",
    )
    oidc_issuer: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^(https://[^\s?#@]+|http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}(/[^\s?#@]*)?)$",
        description="the login provider, exactly as it names itself",
    )
    oidc_client_id: str | None = Field(default=None, max_length=200)
    oidc_client_secret: SecretStr | None = None
    oidc_admins: str = Field(default="", description="administrators: subjects or verified e-mails, with commas")
    webhook_hosts: str = Field(
        default="",
        max_length=10_000,
        description="where webhooks may go: hooks.example.org, *.example.org:8443; nowhere if empty",
    )
    digest_at: DailyTime = Field(
        default="07:00 UTC", description="when webhooks may get the day's digest: 07:00 Europe/Berlin"
    )
    session_idle_minutes: int = Field(default=60, ge=1, le=1_440, description="unused for so long, a login ends")
    session_hours: int = Field(default=12, ge=1, le=168, description="after so long, every login ends")

    livekit_url: str | None = Field(
        default=None,
        max_length=500,
        pattern=r"^(wss?|https?)://[^\s/?#@]+/?$",
        description="the LiveKit server of the live agent, wss://livekit.example.org",
    )
    livekit_api_key: SecretStr | None = Field(default=None, description="names the secret below")
    livekit_api_secret: SecretStr | None = Field(default=None, description="opens rooms, and signs LiveKit's webhooks")
    agent_name: str = Field(
        default="debrief-interviewer",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="what rooms dispatch the agent by",
    )
    agent_provider: str = Field(
        default="cascade",
        max_length=64,
        description="who hears and speaks: cascade, openai-realtime, grok, gemini-live or nova-sonic",
    )
    agent_model: str = Field(default="", max_length=200, description="its model; its own default if empty")
    agent_voice: str = Field(default="", max_length=200, description="its voice; its own default if empty")
    agent_url: str = Field(default="", max_length=500, description="another endpoint with the same protocol")
    agent_models: Path | None = Field(
        default=None, description="a YAML or JSON file: which model adds what to the script; none if unset"
    )
    agent_voices: Path | None = Field(
        default=None, description="a YAML or JSON file: voices of phrases that are spoken beforehand"
    )

    @property
    def rubric_folders(self) -> tuple[Path, ...]:
        """The folders of DEBRIEF_RUBRICS."""
        return tuple(Path(part) for part in self.rubrics.split(os.pathsep) if part)

    @property
    def priced(self) -> bool:
        """Whether money can be counted: a machine's hour, or a managed endpoint's tokens, have a price."""
        return self.node_hour_price is not None or None not in (self.prompt_price, self.completion_price)

    @property
    def sampling(self) -> Sampling:
        """The judge's sampling, as evaluations are keyed by it."""
        return Sampling(temperature=self.temperature, seed=self.seed, max_tokens=self.answer_tokens_max)


# Set by a worker for its own children.
OURS_BESIDE_SETTINGS = frozenset({"DEBRIEF_DRAIN_FILE", "DEBRIEF_NODE_SESSION"})


def read_settings() -> Settings:
    """The settings of this process; UsageFault names every faulty variable at once, never a value."""
    _refuse_unknown(os.environ)
    try:
        settings = Settings()
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [f"DEBRIEF_{str(f['loc'][0]).upper()}: {f['msg']}" for f in faults]
        raise UsageFault("settings: " + "; ".join(lines)) from None
    if settings.heartbeat_s * 2 > settings.lease_s:
        raise UsageFault(
            "settings: DEBRIEF_HEARTBEAT_S must be at most half of DEBRIEF_LEASE_S, or one late beat is fatal"
        )
    return settings


def _refuse_unknown(variables: Iterable[str]) -> None:
    """A mistyped name would leave a service embedded that was meant to be another."""
    known = {f"DEBRIEF_{name.upper()}" for name in Settings.model_fields} | OURS_BESIDE_SETTINGS
    unknown = sorted(v for v in variables if v.startswith("DEBRIEF_") and v not in known)
    if unknown:
        close = {v: difflib.get_close_matches(v, known, n=1) for v in unknown}
        listed = "; ".join(f"{v} is not known" + (f", did you mean {c[0]}?" if c else "") for v, c in close.items())
        raise UsageFault(f"settings: {listed} (debrief config show lists all)")
