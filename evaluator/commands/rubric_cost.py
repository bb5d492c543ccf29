"""What a rubric costs in tokens, section by section, and what each of its options adds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluator.judging import TokenCounter
from evaluator.prompts import PROMPT_VERSION, rules, system_prompt, user_prompt
from evaluator.transcript import Transcript
from evaluator.verdict import answer_keys
from rubrics.model import Criterion, Rationale, Rubric, Section

TOKENS_PER_MINUTE = 200  # of an interview as the judge reads it: about 5,000 in 25 minutes
# Roughly what a large vocabulary makes one token of: a word or its beginning, three digits, a run of signs.
_PIECE = re.compile(r"[A-Za-z]{1,8}|[0-9]{1,3}|[!-/:-@\[-`{-~]{1,3}|[^\x00-\x7f]{1,2}")
# Measured once: vLLM 0.32 on CPU, the same prompts with 240 characters of rationale and without.
RATIONALE_TIME_FACTOR = 1.9
TIME_BASIS = "measured with vLLM 0.32 on CPU and rationales of 240 characters"

# What an answer looks like: as engines write it, with two ids for each criterion.
_EVIDENCE = '{"evidence":["U12","U47"],"level":3}'
_RATIONALE = (
    "Follows one event from arrival to delivery and names the task of each part, but does not say what happens to the "
    "other partners when one is slow."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counter:
    """How tokens are counted, and how that is to be said."""

    count: TokenCounter
    name: str
    estimate: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Tokens of one call, or of several together; without what a chat template adds (10 to 30 a call)."""

    rules: int
    rubric: int  # title, definitions, anchors
    examples: int
    interview: int
    answer: int  # ids and levels
    rationale: int

    @property
    def prefix(self) -> int:
        """What stands before the interview, the same for every candidate: an engine may keep it."""
        return self.rules + self.rubric + self.examples

    @property
    def read(self) -> int:
        """All that the judge reads."""
        return self.prefix + self.interview

    @property
    def written(self) -> int:
        """All that the judge writes."""
        return self.answer + self.rationale

    def __add__(self, other: "Tokens") -> "Tokens":
        mine, theirs = asdict(self), asdict(other)
        return Tokens(**{name: mine[name] + theirs[name] for name in mine})

    def to_json(self) -> dict[str, int]:
        """With the sums."""
        return {**asdict(self), "prefix": self.prefix, "read": self.read, "written": self.written}


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionCost:
    """One call."""

    section_id: str
    minutes: float
    tokens: Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """The whole interview under other settings of the rubric; `time` is relative to short answers."""

    name: str
    tokens: Tokens
    time: float
    is_now: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """One interview, judged by this rubric."""

    rubric: Rubric
    counter: Counter
    basis: str  # where the interview's tokens come from
    sections: tuple[SectionCost, ...]
    options: tuple[Option, ...]  # the first is the rubric as it is

    @property
    def total(self) -> Tokens:
        """Of all sections."""
        return _sum([section.tokens for section in self.sections])


def estimate(text: str) -> int:
    """Tokens, roughly, as a model with a large vocabulary counts them: English prose has 4 to 5 characters in one."""
    return len(_PIECE.findall(text))


def typical_interview(rubric: Rubric, tokens: int | None = None) -> Mapping[str, int]:
    """Section id -> tokens of an interview that keeps to its time budgets; tokens: of the whole, else by the minute."""
    minutes = {section.id: section.time_budget_minutes for section in rubric.sections}
    per_minute = TOKENS_PER_MINUTE if tokens is None else tokens / sum(minutes.values())
    return {section_id: round(per_minute * time) for section_id, time in minutes.items()}


def given_interview(rubric: Rubric, transcript: Transcript, count: TokenCounter) -> Mapping[str, int]:
    """Section id -> tokens of what was said there; a section without turns costs nothing."""
    parts = {section.id: transcript.in_section(section.id) for section in rubric.sections}
    return {section_id: count(user_prompt(turns)) if turns else 0 for section_id, turns in parts.items()}


def cost_of(rubric: Rubric, counter: Counter, interview: Mapping[str, int], *, basis: str) -> Cost:
    """What one interview costs; interview: section id -> tokens, where 0 is a section that no call is made for."""
    judged = [section for section in rubric.sections if interview[section.id]]
    tokens = {s.id: _tokens(s, rubric.rationale, counter.count, interview[s.id]) for s in judged}
    return Cost(
        rubric=rubric,
        counter=counter,
        basis=basis,
        sections=tuple(
            SectionCost(section_id=s.id, minutes=s.time_budget_minutes, tokens=tokens[s.id]) for s in judged
        ),
        options=_options(rubric, _sum(list(tokens.values())), judged, counter.count, interview),
    )


def _tokens(section: Section, rationale: Rationale, count: TokenCounter, interview: int) -> Tokens:
    # Differences of whole texts: a tokenizer may join what stands at a seam.
    head, bare = count(rules(rationale)), count(system_prompt(_bare(section), rationale=rationale))
    levels = count(_answer(section, rationale="none"))
    return Tokens(
        rules=head,
        rubric=bare - head,
        examples=count(system_prompt(section, rationale=rationale)) - bare,
        interview=interview,
        answer=levels,
        rationale=count(_answer(section, rationale=rationale)) - levels,
    )


def _bare(section: Section) -> Section:
    plain: tuple[Criterion, ...] = tuple(c.model_copy(update={"examples": ()}) for c in section.criteria)
    return section.model_copy(update={"criteria": plain})


def _answer(section: Section, *, rationale: Rationale) -> str:
    one = _EVIDENCE if rationale == "none" else f'{_EVIDENCE[:-1]},"rationale":"{_RATIONALE}"}}'
    return "{" + ",".join(f'"{key}":{one}' for key in answer_keys(len(section.criteria))) + "}"


def _sum(tokens: Sequence[Tokens]) -> Tokens:
    return sum(tokens, start=Tokens(rules=0, rubric=0, examples=0, interview=0, answer=0, rationale=0))


def _options(
    rubric: Rubric, now: Tokens, judged: Sequence[Section], count: TokenCounter, interview: Mapping[str, int]
) -> tuple[Option, ...]:
    """The rubric as it is, then each option turned the other way."""
    other: Rationale = "short" if rubric.rationale == "none" else "none"
    options = [Option(name="as it is", tokens=now, time=_time(rubric.rationale), is_now=True)]
    if now.examples:
        bare = [_tokens(_bare(s), rubric.rationale, count, interview[s.id]) for s in judged]
        options.append(Option(name="without examples", tokens=_sum(bare), time=_time(rubric.rationale)))
    turned = [_tokens(section, other, count, interview[section.id]) for section in judged]
    options.append(Option(name=f"rationale: {other}", tokens=_sum(turned), time=_time(other)))
    return tuple(options)


def _time(rationale: Rationale) -> float:
    return RATIONALE_TIME_FACTOR if rationale == "short" else 1.0


def cost_json(cost: Cost) -> dict[str, Any]:
    """The same figures for programs."""
    total = cost.total
    return {
        "ref": cost.rubric.ref,
        "digest": cost.rubric.digest,
        "prompt_version": PROMPT_VERSION,
        "rationale": cost.rubric.rationale,
        "counted_by": cost.counter.name,
        "estimate": cost.counter.estimate,
        "interview_basis": cost.basis,
        "sections": [{"id": s.section_id, "minutes": s.minutes, "tokens": s.tokens.to_json()} for s in cost.sections],
        "total": total.to_json(),
        "prefix_share": round(total.prefix / total.read, 4) if total.read else None,
        "options": [
            {"name": o.name, "now": o.is_now, "tokens": o.tokens.to_json(), "judge_time_factor": o.time}
            for o in cost.options
        ],
        "judge_time_basis": TIME_BASIS,
    }


def cost_rendering(cost: Cost) -> RenderableType:
    """For people, within 80 columns."""
    total = cost.total
    share = f"{total.prefix / total.read:.0%}" if total.read else "nothing"
    return Group(
        Text.assemble((cost.rubric.ref, "bold cyan"), "  ", (cost.rubric.title, "bold")),
        Text(f"Tokens of one interview; prompt {PROMPT_VERSION}, rationale: {cost.rubric.rationale}"),
        Text(f"Counted by {cost.counter.name}", style="dim"),
        Text(f"Interview: {cost.basis}", style="dim"),
        Text(""),
        _section_table(cost),
        Text(""),
        Text(
            f"Rules, rubric and examples are {share} of what is read. They stand before the interview and are the same "
            "for every candidate, so that an engine with a prefix cache works them out once."
        ),
        Text(""),
        _option_table(cost.options),
        Text(""),
        Text(f"Judge's time: 1 is short answers; {RATIONALE_TIME_FACTOR:g} was {TIME_BASIS}.", style="dim"),
        Text("A chat template adds 10 to 30 tokens to each section.", style="dim"),
    )


def _section_table(cost: Cost) -> Table:
    table = _table("Section", "Rules", "Rubric", "Examples", "Interview", "Answer")
    rationales = cost.rubric.rationale == "short"
    if rationales:
        table.add_column("Rationale", justify="right", no_wrap=True)
    rows = [*((s.section_id, s.tokens) for s in cost.sections), ("in all", cost.total)]
    for name, t in rows:
        counts = [t.rules, t.rubric, t.examples, t.interview, t.answer, *([t.rationale] if rationales else [])]
        table.add_row(Text(name), *(f"{count:,}" for count in counts), style="bold" if name == "in all" else "")
    return table


def _option_table(options: Sequence[Option]) -> Table:
    now = options[0]
    table = _table("Option", "Read", "Written", "Judge's time")
    for o in options:
        read, written = o.tokens.read, o.tokens.written
        cells = (f"{read:,}", f"{written:,}") if o.is_now else _apart((read, written), now.tokens)
        table.add_row(Text(o.name), *cells, f"{o.time:g} x")
    return table


def _apart(counts: tuple[int, int], now: Tokens) -> tuple[str, str]:
    return f"{counts[0] - now.read:+,}", f"{counts[1] - now.written:+,}"


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
