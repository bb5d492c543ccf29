"""The lines of a run's report, which the terminal and the page print alike; what is not known is a dash, never zero."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from evaluator.budgets import Budget
from evaluator.storage.watching import HIDDEN_MIN, STANDINGS, UNDER_REVIEW
from evaluator.values import Frozen
from evaluator.views.run_report import RunReport, few_hidden
from evaluator.views.run_words import STANDING_WORDS, compared_lines, short, span_words
from evaluator.words import counted, failure_words, utc, visible

NOT_KNOWN = "-"
HOUR_S = 3_600
STANDSTILL_MIN_S = 60.0  # between two sections, from which on it is told
_ALWAYS = ("scored", "needs_review", "unscorable", "failed")


class Row(Frozen):
    """One line: what it is about, and its facts."""

    label: str
    facts: tuple[str, ...]


class FailureRow(Frozen):
    """One interview that failed."""

    interview: str
    section: str
    why: str
    detail: str | None
    tries: str
    way_out: str


def report_rows(report: RunReport) -> tuple[Row, ...]:
    """All figures of the report."""
    rows = (
        ("time", _time(report)),
        ("selected", _account(report)),
        ("sections", _sections(report)),
        ("evidence", _evidence(report)),
        ("speed", _speed(report)),
        ("tokens", _tokens(report)),
        ("cost", _cost(report)),
        ("limits", _limits(report)),
        ("interruptions", _interruptions(report)),
        (_compared_label(report), _compared(report)),
        ("judge", (visible(report.model),)),
        ("schedule", _schedule(report)),
    )
    return tuple(Row(label=label, facts=facts) for label, facts in rows if facts)


def failure_rows(report: RunReport) -> tuple[FailureRow, ...]:
    """What failed, why, and what to do about it."""
    return tuple(
        FailureRow(
            interview=one.interview,
            section=visible(one.section) if one.section else "–",
            why=failure_words(one.reason),
            detail=visible(one.detail.removeprefix(f"section {one.section}: ")) if one.detail else None,
            tries=_tries(one.attempts, one.stalls),
            way_out=one.way_out,
        )
        for one in report.failures
    )


def notes(report: RunReport) -> tuple[str, ...]:
    """What a reader must know to read the figures."""
    found = []
    if hidden := report.counts[UNDER_REVIEW]:
        found.append(
            f"What the judge said of {counted(hidden, 'interview')} is not told while people review blind"
            + (
                f"; of fewer than {HIDDEN_MIN} also tokens, cost and evidence are left out."
                if few_hidden(report.counts)
                else "."
            )
        )
    if report.failures_unseen > 0:
        found.append(f"{report.failures_unseen} more failed: too many to name, or of requisitions that you do not see.")
    return tuple(found)


def next_commands(report: RunReport) -> tuple[str, ...]:
    """What can be done now, on the command line."""
    if report.state == "paused":
        return (f"debrief run resume {report.name}",)
    if report.state == "open":
        return (f"debrief run watch {report.name}",)
    failed = [f'debrief run retry {report.name} --only-failed --reason "..."'] if report.counts["failed"] else []
    left = report.counts["pending"] + report.counts["running"]
    return (*failed, *([f'debrief run retry {report.name} --reason "..."'] if left else []))


def _tries(attempts: int, stalls: int) -> str:
    tries = [counted(attempts, "try", "tries")] if attempts else []
    return ", ".join([*tries, *([counted(stalls, "stall")] if stalls else [])]) or "–"


def _time(report: RunReport) -> tuple[str, ...]:
    begun = f"{report.started_at.astimezone(UTC):%-d %b %Y %H:%M:%S}"
    if report.finished_at is None:
        return (f"since {begun} UTC", f"{span_words(report.took)} so far")
    return (f"{begun} → {_clock(report.finished_at, since=report.started_at)} UTC", span_words(report.took))


def _clock(moment: datetime, *, since: datetime) -> str:
    """The time of day, with the day where it is not the next one or the same."""
    near = moment - since < timedelta(days=1)
    return f"{moment.astimezone(UTC):%H:%M:%S}" if near else f"{moment.astimezone(UTC):%-d %b %Y %H:%M:%S}"


def _account(report: RunReport) -> tuple[str, ...]:
    shares = [n for n in STANDINGS if report.counts[n] or n in _ALWAYS]
    first, *rest = (f"{STANDING_WORDS[name]} {report.counts[name]}" for name in shares)
    return (f"{report.selected} = {first}", *(f"+ {one}" for one in rest), "✓ adds up")


def _sections(report: RunReport) -> tuple[str, ...]:
    went = report.went
    share = f" ({_percent(report.invalid_share)})" if went.invalid else ""
    reused = (f"{went.reused} from checkpoints",) if went.reused else ()
    return (
        f"{report.sections_done} of {report.sections_total}",
        *reused,
        f"retries {went.retries}",
        f"invalid output {went.invalid}{share}",
    )


def _evidence(report: RunReport) -> tuple[str, ...]:
    found = report.evidence
    if report.dropped_share is None:
        return ()
    share = f" ({_percent(report.dropped_share)})" if found.dropped else ""
    without = (f"{found.without} criteria without a level for it",) if found.without else ()
    return (f"ids dropped {found.dropped}{share}", *without)


def _speed(report: RunReport) -> tuple[str, ...]:
    if report.per_minute is None:
        return ()
    effort = report.effort
    waits = (
        ()
        if effort.p50_s is None or effort.p95_s is None
        else (f"p50 {effort.p50_s:.1f} s", f"p95 {effort.p95_s:.1f} s")
    )
    return (f"{report.per_minute:.1f} sections/min", *waits)


def _tokens(report: RunReport) -> tuple[str, ...]:
    effort = report.effort
    if effort.prompt_tokens is None:
        return ()
    cached = () if report.cached_share is None else (f"cache hit {100 * report.cached_share:.0f} %",)
    return (f"{short(effort.prompt_tokens)} in / {short(effort.completion_tokens or 0)} out", *cached)


def _cost(report: RunReport) -> tuple[str, ...]:
    spent = report.spent
    if spent is None:
        return ()
    hours = (f"{spent.node_s / HOUR_S:.2f} node-h",) if spent.node_s else ()
    busy = (f"{spent.engine_s / HOUR_S:.2f} engine-h",) if spent.engine_s else ()
    if spent.money is None:
        return (f"{NOT_KNOWN} (no price is set)", *hours, *busy)
    each = (f"{_money(report.per_interview, spent.currency, 4)} per interview",) if report.per_interview else ()
    without = (f"{spent.unpriced_s / HOUR_S:.2f} node-h without a price",) if spent.unpriced_s else ()
    return (_money(spent.money, spent.currency, 2), *hours, *busy, *each, *without)


def _money(amount: Decimal | None, currency: str | None, digits: int) -> str:
    if amount is None:
        return NOT_KNOWN
    return f"${amount:,.{digits}f}" if currency == "USD" else f"{amount:,.{digits}f} {currency or ''}".rstrip()


def _limits(report: RunReport) -> tuple[str, ...]:
    budget = (f"budget {_budget(report.budget, report)}",) if report.budget else ()
    deadline = (f"deadline {utc(report.deadline)}",) if report.deadline else ()
    because = {"deadline": ("closed at its deadline",), "budget": ("closed on its budget",)}
    return (*budget, *deadline, *because.get(report.closed_because or "", ()))


def _budget(budget: Budget, report: RunReport) -> str:
    if budget.kind == "money":
        return _money(budget.amount, report.spent.currency if report.spent else None, 2)
    if budget.kind == "engine_hours":
        return f"{budget.amount:f} engine-h"
    return f"{short(int(budget.amount))} tokens"


def _interruptions(report: RunReport) -> tuple[str, ...]:
    went = report.went
    stood = went.standstill_s is not None and went.standstill_s >= STANDSTILL_MIN_S and went.standstill_at is not None
    still = (_standstill(went.standstill_s, went.standstill_at),) if stood else ()
    if not went.interruptions:
        return ("none", *still)
    back = f"{counted(went.handed_back, 'interview')} handed back"
    return (f"{counted(went.interruptions, 'worker')} ended in between", back, *still)


def _standstill(seconds: float | None, at: datetime | None) -> str:
    assert seconds is not None  # noqa: S101  asked before
    assert at is not None  # noqa: S101
    return f"longest standstill {span_words(timedelta(seconds=seconds))} from {at.astimezone(UTC):%H:%M} UTC"


def _compared_label(report: RunReport) -> str:
    runs = report.compared.before.runs if report.compared else 0
    return f"vs {counted(runs, 'run')}"


def _compared(report: RunReport) -> tuple[str, ...]:
    names = {
        "Score mean": "mean",
        "Scorecards that a person overrode": "override rate",
        "Levels spread over 2 or more": "spread over 2 levels",
    }
    lines = compared_lines(report.compared) if report.compared else ()
    return tuple(f"{names[one.name]} {one.this}" + (f" ({one.change})" if one.change else "") for one in lines)


def _schedule(report: RunReport) -> tuple[str, ...]:
    if report.schedule is None:
        return ()
    return (visible(report.schedule), f"night of {report.night}")


def _percent(share: float | None) -> str:
    return NOT_KNOWN if share is None else f"{100 * share:.1f} %"
