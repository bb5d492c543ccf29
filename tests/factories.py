"""Small values for tests: a rubric, a transcript, what a judge answers about it, and the work of one evaluation."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from evaluator.judging import Checkpoint, Completion, JudgeRequest, Sampling, TokenLogprob, Usage, Work
from evaluator.layout import transcript_key
from evaluator.prompts import key_for, request_sha256
from evaluator.transcript import Transcript, Turn, segmented
from evaluator.verdict import Unscored, Verdict
from rubrics.model import Criterion, Rubric, Section

MODEL = "test-judge@r1"
AT = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)
MASKED = -9999.0  # what vLLM reports for a token that the grammar forbids
SECTIONS = {"design": ("depth", "clarity"), "debugging": ("method",), "teamwork": ("feedback", "conflict")}
SAID = {
    "design": "We split the queue by tenant first. Then we measured the lag of every shard.",
    "debugging": "I bisected the releases until one commit was left over.",
    "teamwork": "I asked her what she needed from us. We agreed to pair on Mondays after that.",
}  # utterances: design U1 U2, debugging U3, teamwork U4 U5


def a_criterion(criterion_id: str = "depth", **fields) -> Criterion:
    """A criterion whose anchors name it and their level; a weight other than 1 gets its reason."""
    if fields.get("weight", 1.0) != 1.0:
        fields.setdefault("weight_rationale", "It matters more.")
    name = criterion_id.title()
    defaults = {
        "name": name,
        "definition": f"What {criterion_id} looks like in an answer.",
        "anchors": {n: f"{name}, behaviour of level {n}." for n in range(1, 6)},
    }
    return Criterion(id=criterion_id, **{**defaults, **fields})


def a_section(section_id: str = "design", criteria: Sequence[str | Criterion] = ("depth", "clarity")) -> Section:
    """A section; criteria by id, or whole."""
    return Section(
        id=section_id,
        title=section_id.title(),
        intro=f"Let us talk about {section_id}.",
        questions=("What did you do?",),
        time_budget_minutes=5,
        criteria=tuple(c if isinstance(c, Criterion) else a_criterion(c) for c in criteria),
    )


def a_rubric(sections: Mapping[str, Sequence[str | Criterion]] = SECTIONS) -> Rubric:
    """A rubric with these sections and criteria; by default three sections and five criteria of equal weight."""
    return Rubric(
        id="backend",
        version="1",
        title="Backend engineer",
        role="Backend engineer",
        opening="Welcome.",
        closing="Thank you.",
        sections=tuple(a_section(section_id, criteria) for section_id, criteria in sections.items()),
    )


def a_turn(text: str, section_id: str | None = "design", speaker: str = "candidate", **fields) -> Turn:
    """One turn, not yet cut into utterances; give an id where there are several."""
    return Turn(**{"id": "t1", "speaker": speaker, "section_id": section_id, "text": text, **fields})


def a_transcript(
    said: Mapping[str, str | None] = SAID, *, sections: str = "marked", confidence: float | None = None
) -> Transcript:
    """In each section the interviewer asks and the candidate says this; None: asked and not answered."""
    turns: list[Turn] = []
    for section_id, text in said.items():
        asked = f"Let us talk about {section_id}."
        turns.append(a_turn(asked, section_id, "interviewer", id=f"t{len(turns) + 1}"))
        if text is not None:
            turns.append(a_turn(text, section_id, id=f"t{len(turns) + 1}", confidence=confidence))
    return Transcript(source="labelled-text", sections=sections, turns=segmented(turns))


def an_answer(
    levels: Sequence[object],
    evidence: Sequence[Sequence[str]] | None = None,
    *,
    rationales: Sequence[str] | None = None,
    order: Sequence[int] | None = None,
) -> str:
    """The judge's JSON; every criterion cites U1 unless told otherwise. order: which key stands where, from 0."""
    body = {}
    for n in order if order is not None else range(len(levels)):
        fields: dict[str, object] = {"evidence": ["U1"] if evidence is None else list(evidence[n]), "level": levels[n]}
        if rationales is not None:
            fields["rationale"] = rationales[n]
        body[f"c{n + 1}"] = fields
    return json.dumps(body, separators=(",", ":"))


def tops(shares: Mapping[int, float]) -> dict[str, float]:
    """Alternatives at a level token, as an engine reports them: level -> share, masked where there is none."""
    return {str(level): math.log(p) if (p := shares.get(level, 0.0)) > 0 else MASKED for level in range(6)}


_PIECE = re.compile(r"[0-9]|[A-Za-z]+|\s+|[^0-9A-Za-z\s]")


def tokens_of(text: str, distributions: Sequence[Mapping[int, float]]) -> tuple[TokenLogprob, ...]:
    """Tokens that spell the text; the n-th level token carries the n-th distribution. No rationales in the text."""
    places = [m.start(1) for m in re.finditer(r'"level":([0-5])', text)]
    at_level = dict(zip(places, distributions, strict=True))
    return tuple(
        TokenLogprob(
            token=m.group(),
            logprob=math.log(at_level[m.start()].get(int(m.group()), 1e-9) or 1e-9) if m.start() in at_level else 0.0,
            top=tops(at_level[m.start()]) if m.start() in at_level else {},
        )
        for m in _PIECE.finditer(text)
    )


def a_completion(
    levels: Sequence[object] = (4, 3),
    evidence: Sequence[Sequence[str]] | None = None,
    shares: Sequence[Mapping[int, float]] | None = None,
    **fields,
) -> Completion:
    """A whole, valid completion, unless `text`, `logprobs` or other fields say otherwise.

    shares: for each level in the order of the text, level -> probability; None: the endpoint gives no logprobs.
    """
    text = fields.pop("text", None)
    if text is None:
        text = an_answer(levels, evidence, order=fields.pop("order", None))
    defaults = {
        "text": text,
        "finish_reason": "stop",
        "logprobs": None if shares is None else tokens_of(text, shares),
        "usage": Usage(prompt_tokens=443, completion_tokens=89),
        "model": MODEL,
        "started_at": AT,
        "duration_s": 0.25,
    }
    return Completion(**{**defaults, **fields})


# A completion of vLLM 0.32 for four criteria, as the adapter hands it on: how the tokens split differs from key to
# key, a token may carry the brace, and digits of keys and ids come with alternatives too. Trimmed to four digits.
VLLM_TEXT = (
    '{"c1":{"evidence":[],"level":4},"c2":{"evidence":["U7"],"level":3},'
    '"c3":{"evidence":["U007","U0"],"level":4},"c4":{"evidence":[],"level":2}}'
)
_VLLM_SPELLED = (
    '{" c 1 " : { " ev idence " : [ ], " level " : 4 }," c 2 " : {" ev i d en c e ":[" U 7 " ], " lev el ": 3 } ," c 3 '
    '": {" evidence ":[" U 0 0 7 "," U 0 " ] , " le v e l " : 4 }," c 4 ": {" e v idence " : [ ], " l ev e l " : 2 } }'
)
_VLLM_TOPS = {  # index of the token -> logprobs of 0..5
    2: (MASKED, 0.0, MASKED, MASKED, MASKED, MASKED),
    17: (-2.9523, -3.3624, -3.9171, -4.3546, -0.1359, -4.9015),
    20: (MASKED, MASKED, 0.0, MASKED, MASKED, MASKED),
    39: (-1.3902, -4.6715, -1.0816, -1.0387, -3.0543, -6.4996),
    43: (MASKED, MASKED, MASKED, 0.0, MASKED, MASKED),
    49: (-1.3384, -4.1665, -3.5083, -2.2993, -3.4751, -1.6587),
    50: (-1.5319, -4.3249, -1.8444, -2.0632, -4.7467, -3.5788),
    54: (-1.3254, -1.6144, -3.0304, -1.755, -4.7081, -2.255),
    65: (-1.2814, -1.5797, -3.0856, -3.2028, -1.0524, -2.5153),
    68: (MASKED, MASKED, MASKED, MASKED, 0.0, MASKED),
    85: (-2.9038, -2.3886, -0.8666, -2.9877, -0.976, -5.1401),
}
VLLM_LEVEL_TOPS = tuple(_VLLM_TOPS[n] for n in (17, 39, 65, 85))  # those of c1..c4


def a_vllm_completion() -> Completion:
    """What vLLM 0.32 really answered for a section of four criteria."""
    tokens = tuple(
        TokenLogprob(
            token=token,
            logprob=_VLLM_TOPS[n][int(token)] if n in _VLLM_TOPS and token in "012345" else 0.0,
            top=dict(zip("012345", _VLLM_TOPS.get(n, ()), strict=False)),
        )
        for n, token in enumerate(_VLLM_SPELLED.split(" "))
    )
    usage = Usage(prompt_tokens=443, completion_tokens=89)
    return a_completion(text=VLLM_TEXT).model_copy(update={"logprobs": tokens, "usage": usage})


def a_verdict(criterion_id: str = "depth", level: int = 3, shares: Mapping[int, float] | None = None) -> Verdict:
    """A scored criterion; shares: level 0-5 -> probability, None: not available."""
    return Verdict(
        criterion_id=criterion_id,
        level=level,
        level_probability=None if shares is None else {n: shares.get(n, 0.0) for n in range(1, 6)},
        abstain_probability=None if shares is None else shares.get(0, 0.0),
        evidence=("U1",),
    )


def an_unscored(criterion_id: str = "depth", status: str = "failed", reason: str = "cut_answer") -> Unscored:
    """A criterion without a level."""
    return Unscored(status=status, criterion_id=criterion_id, reason=reason)


def a_work(
    transcript: Transcript | None = None,
    rubric: Rubric | None = None,
    *,
    model: str = MODEL,
    sampling: Sampling | None = None,
    **fields,
) -> Work:
    """The work of evaluating this transcript by this rubric, every digest and key right."""
    transcript, rubric, sampling = transcript or a_transcript(), rubric or a_rubric(), sampling or Sampling()
    defaults = {
        "interview_id": "iv-1",
        "evaluation_key": key_for(transcript, rubric, model=model, sampling=sampling),
        "transcript_key": transcript_key("iv-1", transcript.digest),
        "transcript_sha256": transcript.digest,
    }
    return Work(rubric=rubric, model=model, sampling=sampling, **{**defaults, **fields})


def a_checkpoint(work: Work, section_id: str, request: JudgeRequest, completion: Completion) -> Checkpoint:
    """The checkpoint of one section as another worker would have written it."""
    return Checkpoint(
        interview_id=work.interview_id,
        evaluation_key=work.evaluation_key,
        section_id=section_id,
        request_sha256=request_sha256(request),
        sampling=request.sampling,
        completion=completion,
    )
