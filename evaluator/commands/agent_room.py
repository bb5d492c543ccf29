"""`debrief agent start | listen`: interviews in LiveKit's rooms, and what LiveKit reports of their recordings."""

import asyncio
import logging
import os
from importlib.util import find_spec
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import say
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.settings import Settings, read_settings

HEALTH_PORT = 8081
LISTEN_PORT = 8322


def start(
    port: Annotated[int, typer.Option(help="of the health page on loopback; 0 takes a free one")] = HEALTH_PORT,
    check: Annotated[bool, typer.Option("--check", help="only say what is missing")] = False,
) -> None:
    """Lead interviews in LiveKit's rooms until SIGTERM, which lets the open ones end.

    Everything that is missing is named before the worker registers.
    """
    _require_livekit()
    from live_agent.configuration import agent_of

    settings = read_settings()
    agent = agent_of(settings, os.environ)
    with services(settings=settings) as found:
        found.store.probe()
    say(f"Ready: {agent.choice.provider}, {'models' if agent.routing else 'the script alone'}")
    if check:
        return
    from live_agent.worker import work, worker_of

    logging.getLogger("live_agent").setLevel(logging.INFO)
    say(f"Interviews are taken as {settings.agent_name}. Stop: SIGTERM or Ctrl-C; a second one ends at once")
    asyncio.run(work(worker_of(settings, agent, port=port)))


def listen(
    host: Annotated[str, typer.Option(help="an address of this machine; LiveKit must reach it")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535)] = LISTEN_PORT,
) -> None:
    """Take LiveKit's webhooks at /livekit/webhook, and tell intake of recordings. One is enough; two do no harm."""
    _require_livekit()
    from livekit import api

    from live_agent.listening import PATH, listener, server

    settings = read_settings()
    key, secret = _keys(settings)
    with services(Part.STORE, settings=settings) as found:
        receiver = api.WebhookReceiver(api.TokenVerifier(api_key=key, api_secret=secret))
        say(f"LiveKit's webhooks are taken at http://{host}:{port}{PATH}")
        server(listener(found.store, receiver), host, port).run()


def _require_livekit() -> None:
    if find_spec("livekit") is None or find_spec("livekit.agents") is None:
        raise UsageFault("interviews in rooms need LiveKit's agents; install debrief[agent]")


def _keys(settings: Settings) -> tuple[str, str]:
    missing = [name for name in ("livekit_api_key", "livekit_api_secret") if not getattr(settings, name)]
    if missing or settings.livekit_api_key is None or settings.livekit_api_secret is None:
        raise UsageFault("set " + " and ".join(f"DEBRIEF_{name.upper()}" for name in missing))
    return settings.livekit_api_key.get_secret_value(), settings.livekit_api_secret.get_secret_value()
