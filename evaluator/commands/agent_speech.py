"""`debrief agent prewarm`: phrases spoken beforehand, and those removed that are too old to be played."""

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import draw, leave_line, out, put, put_json
from evaluator.embedded import Part
from evaluator.errors import Unavailable, UsageFault

if TYPE_CHECKING:
    from evaluator.wiring import Services
    from live_agent.speech.cache import Prewarmed, SpeechCache
    from live_agent.speech.voices import Tiers


def prewarm(
    rubric: Annotated[str | None, typer.Argument(help="a rubric, id or id@version; see: debrief rubric list")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be made, and its cost")] = False,
    expired: Annotated[
        bool, typer.Option("--expired", help="phrases too old to be played: say how many; with --yes, remove them")
    ] = False,
) -> None:
    """Speak every scripted phrase of a rubric beforehand by DEBRIEF_AGENT_VOICES, and say what was new."""
    if (rubric is None) == (not expired):
        raise UsageFault("name a rubric, or give --expired alone")
    if rubric is None:
        with services(Part.STORE) as found:
            _remove_expired(_cache(found)[0], found, remove=out.yes and not dry_run)
        return
    with services(Part.DATABASE, Part.STORE) as found:
        done, total = asyncio.run(_prewarm(found, rubric, dry_run=dry_run))
    _put(done, total, dry_run=dry_run)
    if done.failed:
        raise Unavailable(f"{len(done.failed)} phrases are not kept; what was made is, so run it again")


async def _prewarm(found: "Services", rubric: str, *, dry_run: bool) -> "tuple[Prewarmed, int]":
    from live_agent.phrases import phrases
    from live_agent.plan import plan

    cache, tiers = _cache(found)
    spoken = phrases(plan(found.find_rubric(rubric)))
    if dry_run:
        return await cache.lacking(spoken, tiers), len(spoken)

    def progress(number: int) -> None:
        if out.live:
            draw(f"{number} of {len(spoken)} phrases")

    done = await cache.prewarm(spoken, tiers, progress=progress)
    leave_line()
    return done, len(spoken)


def _cache(found: "Services") -> "tuple[SpeechCache, Tiers]":
    from live_agent.configuration import voices_of
    from live_agent.speech.cache import SpeechCache

    voices = voices_of(found.settings, os.environ)
    return SpeechCache(found.store, voices.engine, clock=lambda: datetime.now(UTC)), voices.tiers


def _put(done: "Prewarmed", total: int, *, dry_run: bool) -> None:
    if out.json:
        put_json(done.model_dump(mode="json") | {"dry_run": dry_run})
        return
    verb = "would be made" if dry_run else "made"
    failed = "" if dry_run else f", {len(done.failed)} failed"
    put(f"{len(done.made)} of {total} phrases {verb}, {len(done.there)} were there{failed}")
    put(f"{done.characters} characters, cost {'-' if done.cost is None else done.cost}")


def _remove_expired(cache: "SpeechCache", found: "Services", *, remove: bool) -> None:
    keys = list(cache.expired())
    if remove:
        for key in keys:
            found.store.delete(key)
    if out.json:
        put_json({"expired": len(keys), "removed": len(keys) if remove else 0})
    elif remove or not keys:
        put(f"{len(keys)} phrases removed")
    else:
        put(f"{len(keys)} phrases are too old to be played. Remove them: debrief agent prewarm --expired --yes")
