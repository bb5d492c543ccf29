"""A run as it is read: how far it is, the account of its interviews, its pace, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evaluator.runs import punctuality
from evaluator.storage.watching import STANDINGS, UNDER_REVIEW, Bin, Effort, RunMember, RunSeen
from evaluator.views.run_words import PUNCTUALITY_WORDS, STANDING_WORDS, run_outlook, short, span_words
from evaluator.web.sparkline import Sparkline, bin_width, sparkline
from evaluator.words import counted, failure_words, iso, visible

_STATES = {"open": ("Running", "calm"), "paused": ("Paused", "attention")}
_ENDS = {
    "finished": ("Finished", "good"),
    "stopped": ("Stopped by an operator", "attention"),
    "deadline": ("Ended at its deadline", "attention"),
    "budget": ("Ended on its budget", "attention"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """How many of a run's interviews stand somewhere."""

    name: str
    words: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLine:
    """A run in the list."""

    name: str
    state: str
    tone: str
    model: str
    done: int
    selected: int
    percent: int
    failed: int
    sections: str  # `12 of 18`
    started_at: datetime
    took: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FailureLine:
    """One interview that failed."""

    interview_id: str
    candidate_ref: str
    code: str
    words: str
    detail: str | None
    tries: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineRow:
    """One stretch of the timeline in words."""

    at: datetime
    sections: int
    reused: int
    stops: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """One run."""

    line: RunLine
    account: tuple[Share, ...]  # adds up to what was selected
    adds_up: bool
    running: bool
    deadline: datetime | None
    ended_at: datetime | None
    estimate: str | None  # `done in 4 to 9 min`
    rate: str | None  # `7.4 sections a minute`
    speed: str | None  # `p50 3.9 s, p95 9.8 s`
    tokens: str | None
    selection: tuple[tuple[str, str], ...]
    failures: tuple[FailureLine, ...]
    failures_hidden: int
    waiting: tuple[RunMember, ...]  # need review
    unscorable: tuple[RunMember, ...]
    timeline: Sparkline
    rows: tuple[TimelineRow, ...]
    bin_words: str  # `10 minutes`
    stops: int


def run_line(run: RunSeen) -> RunLine:
    """The run in one line."""
    words, tone = _STATES.get(run.state) or _ENDS.get(run.closed_because or "", ("Closed", "calm"))
    done = run.selected - run.open
    ended = run.closed_at
    return RunLine(
        name=visible(run.name),
        state=words,
        tone=tone,
        model=visible(run.model),
        done=done,
        selected=run.selected,
        percent=100 * done // run.selected if run.selected else 100,
        failed=run.counts["failed"],
        sections=f"{run.sections_done} of {run.sections_total}",
        started_at=run.created_at,
        took=span_words(ended - run.created_at) if ended else None,
    )


def account(run: RunSeen) -> tuple[Share, ...]:
    """Where the run's interviews stand; the blind review's share only where there is one."""
    return tuple(
        Share(name=name, words=STANDING_WORDS[name], number=run.counts[name])
        for name in STANDINGS
        if name != UNDER_REVIEW or run.counts[name]
    )


def run_view(
    run: RunSeen,
    bins: Sequence[Bin],
    effort: Effort,
    *,
    minutes: Sequence[int] = (),
    failures: Sequence[RunMember] = (),
    waiting: Sequence[RunMember] = (),
    unscorable: Sequence[RunMember] = (),
) -> RunView:
    """The whole page of a run. minutes: sections judged in each of the last ones, the oldest first."""
    length = timeline_length(run)
    width = bin_width(length)
    shares = account(run)
    return RunView(
        line=run_line(run),
        account=shares,
        adds_up=sum(s.number for s in shares) == run.selected,
        running=run.state != "closed",
        deadline=run.deadline,
        ended_at=run.closed_at,
        estimate=_estimate(run, minutes),
        rate=_rate(bins, length),
        speed=_speed(effort),
        tokens=_tokens(effort),
        selection=_selection(run.selection),
        failures=tuple(_failure(member) for member in failures),
        failures_hidden=run.counts["failed"] - len(failures),
        waiting=tuple(waiting),
        unscorable=tuple(unscorable),
        timeline=sparkline(bins, length=length, width=width),
        rows=tuple(
            TimelineRow(at=run.created_at + width * b.number, sections=b.sections, reused=b.reused, stops=b.stops)
            for b in bins
        ),
        bin_words=span_words(width),
        stops=sum(b.stops for b in bins),
    )


def timeline_length(run: RunSeen) -> timedelta:
    """From the run's start to its end, or to now."""
    return max((run.closed_at or run.now) - run.created_at, timedelta(seconds=1))


def _estimate(run: RunSeen, minutes: Sequence[int]) -> str | None:
    """How long the rest may take, as a range, and whether that is in time."""
    if run.state != "open" or not run.open:
        return None
    found = run_outlook(run, minutes)
    if found.still:
        return "stands still: no section was finished in the last minutes"
    if found.pace is None:
        return "too early for an estimate"
    low, high = (span_words(timedelta(seconds=s)) for s in (found.pace.low_s, found.pace.high_s))
    when = f"done in about {low}" if low == high else f"done in {low} to {high}"
    kept = punctuality(found.pace, now=run.now, deadline=run.deadline)
    return f"{when}, {PUNCTUALITY_WORDS[kept]}" if kept else when


def _rate(bins: Sequence[Bin], length: timedelta) -> str | None:
    judged = sum(b.sections for b in bins)
    return f"{judged / (length.total_seconds() / 60):.1f} sections a minute" if judged else None


def _speed(effort: Effort) -> str | None:
    if effort.p50_s is None or effort.p95_s is None:
        return None
    return f"half of the sections within {effort.p50_s:.1f} s, 95 of 100 within {effort.p95_s:.1f} s"


def _tokens(effort: Effort) -> str | None:
    if effort.prompt_tokens is None:
        return None
    cached = (
        f", {100 * (effort.cached_tokens or 0) / effort.prompt_tokens:.0f} % of them cached"
        if (effort.prompt_tokens and effort.cached_tokens is not None)
        else ""
    )
    return f"{short(effort.prompt_tokens)} in{cached}; {short(effort.completion_tokens or 0)} out"


def _selection(selection: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    only = {"missing": "without a scorecard", "failed": "that failed", "stale": "scored otherwise", "all": "all"}
    rows = [("Interviews", only.get(str(selection.get("only")), "selected"))]
    named = {"requisition": "Requisition", "rubric": "Rubric", "since": "Taken in since", "until": "Taken in until"}
    rows += [(name, visible(str(selection[key]))) for key, name in named.items() if selection.get(key)]
    if selection.get("limit"):
        rows.append(("At most", str(selection["limit"])))
    if selection.get("interviews"):
        rows.append(("Chosen by name", counted(len(selection["interviews"]), "interview")))
    if selection.get("rescore"):
        rows.append(("Re-scoring", visible(str(selection.get("reason") or "yes"))))
    return tuple(rows)


def _failure(member: RunMember) -> FailureLine:
    tries = [counted(member.attempts, "try", "tries")] if member.attempts else []
    tries += [counted(member.stalls, "stall")] if member.stalls else []
    return FailureLine(
        interview_id=member.interview_id,
        candidate_ref=visible(member.candidate_ref),
        code=visible(member.code or "unknown"),
        words=failure_words(member.code),
        detail=visible(member.detail) if member.detail else None,
        tries=", ".join(tries) or "–",
    )


def run_json(run: RunSeen, minutes: Sequence[int] = ()) -> dict[str, Any]:
    """The numbers that change while a run goes on."""
    line = run_line(run)
    return {
        "run": run.name,
        "state": run.state,
        "closed_because": run.closed_because,
        "state_words": line.state,
        "selected": run.selected,
        "done": line.done,
        "percent": line.percent,
        "counts": dict(run.counts),
        "sections": {"done": run.sections_done, "total": run.sections_total},
        "estimate": _estimate(run, minutes),
        "started_at": iso(run.created_at),
        "now": iso(run.now),
    }
