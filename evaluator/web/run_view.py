"""A run as it is read: how far it is, the account of its interviews, its pace, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from evaluator.runs import pace
from evaluator.storage.watching import STANDINGS, UNDER_REVIEW, Bin, Compared, Effort, RunMember, RunSeen
from evaluator.web.sparkline import Sparkline, bin_width, sparkline
from evaluator.words import counted, failure_words, iso, visible

STANDING_WORDS = {
    "scored": "scored",
    "needs_review": "needs review",
    "unscorable": "unscorable",
    UNDER_REVIEW: "under blind review",
    "failed": "failed",
    "blocked": "blocked",
    "skipped": "skipped",
    "cancelled": "cancelled",
    "running": "running",
    "pending": "pending",
}
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
    failures: Sequence[RunMember] = (),
    waiting: Sequence[RunMember] = (),
    unscorable: Sequence[RunMember] = (),
) -> RunView:
    """The whole page of a run."""
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
        estimate=_estimate(run),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedLine:
    """One figure of a run beside the same of the runs before it."""

    name: str
    this: str
    before: str
    change: str | None  # `−0.02`


def compared_lines(compared: Compared) -> tuple[ComparedLine, ...]:
    """The figures that there are for this viewer; none where there is no run before."""
    this, before = compared.this, compared.before
    if not before.runs:
        return ()
    shares = (
        ("Scorecards that a person overrode", this.overridden, before.overridden),
        ("Levels spread over 2 or more", this.spread, before.spread),
    )
    lines = [
        ComparedLine(name=name, this=_share(one), before=_share(other), change=_change(one, other, 100, 1, " points"))
        for name, one, other in shares
    ]
    mean = ComparedLine(
        name="Score mean",
        this=_mean(this.mean),
        before=_mean(before.mean),
        change=_change(this.mean, before.mean, 1, 2),
    )
    return (mean, *lines)


def _mean(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _change(this: float | None, before: float | None, factor: int, digits: int, unit: str = "") -> str | None:
    if this is None or before is None:
        return None
    by = round(factor * (this - before), digits)
    return f"{'−' if by < 0 else '+' if by > 0 else '±'}{abs(by):.{digits}f}{unit}"


def timeline_length(run: RunSeen) -> timedelta:
    """From the run's start to its end, or to now."""
    return max((run.closed_at or run.now) - run.created_at, timedelta(seconds=1))


def _estimate(run: RunSeen) -> str | None:
    """How long the rest may take, as a range."""
    if run.state != "open" or not run.open:
        return None
    left = pace(
        sections_done=run.sections_done,
        sections_left=run.sections_total - run.sections_done,
        elapsed_s=(run.now - run.created_at).total_seconds(),
    )
    if left is None:
        return "too early for an estimate"
    low, high = (span_words(timedelta(seconds=s)) for s in (left.low_s, left.high_s))
    return f"done in about {low}" if low == high else f"done in {low} to {high}"


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
    return f"{_short(effort.prompt_tokens)} in{cached}; {_short(effort.completion_tokens or 0)} out"


def _short(number: int) -> str:
    for size, name in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f} {name}"
    return str(number)


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


def span_words(span: timedelta) -> str:
    """`45 s`, `12 min`, `4 h 19 min`."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def run_json(run: RunSeen) -> dict[str, Any]:
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
        "estimate": _estimate(run),
        "started_at": iso(run.created_at),
        "now": iso(run.now),
    }
