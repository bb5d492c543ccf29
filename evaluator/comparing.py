"""The operation behind every comparison: who was named, what of it the viewer may see, and what stands in the way.

The page, the API, the file and the command line all come here, so that they answer alike.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import Connection

from evaluator.calibration.noise import Noise
from evaluator.calibration.replicates import latest_noise
from evaluator.comparison import (
    CANDIDATES_MAX,
    CANDIDATES_MIN,
    Comparison,
    Entrant,
    Mode,
    Order,
    compare,
)
from evaluator.errors import Conflict, Forbidden, NotFound, UsageFault
from evaluator.human import sees_judge
from evaluator.people import Viewer
from evaluator.storage import human
from evaluator.storage.compared import Meant, meant
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import StoredScorecard, find_scorecard
from evaluator.storage.requisitions import Requisition, find_requisition
from evaluator.values import ID_PATTERN, Frozen
from evaluator.words import visible
from rubrics.model import Rubric

NAMED_MAX = 50  # names that one question may hold; more than can be compared, so that one can choose among them
MODES: tuple[Mode, ...] = get_args(Mode)
ORDERS: tuple[Order, ...] = get_args(Order)

_ID = re.compile(ID_PATTERN)
_RUBRIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}@[0-9.]{1,16}", re.ASCII)


class Asked(Frozen):
    """What somebody wants to compare, and how."""

    refs: tuple[str, ...]  # ids of scorecards, of interviews (their newest scorecard), or candidates' references
    rubric: str | None = None  # id@version; None: the one that most of them were scored with
    mode: Mode = "final"
    order: Order = "interviewed_at"
    pin: str | None = None  # one of refs


class Blocked(Conflict):
    """Raised when some of the candidates cannot stand in one table with the others; carries each with its reason."""

    code = "not_comparable"

    def __init__(self, obstacles: tuple["Obstacle", ...]) -> None:
        super().__init__(
            "these cannot be compared as they stand: " + " ".join(f"{o.words} {o.way_out}" for o in obstacles)
        )
        self.obstacles = obstacles


class Obstacle(Frozen):
    """Why one candidate cannot stand in the table, and what helps."""

    kind: Literal["no_scorecard", "dismissed", "other_rubric"]
    ref: str  # as it was named
    interview_id: str
    scorecard_id: str | None
    candidate_ref: str
    words: str
    way_out: str
    rescoring_helps: bool = False  # judging it again would use the rubric version that is compared on


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """One candidate's scorecard with all that decides how it is shown."""

    refs: tuple[str, ...]  # how it was named, the first name first
    meant: Meant
    stored: StoredScorecard
    requisition: Requisition
    entrant: Entrant

    @property
    def rubric(self) -> str:
        """id@version that the scorecard was made with."""
        return f"{self.stored.rubric_id}@{self.stored.rubric_version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unscored:
    """An interview that was named and has no scorecard."""

    refs: tuple[str, ...]
    meant: Meant


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """All that was named, as this viewer may see it."""

    chosen: tuple[Chosen, ...]  # each once, in the order in which they were named
    unscored: tuple[Unscored, ...]
    rubric: Rubric | None  # None: nothing was scored
    noise: Noise | None
    twice: tuple[str, ...]  # candidates that were named more than once

    @property
    def everybody(self) -> tuple["Chosen | Unscored", ...]:
        """All that were named, those without a scorecard last."""
        return *self.chosen, *self.unscored

    @property
    def named(self) -> int:
        """How many different candidates."""
        return len(self.everybody)


def asked(
    refs: Iterable[str],
    *,
    rubric: str | None = None,
    mode: str | None = None,
    order: str | None = None,
    pin: str | None = None,
) -> Asked:
    """What an address or a command line asks for; UsageFault names the part that nobody can have meant.

    refs: names; one text may hold several, with commas between them.
    """
    names = tuple(part.strip() for one in refs for part in one.split(",") if part.strip())
    if len(names) > NAMED_MAX:
        raise UsageFault(f"{len(names)} names are more than one comparison can be asked for; at most {NAMED_MAX}")
    if mode and mode not in MODES:
        raise UsageFault(f"mode is one of {', '.join(MODES)}")
    if order and order not in ORDERS:
        raise UsageFault(f"order is one of {', '.join(ORDERS)}")
    if rubric and not _RUBRIC.fullmatch(rubric):
        raise UsageFault("rubric is written as id@version, for example backend-eng@4")
    return Asked.model_validate(
        {
            "refs": names,
            "rubric": rubric or None,
            "mode": mode or "final",
            "order": order or "interviewed_at",
            "pin": (pin or "").strip() or None,
        }
    )


def gather(db: Connection, viewer: Viewer, wanted: Asked) -> Gathered:
    """Reads all that was named.

    NotFound for a name that stands for nothing, or for nothing that the viewer may see; UsageFault for a candidate with
    several interviews.
    """
    named = _named(db, viewer, wanted.refs)
    requisitions: dict[str, Requisition] = {}
    chosen, unscored = [], []
    states = human.states(db, [one.scorecard_id for one, _ in named if one.scorecard_id])
    for one, refs in named:
        if one.scorecard_id is None:
            unscored.append(Unscored(refs=refs, meant=one))
            continue
        stored = find_scorecard(db, one.scorecard_id)
        if one.requisition not in requisitions:
            requisitions[one.requisition] = find_requisition(db, one.requisition)
        requisition = requisitions[one.requisition]
        state = states[stored.id]
        entrant = Entrant(
            scorecard_id=stored.id,
            interview_id=stored.interview_id,
            candidate_ref=stored.candidate_ref,
            requisition=stored.requisition,
            interviewed_at=stored.interviewed_at,
            body=stored.body,
            state=state,
            sees_judge=sees_judge(viewer, blind=requisition.blind, state=state),
            reviewers_needed=requisition.reviewers_needed,
            superseded_by=stored.superseded_by,
        )
        chosen.append(Chosen(refs=refs, meant=one, stored=stored, requisition=requisition, entrant=entrant))
    rubric = _rubric(db, wanted.rubric, chosen)
    return Gathered(
        chosen=tuple(chosen),
        unscored=tuple(unscored),
        rubric=rubric,
        noise=None if rubric is None else _noise(db, rubric, chosen),
        twice=tuple(dict.fromkeys(visible(one.candidate_ref) for one, refs in named if len(refs) > 1)),
    )


def compared(gathered: Gathered, wanted: Asked) -> Comparison:
    """The table of what was gathered.

    UsageFault for too few, too many and a pin that is none of them; Blocked for those that cannot stand in one table;
    Locked for the order by score while a score is hidden.
    """
    if not CANDIDATES_MIN <= gathered.named <= CANDIDATES_MAX:
        raise UsageFault(
            f"a comparison takes {CANDIDATES_MIN} to {CANDIDATES_MAX} different candidates and was given "
            f"{gathered.named}; name more or fewer"
        )
    if found := obstacles(gathered):
        raise Blocked(found)
    assert gathered.rubric is not None  # noqa: S101  without a scorecard there is an obstacle
    found_table = compare(
        [c.entrant for c in gathered.chosen],
        gathered.rubric,
        noise=gathered.noise,
        mode=wanted.mode,
        order=wanted.order,
        pin=pinned(gathered, wanted.pin),
    )
    if not gathered.twice:
        return found_table
    note = f"Named more than once, and shown once: {', '.join(gathered.twice)}."
    return found_table.model_copy(update={"notes": (*found_table.notes, note)})


def pinned(gathered: Gathered, pin: str | None) -> str | None:
    """The scorecard that the pin names, in whatever way; UsageFault when it names none of the candidates."""
    if pin is None:
        return None
    for one in gathered.chosen:
        if pin in {*one.refs, one.stored.id, one.stored.interview_id, one.stored.candidate_ref}:
            return one.stored.id
    raise UsageFault("pin names none of the candidates that are compared")


def obstacles(gathered: Gathered) -> tuple[Obstacle, ...]:
    """What stands in the way of one table, candidate by candidate."""
    found = [_without_scorecard(one) for one in gathered.unscored]
    for one in gathered.chosen:
        if one.entrant.state.dismissal is not None:
            found.append(_obstacle(one, "dismissed", "its scorecard was dismissed, so it does not count", _RESTORE))
        elif gathered.rubric is not None and one.stored.body.provenance.rubric_digest != gathered.rubric.digest:
            found.append(_other_rubric(one, gathered.rubric))
    return tuple(found)


_RESTORE = "Leave it out, or take the dismissal back on its scorecard."


def _without_scorecard(one: Unscored) -> Obstacle:
    name = visible(one.meant.candidate_ref)
    return Obstacle(
        kind="no_scorecard",
        ref=one.refs[0],
        interview_id=one.meant.interview_id,
        scorecard_id=None,
        candidate_ref=name,
        words=f"{name} ({one.meant.interview_id}): it has no scorecard yet.",
        way_out="Its page says where it stands. Leave it out until it is scored.",
    )


def _other_rubric(one: Chosen, rubric: Rubric) -> Obstacle:
    made = one.rubric if one.rubric != rubric.ref else f"another text of {one.rubric}"
    helps = one.meant.rubric == rubric.ref
    way_out = (
        f"Re-score it: it is meant for {rubric.ref} by now."
        if helps
        else (
            f"It is meant for {one.meant.rubric}: import it again with --rubric {rubric.ref}, then score it; "
            "or leave it out."
        )
    )
    found = _obstacle(one, "other_rubric", f"it was scored with {made}, the others with {rubric.ref}", way_out)
    return found.model_copy(update={"rescoring_helps": helps})


def _obstacle(one: Chosen, kind: str, why: str, way_out: str) -> Obstacle:
    name = visible(one.stored.candidate_ref)
    return Obstacle.model_validate(
        {
            "kind": kind,
            "ref": one.refs[0],
            "interview_id": one.stored.interview_id,
            "scorecard_id": one.stored.id,
            "candidate_ref": name,
            "words": f"{name} ({one.stored.id}): {why}.",
            "way_out": way_out,
        }
    )


def require_export(gathered: Gathered, viewer: Viewer) -> None:
    """Forbidden where the viewer may not take a file out of one of the requisitions."""
    if not all(viewer.may("export", c.stored.requisition) for c in gathered.chosen):
        raise Forbidden("your role does not allow files of these candidates; an administrator can say who may")


def _named(db: Connection, viewer: Viewer, refs: Sequence[str]) -> list[tuple[Meant, tuple[str, ...]]]:
    """Each scorecard, or interview without one, with the names that it was given."""
    asked_for = [ref for ref in refs if _ID.fullmatch(ref)]
    found = meant(db, asked_for, viewer.requisitions_for("see_interviews"))
    if any(ref not in found for ref in refs):
        # Which one it is would tell nothing more: what is not there and what is not yours are answered alike.
        raise NotFound("there is no scorecard, interview or candidate of one of these names, or none that you may see")
    result: dict[str, tuple[Meant, tuple[str, ...]]] = {}
    for ref in refs:
        one = _the_one(ref, found[ref])
        key = one.scorecard_id or one.interview_id
        known = result.get(key)
        result[key] = (one, (*known[1], ref) if known else (ref,))
    return list(result.values())


def _the_one(ref: str, found: Sequence[Meant]) -> Meant:
    """Of a candidate with several interviews the one with a scorecard."""
    scored = [one for one in found if one.scorecard_id is not None] or list(found)
    if len(scored) > 1:
        names = ", ".join(one.interview_id for one in scored)
        raise UsageFault(f"candidate {ref} has several interviews ({names}): name the one to compare")
    return scored[0]


def _rubric(db: Connection, wanted: str | None, chosen: Sequence[Chosen]) -> Rubric | None:
    """The version to compare on: the one that is asked for, else the one that most were scored with."""
    if wanted is not None:
        rubric_id, _, version = wanted.partition("@")
        return load_rubric(db, rubric_id, version)
    if not chosen:
        return None
    counts: Mapping[tuple[str, str], int] = Counter((c.stored.rubric_id, c.stored.rubric_version) for c in chosen)
    return load_rubric(db, *max(counts, key=lambda ref: counts[ref]))


def _noise(db: Connection, rubric: Rubric, chosen: Sequence[Chosen]) -> Noise | None:
    """What was measured last of the one judge and prompt of these scorecards; None where they have several."""
    made = (c.stored.body.provenance for c in chosen)
    judges = {(one.model, one.prompt_version, one.sampling.temperature) for one in made}
    if len(judges) != 1:
        return None
    model, prompt_version, temperature = judges.pop()
    return latest_noise(
        db,
        rubric_id=rubric.id,
        rubric_version=rubric.version,
        model=model,
        prompt_version=prompt_version,
        temperature=temperature,
    )
