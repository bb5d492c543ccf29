"""Interviews with chosen judgements to be compared, in a requisition that is open and in one under blind review."""

from datetime import timedelta

from evaluator.judging import Sampling
from evaluator.manifest import Candidate
from evaluator.prompts import PROMPT_VERSION
from evaluator.scorecard import conclude
from evaluator.storage import evaluations
from evaluator.storage.calibrations import store_calibration
from evaluator.storage.runs import Judge, Selection, close_runs, start_run
from tests.factories import AT, MODEL, a_completion
from tests.integration.storage.builders import change
from tests.integration.web.world import World
from tests.unit.comparing import a_noise
from tests.unit.web.builders import SPLIT, SURE

GENEROUS = a_completion((5, 5), (["U1", "U2"], ["U2"]), ({5: 1.0}, {5: 1.0}))
FAIR = a_completion((4, 3), (["U1", "U2"], ["U2"]), ({4: 1.0}, {3: 1.0}))
SEVERE = a_completion((1, 2), (["U2"], ["U1"]), (SURE, SPLIT))
NOTHING = a_completion((0, 0), ([], []), ({0: 1.0}, {0: 1.0}))
SAYINGS = (GENEROUS, SEVERE, NOTHING)


def take_in(world: World, *names: str, requisition: str = "REQ-114", **changes) -> None:
    """Takes interviews in, each a day after the one before; `iv-3` is the interview of C-3."""
    for name in names:
        number = int(name.partition("-")[2])
        values = {"candidate": Candidate(ref=f"C-{number}"), "started_at": AT + timedelta(days=number)}
        world.interview(name, requisition=requisition, **{**values, **changes})


def score_all(world: World, said=None, *, run: str | None = "night-1", usual=FAIR) -> dict[str, str]:
    """Scores all that waits, each interview as it is said; interview -> its scorecard. run: None: one is open."""
    if run is not None:
        world.run(name=run)
    cards = {}
    while (claimed := world.claim()) is not None:
        name = claimed.work.interview_id
        completion = (said or {}).get(name, usual)
        body = conclude(
            world.transcripts[name], claimed.work.rubric, {"design": completion}, model=MODEL, sampling=Sampling()
        )
        with world.database.begin() as db:
            cards[name] = evaluations.finalize(db, claimed, body, {"sections": []})
            close_runs(db)
    return cards


def rescore(world: World, name: str, completion) -> str:
    """Judges one interview again; the newer scorecard."""
    selection = Selection(only="all", interviews=(name,), rescore=True, reason="To see whether it holds.")
    with world.database.begin() as db:
        start_run(db, name=f"again-{name}", selection=selection, judge=Judge(model=MODEL, sampling=Sampling()))
    return score_all(world, {name: completion}, run=None)[name]


def measure_noise(world: World, *, moving: bool = True) -> None:
    """A stored measurement of this judge, in which depth moves by a level now and then."""
    with world.database.begin() as db:
        store_calibration(
            db,
            kind="noise",
            rubric_id=world.rubric.id,
            rubric_version=world.rubric.version,
            model=MODEL,
            prompt_version=PROMPT_VERSION,
            body=a_noise(moving=moving).model_dump(mode="json"),
        )


def forget(world: World) -> None:
    """All interviews are to be scored again, as if for the first time."""
    for statement in (
        "DELETE FROM evaluation_event",
        "DELETE FROM scorecard",
        "UPDATE run_member SET outcome = NULL",
        "UPDATE run SET state = 'open', closed_because = NULL, closed_at = NULL",
        "UPDATE evaluation SET state = 'pending', fence = 0, sections_done = 0",
    ):
        change(world.database, statement)
