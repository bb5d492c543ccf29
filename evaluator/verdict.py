"""What the judge said about each criterion, or why nothing counts; reading an answer never raises.

The answer names criteria c1..c4 in rubric order. A level counts only from a whole, valid answer, and only with at
least one utterance of the candidate's from this section behind it.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from evaluator.judging import Completion, TokenLogprob
from evaluator.values import Frozen
from rubrics.model import LEVELS, Section

ABSTAIN = 0  # the judge's level for "cannot be judged"
EVIDENCE_MAX = 3  # ids per criterion
ANSWER_CHARS_MAX = 20_000
RATIONALE_CHARS_MAX = 240
LOGPROB_MIN = -100.0  # masked tokens are reported at about -9999; they are no probability
UNTOLD_MAX = 0.01  # share of the choice that may stay untold: it moves no expected level by more than 0.04

UnscoredStatus = Literal["not_asked", "not_answered", "insufficient_evidence", "failed"]
Probability = Annotated[float, Field(ge=0, le=1)]


class Verdict(Frozen):
    """A level for one criterion, with the candidate's own words behind it."""

    status: Literal["scored"] = "scored"
    criterion_id: str
    level: Annotated[int, Field(ge=1, le=5)]  # the sampled one
    level_probability: Mapping[int, Probability] | None  # levels 1-5; None: the endpoint gives no logprobs
    abstain_probability: Probability | None  # p(0) at the same token; all six sum to 1
    evidence: tuple[str, ...] = Field(min_length=1, max_length=EVIDENCE_MAX)  # utterance ids in transcript order
    evidence_dropped: int = Field(default=0, ge=0)  # ids that are not the candidate's in this section
    rationale: str | None = None

    @property
    def expected_level(self) -> float | None:
        """sum(l p(l)) / sum(p(l)) over levels 1-5; None without a distribution."""
        p = self.level_probability
        if p is None or (mass := math.fsum(p.values())) <= 0:
            return None
        return math.fsum(level * share for level, share in p.items()) / mass

    @property
    def spread(self) -> float | None:
        """Standard deviation of the level distribution, in levels; None without a distribution."""
        p, mean = self.level_probability, self.expected_level
        if p is None or mean is None:
            return None
        return math.sqrt(math.fsum(share * (level - mean) ** 2 for level, share in p.items()) / math.fsum(p.values()))


class Unscored(Frozen):
    """No level for one criterion, and why; kept and shown, and in no mean."""

    status: UnscoredStatus
    criterion_id: str
    reason: str  # a short code, such as "judge_abstained" or "cut_answer"
    evidence_dropped: int = Field(default=0, ge=0)


Result = Annotated[Verdict | Unscored, Field(discriminator="status")]


def unscored(section: Section, status: UnscoredStatus, reason: str) -> tuple[Unscored, ...]:
    """The same word for every criterion of the section."""
    return tuple(Unscored(status=status, criterion_id=c.id, reason=reason) for c in section.criteria)


def invalid_reason(completion: Completion, section: Section) -> str | None:
    """Why this completion as a whole does not count; None when it does."""
    parsed = _read(completion, section)
    return parsed if isinstance(parsed, str) else None


def parse_verdicts(
    completion: Completion, section: Section, utterance_ids: Sequence[str]
) -> tuple[Verdict | Unscored, ...]:
    """One result per criterion in rubric order, for any text whatever.

    utterance_ids: the candidate's utterances that belong to this section, in transcript order.
    """
    answers = _read(completion, section)
    if isinstance(answers, str):
        return unscored(section, "failed", answers)
    distributions = _distributions(completion, answers)
    by_key = {answer.key: answer for answer in answers}
    return tuple(
        _result(criterion.id, by_key[key], distributions.get(key), utterance_ids)
        for key, criterion in zip(answer_keys(len(section.criteria)), section.criteria, strict=True)
    )


def answer_keys(criteria: int) -> tuple[str, ...]:
    """c1..cn: what the answer schema calls the criteria."""
    return tuple(f"c{n}" for n in range(1, criteria + 1))


class _Answer(Frozen):
    key: str
    evidence: tuple[str, ...]
    level: int
    rationale: str | None


def _result(
    criterion_id: str, answer: _Answer, p: Mapping[int, float] | None, utterance_ids: Sequence[str]
) -> Verdict | Unscored:
    cited = set(answer.evidence)
    evidence = tuple(i for i in utterance_ids if i in cited)
    dropped = len(cited - set(utterance_ids))
    if answer.level == ABSTAIN:
        reason = "judge_abstained"
    elif not evidence:
        reason = "evidence_not_the_candidates" if dropped else "no_evidence_cited"
    else:
        return Verdict(
            criterion_id=criterion_id,
            level=answer.level,
            level_probability=None if p is None else {level: p[level] for level in LEVELS},
            abstain_probability=None if p is None else p[ABSTAIN],
            evidence=evidence,
            evidence_dropped=dropped,
            rationale=answer.rationale,
        )
    return Unscored(status="insufficient_evidence", criterion_id=criterion_id, reason=reason, evidence_dropped=dropped)


def _read(completion: Completion, section: Section) -> tuple[_Answer, ...] | str:
    """The answers in the order in which they stand in the text, or the code of what is wrong."""
    body = answer_body(completion, answer_keys(len(section.criteria)))
    if isinstance(body, str):
        return body
    answers = [_read_answer(key, value) for key, value in body.items()]
    sound = tuple(answer for answer in answers if answer is not None)
    return sound if len(sound) == len(answers) else "out_of_schema"


def answer_body(completion: Completion, keys: Sequence[str]) -> dict[str, Any] | str:
    """The JSON object of a whole answer with exactly these keys, in the text's order; else the code of what is wrong.

    What it holds under each key is still to be proven. Raises for no text.
    """
    if fault := _envelope_fault(completion):
        return fault
    try:
        body = json.loads(completion.text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return "not_json"
    return body if isinstance(body, dict) and set(body) == set(keys) else "out_of_schema"


def _envelope_fault(completion: Completion) -> str | None:
    """What forbids reading the text at all."""
    if completion.finish_reason != "stop":
        return "cut_answer" if completion.finish_reason == "length" else "unfinished_answer"
    if not completion.text.strip():
        return "empty_answer"
    return "answer_too_long" if len(completion.text) > ANSWER_CHARS_MAX else None


_UTTERANCE_ID = re.compile(r"U[0-9]{1,4}")
_UNKEEPABLE = re.compile(r"[\x00\ud800-\udfff]")  # escapes may spell what neither UTF-8 nor PostgreSQL can keep


def _read_answer(key: str, value: object) -> _Answer | None:
    if not isinstance(value, dict) or not {"evidence", "level"} <= set(value) <= {"evidence", "level", "rationale"}:
        return None
    evidence, level, rationale = value["evidence"], value["level"], value.get("rationale")
    # type(), because True is an int to isinstance and to the enum
    whole = type(level) is int and level in (ABSTAIN, *LEVELS) and isinstance(rationale, str | None)
    if not whole or not _are_ids(evidence):
        return None
    return _Answer(
        key=key,
        evidence=tuple(evidence),
        level=level,
        rationale=None if rationale is None else _UNKEEPABLE.sub("\ufffd", rationale[:RATIONALE_CHARS_MAX]),
    )


def _are_ids(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= EVIDENCE_MAX
        and all(isinstance(i, str) and _UTTERANCE_ID.fullmatch(i) for i in value)
    )


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key given twice would make the answer mean whichever the parser likes."""
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key stands twice")
    return result


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


# A quote inside a rationale is escaped, so `"level"` with bare quotes can only be a key of the answer.
_LEVEL = re.compile(r'"level"\s*:\s*([0-5])')


def _distributions(completion: Completion, answers: Sequence[_Answer]) -> Mapping[str, Mapping[int, float]]:
    """Key -> probability of the levels 0-5 at its level token; a key without usable logprobs is left out."""
    tokens = completion.logprobs
    if tokens is None or "".join(t.token for t in tokens).rstrip() != completion.text.rstrip():
        return {}
    matches = list(_LEVEL.finditer(completion.text))
    # A key that is spelled with escapes is not found; then every later place would be another criterion's.
    if [int(match.group(1)) for match in matches] != [answer.level for answer in answers]:
        return {}
    starts = _starts(tokens)
    result = {}
    for key, match in zip((answer.key for answer in answers), matches, strict=True):
        place = next(n for n, start in enumerate(starts) if start <= match.start(1) < start + len(tokens[n].token))
        if (p := level_distribution(tokens[place], match.start(1) - starts[place])) is not None:
            result[key] = p
    return result


def _starts(tokens: Iterable[TokenLogprob]) -> list[int]:
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token.token)
    return starts


def level_distribution(token: TokenLogprob, digit_at: int) -> Mapping[int, float] | None:
    """Probability of the levels 0-5 at one token; None when the reported alternatives do not tell it.

    digit_at: where the level stands in the token, in characters. Alternatives that state the same level ("4", " 4",
    "4}") are added up, however unlikely; what a grammar masked (below -100) is none. Untold is what was not reported,
    and what was but states no level yet, such as a blank before the digit: any level may hide there.
    """
    if not token.top:
        return None
    before = _compact(token.token[:digit_at])
    states = re.compile(rf"{re.escape(before)}([0-5])(?=[,}}]|$)")  # "45" and "4.5" state no level
    level, rest = dict.fromkeys((ABSTAIN, *LEVELS), 0.0), 0.0
    unreported = 1.0
    for text, share in _shares(token).items():
        unreported -= share
        if stated := states.match(said := _compact(text)):
            level[int(stated.group(1))] += share
        elif before.startswith(said):
            rest += share
    total = math.fsum(level.values())
    untold = max(unreported, 0.0) + rest
    if total <= 0 or unreported < -UNTOLD_MAX or untold > UNTOLD_MAX * (total + untold):
        return None
    return {n: round(share / total, 6) for n, share in level.items()}


def _shares(token: TokenLogprob) -> Mapping[str, float]:
    """Probability of the token and of each alternative that no grammar masked."""
    logprobs = {token.token: token.logprob, **token.top}
    return {text: math.exp(min(p, 0.0)) for text, p in logprobs.items() if math.isfinite(p) and p > LOGPROB_MIN}


def _compact(text: str) -> str:
    return "".join(text.split())
