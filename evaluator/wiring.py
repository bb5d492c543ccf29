"""The one place that reads settings and puts the parts together."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pydantic import SecretStr

from evaluator.adapters import store_from_url
from evaluator.errors import NotFound, RubricFault, UsageFault
from evaluator.judging import TokenCounter
from evaluator.ports import ObjectStore
from evaluator.settings import Settings
from evaluator.storage.database import Database
from evaluator.storage.interviews import load_rubric
from evaluator.storage.runs import Judge
from rubrics.faults import RubricError, UnknownRubric
from rubrics.library import Library, library
from rubrics.model import Rubric

if TYPE_CHECKING:  # the libraries behind these take a second to import, and few commands need all
    from evaluator.adapters.celery_queue import CeleryHints
    from evaluator.adapters.vllm import VllmEngine
    from evaluator.adapters.webhooks import WebhookSender


PAGE_CONNECTIONS = 10


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts that a command or worker uses; each is made when it is first asked for."""

    settings: Settings

    @cached_property
    def database(self) -> Database:
        """PostgreSQL; two connections at most."""
        return Database(_required(self.settings.database_url, "DEBRIEF_DATABASE_URL"))

    @cached_property
    def page_database(self) -> Database:
        """The same for the pages, which are asked for by many at once."""
        url = _required(self.settings.database_url, "DEBRIEF_DATABASE_URL")
        return Database(url, connections=PAGE_CONNECTIONS)

    @cached_property
    def store(self) -> ObjectStore:
        """The object store."""
        return store_from_url(_required(self.settings.store_url, "DEBRIEF_STORE_URL"))

    @cached_property
    def hints(self) -> "CeleryHints":
        """The hint queue."""
        from evaluator.adapters.celery_queue import CeleryHints

        return CeleryHints(_required(self.settings.broker_url, "DEBRIEF_BROKER_URL"))

    @cached_property
    def rubrics(self) -> Library:
        """The shipped rubrics and those of DEBRIEF_RUBRICS."""
        return rubric_library(self.settings)

    def find_rubric(self, ref: str) -> Rubric:
        """The rubric `id@version` of a file, else one that was released before; UsageFault.

        The files are read again when they do not answer: one may have come, or been mended, since this process began.
        """
        try:
            return self.rubrics.find(ref)
        except (RubricError, UnknownRubric):
            self.__dict__.pop("rubrics", None)
        try:
            return self.rubrics.find(ref)
        except RubricError as error:
            raise RubricFault(error.faults) from None
        except UnknownRubric as error:
            return self._released(ref, str(error))

    def _released(self, ref: str, otherwise: str) -> Rubric:
        rubric_id, _, version = ref.partition("@")
        try:
            with self.database.begin() as db:
                return load_rubric(db, rubric_id, version)
        except NotFound:
            raise NotFound(otherwise) from None

    @property
    def model(self) -> str:
        """The judge's name@revision."""
        if self.settings.model is None:
            raise UsageFault(
                "DEBRIEF_MODEL is not set: name the judge as name@revision, the way DEBRIEF_ENGINE_URL serves it"
            )
        return self.settings.model

    @property
    def judge(self) -> Judge:
        """With what a run scores."""
        return Judge(model=self.model, sampling=self.settings.sampling, require_consent=self.settings.require_consent)

    @property
    def page_judge(self) -> Judge | None:
        """With whom people on the pages have something judged again; None where no judge is named."""
        return self.judge if self.settings.model is not None else None

    @cached_property
    def engine(self) -> "VllmEngine":
        """The judge's engine: one client per process, for one event loop at a time; closed, it may be used again."""
        return self.another_engine()

    def another_engine(self) -> "VllmEngine":
        """A client of its own, for another event loop; whoever asks for it closes it."""
        from evaluator.adapters.vllm import VllmEngine

        return VllmEngine(
            _required(self.settings.engine_url, "DEBRIEF_ENGINE_URL"),
            api_key=_revealed(self.settings.engine_api_key),
            timeout_s=self.settings.engine_timeout_s,
        )

    @cached_property
    def count_tokens(self) -> TokenCounter:
        """Counts tokens as the judge does: its tokenizer.json where named, else its endpoint."""
        from evaluator.adapters.tokens import engine_token_counter, token_counter

        if self.settings.tokenizer is not None:
            return token_counter(self.settings.tokenizer)
        return engine_token_counter(
            _required(self.settings.engine_url, "DEBRIEF_ENGINE_URL"),
            api_key=_revealed(self.settings.engine_api_key),
            model=self.model,
        )

    @cached_property
    def webhooks(self) -> "WebhookSender":
        """Posts to webhooks, at the hosts that DEBRIEF_WEBHOOK_HOSTS allows."""
        from evaluator.adapters.webhook_targets import host_rules
        from evaluator.adapters.webhooks import WebhookSender

        return WebhookSender(host_rules(self.settings.webhook_hosts))

    def close(self) -> None:
        """Closes the connections that were opened."""
        for name in ("database", "page_database", "hints"):
            if name in self.__dict__:
                self.__dict__[name].close()


def observe(settings: Settings, *, part: str, node: str) -> None:
    """Sends this process's spans where the settings say; after the fork. UsageFault: see `require_traces`."""
    if settings.otlp_endpoint is not None:
        from evaluator.observing.traces import send_traces

        send_traces(settings.otlp_endpoint, part=part, node=node)


def require_traces(settings: Settings) -> None:
    """UsageFault when traces are asked for and what sends them is not installed: said before anything starts."""
    if settings.otlp_endpoint is not None:
        from evaluator.observing.traces import require

        require()


def rubric_library(settings: Settings) -> Library:
    """Shipped rubrics and the deployment's own."""
    return library(settings.rubric_folders)


def _required(value: SecretStr | str | None, variable: str) -> str:
    if value is None:
        raise UsageFault(f"{variable} is not set; set it, or run: debrief up")
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _revealed(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings; with secrets, so never for a log.

    What only the pages and the live agent need stays here: a worker logs nobody in and opens no rooms.
    """
    values = {}
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None and not name.startswith(("oidc_", "livekit_", "agent_")):
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            values[f"DEBRIEF_{name.upper()}"] = str(plain)
    return values
