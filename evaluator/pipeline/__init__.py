"""One interview's evaluation: gather, judge what is missing, checkpoint each section, conclude."""

import asyncio
from collections.abc import Mapping, Sequence

from evaluator.errors import ContentError, DigestMismatch, ObjectMissing, TranscriptFault
from evaluator.judging import JudgeRequest, Work
from evaluator.pipeline.asking import MAX_TOKENS_LIMIT, Asking, all_or_worst, attempt_sampling, fitting
from evaluator.pipeline.checkpoints import CHECKPOINT_BYTES_MAX, discard_checkpoints
from evaluator.pipeline.sections import Answer, Part, Shelf, settle
from evaluator.pipeline.tools import Control, JudgeCall, SectionFacts, Tools, Undisturbed
from evaluator.pipeline.windows import TurnSizes
from evaluator.ports import ObjectStore
from evaluator.prompts import key_for
from evaluator.scorecard import Scorecard, conclude, without_a_call
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, Transcript, parse_transcript
from evaluator.values import Frozen, sha256
from rubrics.model import Section

__all__ = [
    "CHECKPOINT_BYTES_MAX",
    "MAX_TOKENS_LIMIT",
    "Control",
    "Evaluated",
    "JudgeCall",
    "SectionFacts",
    "Tools",
    "Undisturbed",
    "attempt_sampling",
    "discard_checkpoints",
    "evaluate",
    "fetch_transcript",
    "fitting",
    "load_transcript",
    "plan",
    "recompute",
]

TOO_LONG = "section_too_long"


class Evaluated(Frozen):
    """A finished evaluation."""

    scorecard: Scorecard
    facts: tuple[SectionFacts, ...]  # one for each section that has an answer

    @property
    def model_calls(self) -> int:
        """Calls that were made now, rather than read from a checkpoint."""
        return sum(f.calls for f in self.facts)


async def evaluate(work: Work, tools: Tools) -> Evaluated:
    """Judges every section that has no checkpoint yet, several at once, and concludes.

    Raises Drained, LeaseLost, Unavailable or ContentError; what was finished before keeps its checkpoints.
    """
    transcript = await asyncio.to_thread(load_transcript, work, tools.store)
    asking = Asking(tools=tools, sizes=TurnSizes(tools.count_tokens))
    parts = _parts(work, transcript)
    found = await all_or_worst(asking.section(part) for part in parts)
    answers = {part.section.id: one and one[0] for part, one in zip(parts, found, strict=True)}
    return Evaluated(scorecard=_concluded(work, transcript, answers), facts=tuple(one[1] for one in found if one))


def recompute(work: Work, store: ObjectStore) -> Scorecard:
    """The scorecard from the transcript and the checkpoints alone; no model is called, nothing is written.

    A section without an answer is `section_too_long`: the only reason for which a finished evaluation lacks one.
    """
    transcript = load_transcript(work, store)
    standing = {part.section.id: settle(part, Shelf(store=store)) for part in _parts(work, transcript)}
    return _concluded(work, transcript, {s: one if isinstance(one, Answer) else None for s, one in standing.items()})


def _concluded(work: Work, transcript: Transcript, answers: Mapping[str, Answer | None]) -> Scorecard:
    """The scorecard of these answers; None: the section is too long."""
    given = {section_id: answer for section_id, answer in answers.items() if answer is not None}
    return conclude(
        transcript,
        work.rubric,
        {section_id: answer.completion for section_id, answer in given.items() if answer.completion is not None},
        failed=dict.fromkeys(answers.keys() - given.keys(), TOO_LONG),
        windows={section_id: answer.read for section_id, answer in given.items() if answer.read is not None},
        model=work.model,
        sampling=work.sampling,
    )


def load_transcript(work: Work, store: ObjectStore) -> Transcript:
    """The transcript that the row names; its digest and the rest of the row must give the row's evaluation key."""
    transcript = fetch_transcript(store, key=work.transcript_key, digest=work.transcript_sha256)
    if key_for(transcript, work.rubric, model=work.model, sampling=work.sampling) != work.evaluation_key:
        raise DigestMismatch(f"interview {work.interview_id}: the inputs do not give evaluation {work.evaluation_key}")
    return transcript


def fetch_transcript(store: ObjectStore, *, key: str, digest: str) -> Transcript:
    """The transcript under the key, proven by its sha256."""
    data = store.get(key, bytes_max=TRANSCRIPT_BYTES_MAX)
    if data is None:
        raise ObjectMissing(f"transcript {key} is not in the store; import the interview again")
    if sha256(data) != digest:
        raise DigestMismatch(f"transcript {key} is not the one that was taken in (sha256 differs)")
    try:
        return parse_transcript(data)
    except TranscriptFault as fault:
        raise ContentError(str(fault)) from None


def plan(work: Work, transcript: Transcript) -> Sequence[tuple[Section, JudgeRequest]]:
    """The sections that a judge must read, with the call for each, as if each fitted the judge's window."""
    return [(part.section, part.request) for part in _parts(work, transcript)]


def _parts(work: Work, transcript: Transcript) -> Sequence[Part]:
    """The sections that a judge must read."""
    return [
        Part(work=work, section=section, turns=transcript.in_section(section.id))
        for section in work.rubric.sections
        if without_a_call(transcript, section) is None
    ]
