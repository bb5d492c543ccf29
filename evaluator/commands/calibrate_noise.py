"""`debrief calibrate noise`: how much the judge's levels change when nothing but chance or order changes."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer

from evaluator.calibration.noise import REPLICATES_MAX, Noise
from evaluator.calibration.replicates import (
    Replicate,
    Scored,
    estimate,
    measured,
    replicates,
    sample,
    score,
    store_noise,
)
from evaluator.commands.context import services
from evaluator.commands.noise_text import as_lines
from evaluator.commands.output import draw, leave_line, out, put, put_json, say, warn
from evaluator.embedded import Part
from evaluator.errors import ContentError, UsageFault
from evaluator.judging import TokenCounter
from evaluator.pipeline import Tools
from evaluator.prompts import answer_schemas
from evaluator.runs import pace
from evaluator.storage.calibrations import Calibration, Subject, subjects
from evaluator.storage.interviews import load_rubric
from evaluator.wiring import Services
from rubrics.model import Rubric

INTERVIEWS_MAX = 1_000
LINE_EVERY_S = 30.0
FAILED = 3  # UX.md's exit code: finished, and some failed


def noise(
    rubric: Annotated[str, typer.Option(help="the rubric, id@version")],
    k: Annotated[int, typer.Option("--k", min=1, max=REPLICATES_MAX, help="scorings of each under each order")] = 5,
    interviews: Annotated[int, typer.Option(min=1, max=INTERVIEWS_MAX, help="size of the sample")] = 20,
    ids: Annotated[list[str] | None, typer.Option(help="exactly these interviews; commas or again")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the sample and the orders")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it would cost, ask nothing")] = False,
) -> None:
    """Score a sample again and again, and store how much the levels differ."""
    with services(Part.DATABASE, Part.STORE) as quick:
        value = _rubric(quick, rubric)
        chosen = _chosen(quick, value, _listed(ids), limit=interviews, seed=seed)
        wanted = replicates(value, chosen, k=k, seed=seed, model=quick.model, sampling=quick.settings.sampling)
        if dry_run:
            _tell_estimate(quick, wanted, len(chosen), k)
            return
        with services(Part.DATABASE, Part.STORE, Part.ENGINE, settings=quick.settings) as found:
            scored = _score(found, value, wanted)
            code = _conclude(found, value, scored, k=k, seed=seed)
    if code:
        raise typer.Exit(code)


def _rubric(found: Services, ref: str) -> Rubric:
    rubric_id, at, version = ref.partition("@")
    if not (rubric_id and at and version):
        raise UsageFault(f"--rubric {ref}: name the version too, as id@version; see: debrief rubric list")
    with found.database.begin() as db:
        return load_rubric(db, rubric_id, version)


def _listed(ids: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for one in ids or () for part in one.split(",") if part.strip()))


def _chosen(found: Services, rubric: Rubric, ids: Sequence[str], *, limit: int, seed: int) -> tuple[Subject, ...]:
    """The sample; UsageFault when there is nothing to take it from."""
    eligible = _subjects(found, rubric, ids)
    if missing := sorted(set(ids) - {one.interview_id for one in eligible}):
        raise UsageFault(
            f"--ids {', '.join(missing)}: not scored under {rubric.ref} as they are now, or without consent"
        )
    if not eligible:
        raise UsageFault(f"no interview is scored under {rubric.ref} yet; score some: debrief run start")
    if ids:
        return eligible
    if len(eligible) < limit:
        say(f"{len(eligible)} interviews are scored under {rubric.ref}: the sample takes all of them.")
    return sample(eligible, limit=limit, seed=seed)


def _subjects(found: Services, rubric: Rubric, ids: Sequence[str]) -> tuple[Subject, ...]:
    with found.database.begin() as db:
        return subjects(
            db,
            rubric_id=rubric.id,
            rubric_version=rubric.version,
            require_consent=found.settings.require_consent,
            interviews=ids,
        )


def _tell_estimate(found: Services, wanted: Sequence[Replicate], interviews: int, k: int) -> None:
    told = estimate(wanted, found.store, _counter(found), context_tokens=found.settings.context_tokens)
    if out.json:
        put_json({"interviews": interviews, "k": k, "model": found.model, **told.model_dump()})
        return
    put(f"Would score {interviews} interviews {k} times in the rubric's order and {k} times in others:")
    put(
        f"  {told.calls:,} calls to {found.model}"
        f", about {told.prompt_tokens:,} tokens in and {told.answer_tokens:,} out (estimated)"
    )
    if told.kept:
        put(f"  {told.kept:,} sections have their answer already and cost nothing")
    put("Nothing was asked.")


def _counter(found: Services) -> TokenCounter:
    """By the judge's tokenizer where its file is named, else by a rule that rather says too much."""
    from evaluator.adapters.tokens import approximate_token_counter, token_counter

    named = found.settings.tokenizer
    return approximate_token_counter() if named is None else token_counter(named)


def _score(found: Services, rubric: Rubric, wanted: Sequence[Replicate]) -> tuple[Scored, ...]:
    say(f"Noise of {found.model} under {rubric.ref}: {len(wanted)} scorings. It can be interrupted and run again.")
    progress = _Progress(total=len(wanted))
    try:
        return asyncio.run(_score_all(found, rubric, wanted, progress))
    except (KeyboardInterrupt, SystemExit):
        leave_line()
        warn("Interrupted; finished sections are kept. Run the same command again to go on.")
        raise
    finally:
        leave_line()


async def _score_all(
    found: Services, rubric: Rubric, wanted: Sequence[Replicate], progress: "_Progress"
) -> tuple[Scored, ...]:
    tools = Tools(
        store=found.store,
        judge=found.engine,
        count_tokens=found.count_tokens,
        context_tokens=found.settings.context_tokens,
    )
    try:
        await found.engine.check(found.model)
        await found.engine.warm_up(answer_schemas(), found.model)
        return await score(
            wanted,
            tools,
            at_once=found.settings.worker_slots,
            allowed=lambda interview_id: bool(_subjects(found, rubric, (interview_id,))),
            on_scored=progress.note,
        )
    finally:
        await found.engine.aclose()


@dataclass(kw_only=True, slots=True)
class _Progress:
    """How far it is: a moving line on a terminal, one now and then elsewhere."""

    total: int
    done: int = 0
    judged: int = 0
    reused: int = 0
    _began: float = field(default_factory=time.monotonic)
    _said_at: float = field(default_factory=time.monotonic)

    def note(self, one: Scored) -> None:
        self.done, self.judged, self.reused = self.done + 1, self.judged + one.judged, self.reused + one.reused
        line = f"scorings {self.done}/{self.total} · sections {self.judged} judged, {self.reused} kept{self._left()}"
        if out.live:
            draw(line)
        elif self.done == self.total or time.monotonic() - self._said_at >= LINE_EVERY_S:
            self._said_at = time.monotonic()
            say(line)

    def _left(self) -> str:
        rest = pace(
            sections_done=self.done, sections_left=self.total - self.done, elapsed_s=time.monotonic() - self._began
        )
        return f" · {rest.low_s / 60:.0f}–{rest.high_s / 60:.0f} min left" if rest and self.done < self.total else ""


def _conclude(found: Services, rubric: Rubric, scored: Sequence[Scored], *, k: int, seed: int) -> int:
    """Stores and prints what was measured; the exit code. ContentError when nothing was."""
    value = measured(scored, rubric, k=k, seed=seed, temperature=found.settings.temperature)
    left_out = Counter(one.code for one in scored if one.code is not None)
    failed = value.same_order.failed_sections + value.shuffled_order.failed_sections
    if not any(c.interviews for order in (value.same_order, value.shuffled_order) for c in order.criteria):
        raise ContentError(f"nothing could be measured: {failed} sections failed, {left_out.total()} scorings left out")
    with found.database.begin() as db:
        stored = store_noise(db, value, rubric, model=found.model)
    _put(stored, value, scored)
    for code, count in sorted(left_out.items()):
        warn(f"{count} scorings were left out: {code}")
    return FAILED if failed or left_out else 0


def _put(stored: Calibration, value: Noise, scored: Sequence[Scored]) -> None:
    if out.json:
        put_json(stored)
        return
    judged, reused = sum(one.judged for one in scored), sum(one.reused for one in scored)
    for line in as_lines(stored, value):
        put(line)
    say(f"{judged} sections judged now, {reused} read from checkpoints. Stored as calibration {stored.id}.")
