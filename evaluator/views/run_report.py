"""The report of a run: one value from which the text, the JSON and the page are made, so that they cannot disagree."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from pydantic import model_validator
from sqlalchemy import Connection

from evaluator.budgets import Budget
from evaluator.evaluation import RunCounts
from evaluator.people import Viewer
from evaluator.runs import exit_code, headline, retryable, way_out
from evaluator.storage.costs import Spent, run_spent
from evaluator.storage.run_facts import Evidence, Terms, Went, run_evidence, run_terms, run_went
from evaluator.storage.watching import (
    HIDDEN_MIN,
    STANDINGS,
    UNDER_REVIEW,
    Compared,
    Effort,
    RunMember,
    RunSeen,
    members_standing,
    run_compared,
    run_effort,
    run_seen,
)
from evaluator.values import Frozen
from evaluator.views.costs import spent_json

FAILURES_MAX = 100  # that a report names
HOUR_S = 3_600
_SECTION = re.compile(r"section (\S{1,200}?):? ")


class Failure(Frozen):
    """One interview that failed."""

    interview: str
    section: str | None  # in which it failed; None: in none
    reason: str  # a short code
    detail: str | None
    attempts: int
    stalls: int
    retryable: bool  # trying again is all that it takes
    way_out: str


class RunReport(Frozen):
    """How a run went, as one viewer may see it; the account always adds up to `selected`."""

    name: str
    state: str  # open, paused or closed
    closed_because: str | None
    model: str
    schedule: str | None
    night: str | None  # the local date on which its night began
    started_at: datetime
    finished_at: datetime | None
    at: datetime  # up to when it is told: its end, or now
    deadline: datetime | None
    budget: Budget | None
    selected: int
    counts: Mapping[str, int]  # STANDINGS -> interviews
    sections_done: int
    sections_total: int
    went: Went
    evidence: Evidence
    effort: Effort
    spent: Spent | None  # None: not for this viewer
    compared: Compared | None  # None: it has not ended
    failures: tuple[Failure, ...]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.selected != sum(self.counts.values()):
            raise ValueError("an account that does not add up")
        return self

    @property
    def headline(self) -> str:
        """How it stands, in capitals."""
        return headline(self.state, self.closed_because, self.counts["failed"])

    @property
    def exit_code(self) -> int:
        """That a command ends with which saw the run to its end."""
        return exit_code(RunCounts(failed=self.counts["failed"]), self.closed_because)

    @property
    def failures_unseen(self) -> int:
        """Failed interviews that are not named: too many, or of requisitions that the viewer does not see."""
        return self.counts["failed"] - len(self.failures)

    @property
    def took(self) -> timedelta:
        """From its start to its end, or so far."""
        return max(self.at - self.started_at, timedelta(seconds=1))

    @property
    def per_minute(self) -> float | None:
        """Sections judged; None: none was."""
        return self.went.judged / (self.took.total_seconds() / 60) if self.went.judged else None

    @property
    def invalid_share(self) -> float | None:
        """Of all answers of the judge, those that did not count."""
        answers = self.went.judged + self.went.invalid
        return self.went.invalid / answers if answers else None

    @property
    def dropped_share(self) -> float | None:
        """Of all cited ids, those that did not count."""
        cited = self.evidence.kept + self.evidence.dropped
        return self.evidence.dropped / cited if cited else None

    @property
    def cached_share(self) -> float | None:
        """Of the prompts' tokens, those that the engine did not have to read again; None: not told."""
        if not self.effort.prompt_tokens or self.effort.cached_tokens is None:
            return None
        return self.effort.cached_tokens / self.effort.prompt_tokens

    @property
    def per_interview(self) -> Decimal | None:
        """What each interview cost that came to an end in this run; None: no price, or none did."""
        ended = sum(self.counts[name] for name in ("scored", "needs_review", "unscorable", UNDER_REVIEW))
        return self.spent.money / ended if self.spent and self.spent.money is not None and ended else None

    @property
    def left_undone(self) -> bool:
        """Whether there is something to try again: failed, or left by a run that was stopped."""
        return self.counts["failed"] > 0 or self.closed_because not in {None, "finished"}


def run_report(db: Connection, viewer: Viewer, name: str) -> RunReport:
    """The report, as this viewer may see it. NotFound.

    What scorecards say that a blind review keeps from the viewer is left out, but where they are many; so is what they
    took, for how much the judge wrote depends on what it said.
    """
    run, terms = run_seen(db, viewer, name), run_terms(db, name)
    return report_of(
        run,
        terms,
        went=run_went(db, run),
        evidence=run_evidence(db, viewer, name),
        effort=run_effort(db, viewer, name),
        spent=run_spent(db, terms.id) if viewer.may_globally("see_costs") and not few_hidden(run.counts) else None,
        compared=run_compared(db, viewer, name) if run.state == "closed" else None,
        failed=tuple(members_standing(db, viewer, name, "failed", limit=FAILURES_MAX)),
    )


def few_hidden(counts: Mapping[str, int]) -> bool:
    """Whether so few interviews are under blind review that sums over them would tell of each."""
    return 0 < counts[UNDER_REVIEW] < HIDDEN_MIN


def report_of(
    run: RunSeen,
    terms: Terms,
    *,
    went: Went,
    evidence: Evidence,
    effort: Effort,
    spent: Spent | None,
    compared: Compared | None,
    failed: tuple[RunMember, ...],
) -> RunReport:
    """The report of these findings."""
    return RunReport(
        name=run.name,
        state=run.state,
        closed_because=run.closed_because,
        model=run.model,
        schedule=terms.schedule,
        night=terms.night.isoformat() if terms.night else None,
        started_at=run.created_at,
        finished_at=run.closed_at,
        at=run.closed_at or run.now,
        deadline=run.deadline,
        budget=terms.budget,
        selected=run.selected,
        counts=run.counts,
        sections_done=run.sections_done,
        sections_total=run.sections_total,
        went=went,
        evidence=evidence,
        effort=effort,
        spent=spent,
        compared=compared,
        failures=tuple(_failure(member) for member in failed),
    )


def _failure(member: RunMember) -> Failure:
    code = member.code or "unknown"
    named = _SECTION.match(member.detail or "")
    return Failure(
        interview=member.interview_id,
        section=named[1] if named else None,
        reason=code,
        detail=member.detail,
        attempts=member.attempts,
        stalls=member.stalls,
        retryable=retryable(code),
        way_out=way_out(code),
    )


def report_json(report: RunReport) -> dict[str, Any]:
    """The report for programs: all that `debrief run status --json` has, and more; what is not known is null."""
    went, effort = report.went, report.effort
    return {
        "run": report.name,
        "state": report.headline.lower().replace(" ", "_"),
        "exit_code": report.exit_code,
        "closed_because": report.closed_because,
        "model": report.model,
        "schedule": report.schedule,
        "night": report.night,
        "counts": {"selected": report.selected, **_counts(report)},
        "sections": {
            "done": report.sections_done,
            "scored": report.sections_done,
            "total": report.sections_total,
            "judged": went.judged,
            "reused": went.reused,
            "retries": went.retries,
            "invalid_output": went.invalid,
            "evidence_dropped": report.evidence.dropped,
            "per_minute": _rounded(report.per_minute),
            "p50_s": _rounded(effort.p50_s),
            "p95_s": _rounded(effort.p95_s),
        },
        "tokens": {
            "prompt": effort.prompt_tokens,
            "completion": effort.completion_tokens,
            "cached": effort.cached_tokens,
        },
        "cost": _cost_json(report),
        "budget": report.budget.model_dump(mode="json") if report.budget else None,
        "interruptions": {
            "workers": went.interruptions,
            "handed_back": went.handed_back,
            "longest_standstill_s": _rounded(went.standstill_s),
        },
        "compared": _compared_json(report.compared),
        "failures": [one.model_dump(mode="json") for one in report.failures],
        "failures_unseen": report.failures_unseen,
        "started_at": report.started_at,
        "finished_at": report.finished_at,
        "deadline": report.deadline,
        "resume": f"debrief run resume {report.name}" if report.state != "closed" else None,
    }


def _counts(report: RunReport) -> dict[str, int]:
    """The blind review's share only where there is one, as everywhere."""
    return {name: report.counts[name] for name in STANDINGS if name != UNDER_REVIEW or report.counts[name]}


def _cost_json(report: RunReport) -> dict[str, Any] | None:
    spent = report.spent
    if spent is None:
        return None
    told, each = spent_json(spent), report.per_interview
    return {
        **told,
        "usd": told["money"] if spent.currency == "USD" else None,
        "per_interview": None if each is None else float(round(each, 6)),
        "gpu_hours": round(spent.node_s / HOUR_S, 4),
        "engine_hours": round(spent.engine_s / HOUR_S, 4),
        "unpriced_hours": round(spent.unpriced_s / HOUR_S, 4),
    }


def _compared_json(compared: Compared | None) -> dict[str, Any] | None:
    if compared is None:
        return None
    figures = ("runs", "scorecards", "mean", "overridden", "spread")
    return {side: {name: getattr(one, name) for name in figures} for side, one in compared}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
