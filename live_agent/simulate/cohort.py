"""Many simulated interviews, handed over to the store exactly as real ones are."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from evaluator.manifest import Candidate
from evaluator.ports import ObjectStore
from live_agent import handoff
from live_agent.plan import SECTION_TIME_MIN_S
from live_agent.simulate.candidate import Ability
from live_agent.simulate.interview import BASE_RANGE, FIRST_DAY, SimulatedInterview, draw_abilities, simulate
from rubrics.model import Rubric

SLOT = timedelta(minutes=50)  # from one interview's start to the next one's
SLOTS_A_DAY = 9
LATE_EVERY = 5  # of so many candidates, one joins late and does not reach the last section
STORIES = 8  # of the shipped banks: candidates so many apart tell the same ones
DECLINING_EVERY = 4  # of so many candidates, one leaves a question unanswered
SIMULATOR_VERSION = "debrief-simulator/1"


def simulate_into(
    store: ObjectStore,
    rubric: Rubric,
    *,
    count: int,
    seed: int,
    requisition: str,
    prefix: str,
    first_candidate: int = 1,
    base: datetime = FIRST_DAY,
    allowed: Callable[[str], bool] | None = None,
) -> Iterator[SimulatedInterview]:
    """Simulates `count` interviews into the store's inbox and yields each once it is handed over.

    Interviews are `{prefix}-0001` and so on, candidates `C-0001` from `first_candidate`. Running it again with the
    same arguments writes the same bytes, so a run that was cut off can be repeated. Raises what the store raises.
    """
    for number in range(1, count + 1):
        interview = simulate_one_of(
            rubric, number=number, count=count, seed=seed, prefix=prefix, base=base, allowed=allowed
        )
        candidate_ref = f"C-{first_candidate + number - 1:04d}"
        hand_over(store, rubric, interview, candidate_ref=candidate_ref, requisition=requisition)
        yield interview


def simulate_one_of(
    rubric: Rubric,
    *,
    number: int,
    count: int,
    seed: int,
    prefix: str,
    base: datetime = FIRST_DAY,
    allowed: Callable[[str], bool] | None = None,
) -> SimulatedInterview:
    """The interview of that number (from 1) in a set whose candidates spread over the whole range of ability."""
    interview_id = f"{prefix}-{number:04d}"
    abilities = _abilities(rubric, number=number, count=count, seed=seed, interview_id=interview_id)
    day, slot = divmod(number - 1, SLOTS_A_DAY)
    whole = simulate(
        rubric,
        seed=seed,
        interview_id=interview_id,
        abilities=abilities,
        started_at=base + timedelta(days=day) + slot * SLOT,
        allowed=allowed,
        story=number + seed,
    )
    if (number + seed) % LATE_EVERY or len(rubric.sections) == 1:
        return whole
    return simulate(
        rubric,
        seed=seed,
        interview_id=interview_id,
        abilities=abilities,
        started_at=whole.started_at,
        time_budget_s=_until_last_section_s(rubric, whole),
        allowed=allowed,
        story=number + seed,
    )


def hand_over(
    store: ObjectStore, rubric: Rubric, interview: SimulatedInterview, *, candidate_ref: str, requisition: str
) -> None:
    """Gives one interview to the store the way of a real one: opened, said turn by turn, finished."""
    recorder = handoff.opened(
        store,
        interview_id=interview.interview_id,
        candidate=Candidate(ref=candidate_ref),  # nobody is invented: no name
        requisition=requisition,
        rubric=rubric,
        consent=interview.consent,
        clock=lambda: interview.started_at,
        agent_version=SIMULATOR_VERSION,
    )
    for turn in interview.turns:
        recorder.said(turn)
    recorder.finish()


def _abilities(rubric: Rubric, *, number: int, count: int, seed: int, interview_id: str) -> dict[str, Ability]:
    """Levels around one slice of the range; candidates who share their stories get slices far apart."""
    alike = list(range((number - 1) % STORIES, count, STORIES))
    Random(f"{seed}|{rubric.ref}|{count}|{alike[0]}").shuffle(alike)
    random = Random(f"{seed}|{interview_id}|base")
    low, high = BASE_RANGE
    at = (alike[(number - 1) // STORIES] + random.random()) / count
    abilities = draw_abilities(rubric, seed=f"{seed}|{interview_id}", base=low + (high - low) * at)
    if (number + seed) % DECLINING_EVERY == 0:
        abilities[random.choice(sorted(abilities))] = None
    return abilities


def _until_last_section_s(rubric: Rubric, whole: SimulatedInterview) -> float:
    """The time budget under which the same interview ends before its last section."""
    last = rubric.sections[-1].id
    opened_s = min(turn.started_s or 0.0 for turn in whole.turns if turn.section_id == last)
    return opened_s + SECTION_TIME_MIN_S - 1.0  # too little for that section, and enough for the one before
