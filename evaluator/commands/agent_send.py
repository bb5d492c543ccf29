"""`debrief agent send`: what a crashed agent left on this machine's disk goes into the store."""

from pathlib import Path

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, warn
from evaluator.embedded import Part

SOME_FAILED = 3


def send() -> None:
    """Put what an interrupted interview left on this machine into the store; exit 3 where a file has to stay."""
    from live_agent.sending import send as send_files

    with services(Part.STORE) as found:
        sent = send_files(Path(found.settings.home) / "agent", found.store)
    if out.json:
        put_json(sent.model_dump(mode="json"))
    else:
        put(f"{len(sent.interviews)} interviews sent, {sent.turns} turns were missing in the store.")
        if sent.busy:
            put(f"Still going on: {', '.join(sent.busy)}")
    for fault in sent.faults:
        warn(fault)
    if sent.faults:
        raise typer.Exit(SOME_FAILED)
