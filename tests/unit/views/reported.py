"""Reports of runs that no database ever saw."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from evaluator.budgets import Budget
from evaluator.storage.costs import Spent
from evaluator.storage.run_facts import Evidence, Terms, Went
from evaluator.storage.watching import STANDINGS, Compared, Effort, Figures, RunMember, RunSeen
from evaluator.views.run_report import RunReport, report_of

AT = datetime(2026, 11, 21, 22, 0, 3, tzinfo=UTC)
COUNTS = {"scored": 288, "needs_review": 21, "unscorable": 5, "failed": 2, "skipped": 4}
BLINDED = {"under_review": 314, "failed": 2, "skipped": 4}
FAILED = (
    RunMember(
        interview_id="iv-88",
        candidate_ref="C-88",
        scorecard_id=None,
        code="cut_answer",
        detail="section system-design: the judge's answer does not count (cut_answer)",
        attempts=3,
        stalls=0,
    ),
    RunMember(
        interview_id="iv-91",
        candidate_ref="C-91",
        scorecard_id=None,
        code="object_missing",
        detail="transcripts/iv-91/0123.json is not in the store",
        attempts=1,
        stalls=0,
    ),
)
WENT = Went(
    judged=1_911,
    reused=42,
    retries=63,
    invalid=9,
    handed_back=12,
    interruptions=1,
    standstill_s=192.0,
    standstill_at=AT + timedelta(hours=1, minutes=40),
)
NOTHING = Went(
    judged=0, reused=0, retries=0, invalid=0, handed_back=0, interruptions=0, standstill_s=None, standstill_at=None
)
EFFORT = Effort(
    sections=1_911, prompt_tokens=9_800_000, cached_tokens=8_134_000, completion_tokens=640_000, p50_s=3.9, p95_s=9.8
)
SPENT = Spent(
    money=Decimal("6.664"),
    currency="USD",
    node_s=14_112.0,
    engine_s=12_240.0,
    prompt_tokens=9_800_000,
    cached_tokens=8_134_000,
    completion_tokens=640_000,
)
TERMS = Terms(id=1, budget=Budget(kind="money", amount=Decimal(10)), schedule=None, night=None)
THIS = Figures(runs=1, scorecards=314, mean=3.208, overridden=0.06, levels=900, spread=0.029)
BEFORE = Figures(runs=7, scorecards=2_000, mean=3.23, overridden=0.056, levels=6_000, spread=0.03)


def a_run(**changes: object) -> RunSeen:
    """A night that has ended."""
    values = {
        "name": "night-2026-11-21",
        "state": "closed",
        "closed_because": "finished",
        "model": "Llama-3.1-8B-AWQ@9c1e",
        "selection": {},
        "counts": dict.fromkeys(STANDINGS, 0) | COUNTS,
        "sections_done": 1_911,
        "sections_total": 1_927,
        "created_at": AT,
        "closed_at": AT + timedelta(hours=4, minutes=19),
        "deadline": AT + timedelta(hours=8),
        "now": AT + timedelta(hours=12),
    }
    return RunSeen.model_validate({**values, **changes})


def a_report(run: RunSeen | None = None, **changes: object) -> RunReport:
    """Of that night."""
    values = {
        "went": WENT,
        "evidence": Evidence(kept=3_000, dropped=34, without=13),
        "effort": EFFORT,
        "spent": SPENT,
        "compared": Compared(this=THIS, before=BEFORE),
        "failed": FAILED,
    }
    terms = changes.pop("terms", TERMS)
    return report_of(run or a_run(), terms, **{**values, **changes})


def an_empty_report() -> RunReport:
    """Of a run that has just begun, with nothing that is known yet."""
    pending = dict.fromkeys(STANDINGS, 0) | {"pending": 2}
    run = a_run(state="open", closed_because=None, closed_at=None, counts=pending, sections_done=0, deadline=None)
    no_effort = Effort(
        sections=0, prompt_tokens=None, cached_tokens=None, completion_tokens=None, p50_s=None, p95_s=None
    )
    return a_report(
        run,
        terms=Terms(id=1, budget=None, schedule=None, night=None),
        went=NOTHING,
        evidence=Evidence(),
        effort=no_effort,
        spent=SPENT.model_copy(update={"money": None, "currency": None, "node_s": 0.0, "engine_s": 0.0}),
        compared=None,
        failed=(),
    )
