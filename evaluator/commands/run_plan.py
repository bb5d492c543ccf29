"""What a run will take, told before it begins, and the limits that it is given on the command line."""

from datetime import UTC, datetime
from typing import Any

from evaluator.budgets import budget_words, check_priced, parse_budget
from evaluator.commands.output import plain, put, put_json, say
from evaluator.nights import deadline_of, zone_of
from evaluator.plans import RunPlan, budget_needed, figure, plan_lines
from evaluator.settings import Settings
from evaluator.storage.plans import plan_of
from evaluator.storage.runs import Limits, Member, Selection, selected
from evaluator.wiring import Services

BUDGET_HELP = "close it when so much is spent: 10 (money), 3h (engine hours) or 2Mtok (tokens)"
DEADLINE_HELP = "close it at 06:00, in +6h, or at 2026-11-24T06:00Z"
ZONE_HELP = "the time zone of --deadline, such as Europe/Berlin"


def limits_of(*, budget: str | None, deadline: str | None, zone: str) -> Limits:
    """What `--budget`, `--deadline` and `--zone` say; UsageFault, before anything is started."""
    place = zone_of(zone)
    return Limits(
        budget=parse_budget(budget) if budget is not None else None,
        deadline=deadline_of(deadline, now=datetime.now(UTC), zone=place) if deadline is not None else None,
    )


def check_limits(limits: Limits, settings: Settings) -> Limits:
    """The limits; UsageFault where they need a price and there is none."""
    check_priced(limits.budget, priced=settings.priced)
    return limits


def planned(found: Services, selection: Selection) -> tuple[list[Member], RunPlan]:
    """What the selection finds now, and what scoring it will take."""
    with found.database.begin() as db:
        members = selected(db, selection, found.judge)
        return members, plan_of(db, members, found.judge)


def say_plan(plan: RunPlan, limits: Limits, settings: Settings) -> None:
    """To people, on stderr, before a run begins."""
    for line in (*plan_lines(plan), *_limit_lines(plan, limits, settings)):
        say(line)


def put_plan(plan: RunPlan, limits: Limits, settings: Settings) -> None:
    """What a dry run is for: the plan as data."""
    for line in (*plan_lines(plan), *_limit_lines(plan, limits, settings)):
        put(line)
    put("Nothing was started.")


def put_plan_json(members: list[Member], plan: RunPlan, limits: Limits) -> None:
    """The same for programs, with the interviews by name."""
    facts: dict[str, Any] = plain(plan)
    told = {**facts, "interviews": [m.interview_id for m in members], "selected": plan.interviews}
    put_json({**told, **plain(limits)})


def _limit_lines(plan: RunPlan, limits: Limits, settings: Settings) -> tuple[str, ...]:
    parts = []
    if limits.budget:
        parts.append(f"budget {budget_words(limits.budget, settings.currency)}")
    if limits.deadline:
        parts.append(f"deadline {limits.deadline:%Y-%m-%d %H:%M} UTC")
    lines = [f"      {' · '.join(parts)}"] if parts else []
    return (*lines, *_doubts(plan, limits))


def _doubts(plan: RunPlan, limits: Limits) -> tuple[str, ...]:
    """Where the past says that a limit comes before the end."""
    found, lines = plan.forecast, []
    if found is None:
        return ()
    needed = budget_needed(found, limits.budget) if limits.budget else None
    if limits.budget and needed and needed.median > float(limits.budget.amount):
        lines.append(f"      !! past runs took {figure(needed.median)} for as much: the budget will end it first")
    if (
        limits.deadline
        and (hours := (limits.deadline - datetime.now(UTC)).total_seconds() / 3_600) < found.hours.median
    ):
        lines.append(
            f"      !! past runs took {figure(found.hours.median)} h for as much, the deadline is in {hours:.1f} h"
        )
    return tuple(lines)
