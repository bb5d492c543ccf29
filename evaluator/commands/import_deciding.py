"""How `debrief import` comes to the sections of each interview: by a person, the intros or the judge."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evaluator.assigning import Plan, assign, plan
from evaluator.commands.context import services
from evaluator.commands.import_reading import interviews
from evaluator.commands.output import draw, leave_line, out, say, warn
from evaluator.embedded import Part
from evaluator.embedded.demo_judge import SERVED_NAME
from evaluator.errors import NotFound, TranscriptFault, Unavailable, UsageFault
from evaluator.formats import Record
from evaluator.formats.document import shown
from evaluator.formats.sections import Question, by_intros, placed, question_turns, sections_found
from evaluator.importing import interview_id_of
from evaluator.manifest import CONSENT_DENIED, Consent
from evaluator.scorecard import judge_notice
from evaluator.settings import Settings, read_settings
from evaluator.storage.reading import find_interview
from evaluator.wiring import Services
from rubrics.model import Rubric

Mode = Literal["auto", "marked", "judge", "whole"]
MODES_HELP = (
    "how sections are told. marked: by the rubric's intros, as the interviewer spoke them | judge: the judge assigns "
    "each of the interviewer's questions | auto: marked, and judge where no intro at all is found | whole: not at all, "
    "every section is judged on everything"
)

# What prepare() is given: the questions, what forbids them, or nothing where it needs none.
Decision = tuple[Question, ...] | TranscriptFault | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What holds for every interview of one import."""

    rubric: Rubric
    requisition: str
    candidate: str | None
    sections: Mode
    consent: Consent


def decide(records: Sequence[Record], facts: Facts, *, given: Mapping[int, tuple[Question, ...]]) -> Sequence[Decision]:
    """For each record its questions with their sections, or what forbids them; given: by a person, by index.

    UsageFault and Unavailable where --sections judge cannot be done; --sections auto does without then, and says why.
    """
    if facts.sections == "whole":
        return [None] * len(records)
    decisions: list[Decision] = [
        given[n] if n in given else by_intros(record.turns, facts.rubric) for n, record in enumerate(records)
    ]
    asked = [n for n, record in enumerate(records) if n not in given and _wants_judge(record, facts)]
    if asked and _may_ask(len(asked), facts):
        for n, answer in zip(asked, _answers([records[n] for n in asked], facts), strict=True):
            decisions[n] = answer
    return decisions


def _wants_judge(record: Record, facts: Facts) -> bool:
    if not question_turns(record.turns) or facts.sections == "marked":
        return False
    marked = placed(record.turns, by_intros(record.turns, facts.rubric), facts.rubric)
    return facts.sections == "judge" or not sections_found(marked, facts.rubric)


def _may_ask(count: int, facts: Facts) -> bool:
    """Whether the judge may be asked at all; UsageFault where it was asked for and may not."""
    settings = read_settings()
    if why := _no_consent(facts.consent, settings):
        if facts.sections == "judge":
            raise UsageFault(f"--sections judge: {why}, so no model reads it; use --sections marked or whole")
    elif facts.sections == "judge":
        return True
    else:
        why = _unfit(settings)
    if why:
        _tell_undone(count, facts, f"the judge is not asked: {why}")
    return not why


def _no_consent(consent: Consent, settings: Settings) -> str | None:
    if consent.status in CONSENT_DENIED or (consent.status == "unknown" and settings.require_consent):
        return f"consent is {consent.status}"
    return None


def _unfit(settings: Settings) -> str | None:
    """Why --sections auto does not ask this judge."""
    model = SERVED_NAME if settings.engine_url is None else settings.model
    if model is None:
        return "DEBRIEF_MODEL is not set"
    notice = judge_notice(model)
    return None if notice is None else f"{notice}; --sections judge asks it all the same"


def _tell_undone(count: int, facts: Facts, why: str) -> None:
    warn(f"No intro of {facts.rubric.ref} in {interviews(count)}, and {why}")


def _answers(records: Sequence[Record], facts: Facts) -> Sequence[Decision]:
    """The judge's answers; where --sections auto finds no judge, what the intros say."""
    try:
        denied = _denied(records, facts)
        open_ones = [record for n, record in enumerate(records) if n not in denied]
        answers = iter(_asked(open_ones, facts.rubric) if open_ones else ())
        return [denied[n] if n in denied else next(answers) for n in range(len(records))]
    except Unavailable as error:
        if facts.sections == "judge":
            raise
        _tell_undone(len(records), facts, f"the judge could not be asked: {error}")
        return [by_intros(record.turns, facts.rubric) for record in records]
    finally:
        leave_line()


def _denied(records: Sequence[Record], facts: Facts) -> dict[int, TranscriptFault]:
    """Those (by index) of whom a denial of consent is recorded already: no model reads them."""
    denied: dict[int, TranscriptFault] = {}
    with services(Part.DATABASE) as found, found.database.begin() as db:
        for n, record in enumerate(records):
            try:
                consent = find_interview(db, interview_id_of(record, requisition=facts.requisition)).consent
            except NotFound:
                continue
            if consent in CONSENT_DENIED:
                denied[n] = TranscriptFault(
                    f"{shown(record.name)}: its consent is recorded as {consent}, so no model reads it; "
                    "import it with --sections marked or whole"
                )
    return denied


def _asked(records: Sequence[Record], rubric: Rubric) -> Sequence[Decision]:
    with services(Part.ENGINE) as found:
        return asyncio.run(_ask(found, records, rubric))


async def _ask(found: Services, records: Sequence[Record], rubric: Rubric) -> Sequence[Decision]:
    try:
        await found.engine.check(found.model)
        plans = await asyncio.to_thread(_plans, found, records, rubric)
        calls = sum(len(one.batches) for one in plans)
        say(f"Sections: the judge {found.model} assigns the questions of {interviews(len(plans))} (calls: {calls})")
        if notice := judge_notice(found.model):
            warn(f"!! {notice}, and so are the sections that it assigns")
        return await assign(plans, found.engine, on_done=lambda done: _progress(done, len(plans)))
    finally:
        await found.engine.aclose()


def _plans(found: Services, records: Sequence[Record], rubric: Rubric) -> list[Plan]:
    return [
        plan(
            shown(record.name),
            record.turns,
            rubric,
            model=found.model,
            count_tokens=found.count_tokens,
            context_tokens=found.settings.context_tokens,
        )
        for record in records
    ]


def _progress(done: int, of: int) -> None:
    if out.live:
        draw(f"Sections assigned  {done}/{of} interviews")
