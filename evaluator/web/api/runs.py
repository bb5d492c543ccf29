"""Runs by the API: the list, the account of each, and starting one over what a selection finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from sqlalchemy import Connection

from evaluator.budgets import budget_text, check_priced
from evaluator.errors import Unavailable
from evaluator.evaluation import Only
from evaluator.people import Viewer
from evaluator.plans import Forecast
from evaluator.storage import audit
from evaluator.storage.plans import plan_of
from evaluator.storage.runs import Judge, Member, Selection, selected, start_run
from evaluator.storage.watching import HIDDEN_MIN, RUNS_MAX, RunSeen, run_seen, runs_seen
from evaluator.values import Frozen, Id, Moment
from evaluator.web.api.budgets import BudgetText, budget_of
from evaluator.web.api.conventions import CursorText, Limit, Page, answer, cursor_of, idempotent, paged
from evaluator.web.api.filters import RUBRIC_PATTERN, written
from evaluator.web.api.interviews import Sections
from evaluator.web.api.publishing import IDEMPOTENCY_KEY, Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.problems import Refusal
from evaluator.web.rights import AsVisit, Globally

NAMED_MAX = 1_000  # interviews that one request can name
INTERVIEWS_MAX = 1_000_000
RUNS_OF_A_PAGE = RUNS_MAX - 1  # one more is read, to see whether there is more

MOMENT_MIN, MOMENT_MAX = datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 12, 31, tzinfo=UTC)


def _storable(moment: datetime) -> datetime:
    """A moment beyond these does as they do; PostgreSQL knows more of them than can be read back."""
    if not MOMENT_MIN.year <= moment.year < MOMENT_MAX.year:
        return MOMENT_MIN if moment.year < MOMENT_MIN.year else MOMENT_MAX
    return moment


Bounded = Annotated[Moment, BeforeValidator(written), AfterValidator(_storable)]

_COUNTS = {
    "scored": 280,
    "needs_review": 21,
    "unscorable": 4,
    "under_review": 0,
    "failed": 3,
    "blocked": 2,
    "skipped": 0,
    "cancelled": 0,
    "running": 4,
    "pending": 6,
}


class SelectionSeen(Frozen):
    """What a run was started over."""

    only: Only = Field(description="Of the interviews: without a scorecard, failed, of another judge or rubric, all.")
    requisition: str | None = Field(examples=["REQ-114"])
    rubric: str | None = Field(examples=["backend-eng@4"])
    interviews: int = Field(description="How many were named one by one; 0: none.", examples=[0])
    since: Moment | None = Field(examples=[None])
    until: Moment | None = Field(examples=[None])
    limit: int | None = Field(examples=[None])
    rescore: bool = Field(description="Whether they are judged again.")


class RunItem(Frozen):
    """A run; `selected` is the sum of `counts`, and those of a closed run never change."""

    name: str = Field(examples=["night-2026-11-21"])
    state: Literal["open", "paused", "closed"]
    closed_because: str | None = Field(
        description="finished, stopped, deadline or budget; null while it goes on.", examples=[None]
    )
    model: str = Field(description="The judge as name@revision.", examples=["Llama-3.1-8B-AWQ@9c1e"])
    selection: SelectionSeen
    selected: int = Field(examples=[320])
    counts: dict[str, int] = Field(
        description="Where its interviews stand. `under_review`: judged, and hidden from the asker by a blind review.",
        examples=[_COUNTS],
    )
    sections: Sections
    started_at: Moment = Field(examples=["2026-11-21T22:00:00Z"])
    ended_at: Moment | None = Field(examples=[None])
    deadline: Moment | None = Field(
        description="Nothing more is claimed from then on.", examples=["2026-11-22T06:00:00Z"]
    )
    budget: str | None = Field(description="It is closed once it has spent so much.", examples=["3h"])

    @classmethod
    def of(cls, run: RunSeen) -> "RunItem":
        """The numbers as they are; when they were read is not among them, so that the ETag stays while they do."""
        wanted = Selection.model_validate(run.selection)
        named = wanted.model_dump(include={"only", "requisition", "rubric", "since", "until", "limit", "rescore"})
        return cls(
            name=run.name,
            state=run.state,
            closed_because=run.closed_because,
            model=run.model,
            selection=SelectionSeen(**named, interviews=len(wanted.interviews)),
            selected=run.selected,
            counts=dict(run.counts),
            sections=Sections(done=run.sections_done, total=run.sections_total),
            started_at=run.created_at,
            ended_at=run.closed_at,
            deadline=run.deadline,
            budget=budget_text(run.budget) if run.budget else None,
        )


class NewRun(Frozen):
    """What to score, with the judge of this deployment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "night-2026-11-21", "only": "missing", "requisition": "REQ-114", "dry_run": True}]
        }
    )

    name: Id | None = Field(default=None, description="Made from the moment where none is given.")
    only: Only = Field(default="missing", description="missing: no scorecard yet; stale: of another judge or rubric.")
    requisition: Id | None = None
    rubric: Annotated[str, Field(pattern=RUBRIC_PATTERN)] | None = Field(default=None, description="`id@version`")
    interviews: tuple[Id, ...] = Field(default=(), max_length=NAMED_MAX, description="Only these; none: all.")
    since: Bounded | None = Field(default=None, description="Taken in at or after.")
    until: Bounded | None = Field(default=None, description="Taken in before.")
    limit: int | None = Field(default=None, ge=1, le=INTERVIEWS_MAX)
    deadline: Bounded | None = Field(default=None, description="Claim nothing from then on.")
    budget: BudgetText | None = None
    dry_run: bool = Field(default=False, description="Only say what would be scored.")

    @property
    def selection(self) -> Selection:
        """As runs keep it."""
        facts = {"only", "requisition", "rubric", "interviews", "since", "until", "limit"}
        return Selection(**self.model_dump(include=facts))


class Plan(Frozen):
    """What a run over this selection would be; nothing was started."""

    interviews: int = Field(examples=[320])
    to_judge: int = Field(description="Those that are not done and not blocked.", examples=[310])
    blocked: int = Field(description="Without consent, or broken off and not released.", examples=[2])
    sections: int = Field(description="Of all of them, at most that many calls of the judge.", examples=[2240])
    model: str = Field(examples=["Llama-3.1-8B-AWQ@9c1e"])
    forecast: Forecast | None = Field(
        description="What those to judge will take, by past runs of this judge; null: there are none, or too few.",
        examples=[None],
    )

    @classmethod
    def of(cls, db: Connection, members: Sequence[Member], judge: Judge) -> "Plan":
        """Counted from what the selection finds now."""
        plan = plan_of(db, members, judge, interviews_min=HIDDEN_MIN)
        return cls(
            interviews=plan.interviews,
            to_judge=plan.to_judge,
            blocked=plan.blocked,
            sections=sum(m.row["sections_total"] for m in members),
            model=plan.model,
            forecast=plan.forecast,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunApi:
    """The handlers."""

    site: Site

    def runs(self, visit: AsVisit, request: Request, limit: Limit = 50, cursor: CursorText = None) -> Response:
        """Runs, the newest first."""
        limit, place = min(limit, RUNS_OF_A_PAGE), cursor_of(cursor, of="runs")
        before = str(place.key[0]) if place else None
        with self.site.database.begin() as db:
            found = runs_seen(db, visit.viewer, limit=limit + 1, before=before)
        items = tuple(RunItem.of(run) for run in found)
        return answer(request, paged(items, limit=limit, of="runs", key=lambda run: (run.name,)))

    def run(self, visit: AsVisit, request: Request, name: Name) -> Response:
        """One run with its account."""
        with self.site.database.begin() as db:
            found = run_seen(db, visit.viewer, name)
        return answer(request, RunItem.of(found))

    def start(self, visit: AsVisit, request: Request, new: NewRun) -> Response:
        """Starts a run over what the selection finds now, and leaves it to the workers; `dry_run` only plans it.

        202 with its address, at which it can be followed. 409 where the name is taken or nothing was found.
        """
        judge = self.site.judge
        if judge is None:
            raise Unavailable("no judge is set up where these pages are served: set DEBRIEF_MODEL")

        check_priced(budget_of(new.budget), priced=self.site.priced)

        def work(db: Connection) -> Response:
            members = selected(db, new.selection, judge)
            if new.dry_run:
                return answer(request, Plan.of(db, members, judge))
            if not members:
                raise Refusal(409, "nothing_to_do", "the selection finds no interview; with only=all it takes any")
            return _started(db, request, visit.viewer, new, judge, members)

        return idempotent(self.site, request, visit, work)


def _started(
    db: Connection, request: Request, viewer: Viewer, new: NewRun, judge: Judge, members: Sequence[Member]
) -> Response:
    name = new.name or f"run-{datetime.now(UTC):%Y-%m-%d-%H%M%S}"
    start_run(
        db,
        name=name,
        selection=new.selection,
        judge=judge,
        deadline=new.deadline,
        budget=budget_of(new.budget),
        members=members,
    )
    found = run_seen(db, viewer, name)
    audit.log(db, viewer, "run.start", f"run:{name}", detail={"interviews": found.selected})
    return answer(request, RunItem.of(found), status=202, headers={"Location": f"/v1/runs/{name}"})


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api, see = RunApi(site=site), Globally("see_runs")
    planned: dict[int | str, dict[str, Any]] = {200: {"model": Plan, "description": "What would be scored (dry_run)."}}
    publish(app, "/v1/runs", api.runs, needs=see, answers=Page[RunItem])
    publish(
        app,
        "/v1/runs",
        api.start,
        needs=Globally("operate_runs"),
        answers=RunItem,
        methods=("POST",),
        status=202,
        headers=(IDEMPOTENCY_KEY,),
        more=planned,
    )
    publish(app, "/v1/runs/{name}", api.run, needs=see, answers=RunItem)
