"""What a supervisor asks about a process that it runs: `--check` of `debrief worker`, `reconcile` and `serve`."""

from urllib.parse import urlsplit

import httpx

from evaluator.commands.driving import ALIVE_WITHIN_S
from evaluator.commands.output import out, put, put_json
from evaluator.errors import EmbeddedFailed
from evaluator.settings import Settings
from evaluator.storage.evaluations import alive
from evaluator.wiring import Services
from workers.node import node_name

ANSWER_WITHIN_S = 5.0  # more than each of the services behind the pages has
_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}  # noqa: S104  is asked, not bound


def check_alive(settings: Settings, kind: str) -> None:
    """Whether a process of this kind on this machine has said lately, in the database, that it lives.

    That a process is there is not enough: one that cannot reach the database does no work. EmbeddedFailed.
    """
    machine = node_name(settings)
    found = Services(settings=settings)
    try:
        with found.database.begin() as db:
            count = alive(db, kind=kind, within_s=ALIVE_WITHIN_S, machine=machine)
    finally:
        found.close()
    if not count:
        raise EmbeddedFailed(f"no {kind} of {machine} was seen within {ALIVE_WITHIN_S:g} s; its log says why")
    put_json({"machine": machine, kind: count}) if out.json else put(f"{machine}: {count} {kind} alive")


def check_ready(settings: Settings) -> None:
    """Whether the pages that these settings serve are ready (`/readyz`), asked by their own name. EmbeddedFailed."""
    host = _EVERYWHERE.get(settings.web_host, settings.web_host)
    name = {"Host": urlsplit(settings.web_url).netloc} if settings.web_url else {}
    url = f"http://{host}:{settings.web_port}/readyz"
    try:
        answer = httpx.get(url, headers=name, timeout=ANSWER_WITHIN_S, trust_env=False)
    except httpx.HTTPError as error:
        raise EmbeddedFailed(f"{url} gives no answer ({type(error).__name__}); is `debrief serve` running?") from None
    if answer.status_code != 200:
        raise EmbeddedFailed(f"{url} answers {answer.status_code}: {answer.text[:400]}")
    put_json({"ready": True}) if out.json else put("ready")
