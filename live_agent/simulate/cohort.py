"""Many simulated interviews, handed over to the store exactly as real ones are."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

from evaluator.manifest import Candidate
from evaluator.ports import ObjectStore
from live_agent import handoff
from live_agent.plan import plan
from live_agent.simulate.candidate import Ability
from live_agent.simulate.interview import BASE_RANGE, FIRST_DAY, SimulatedInterview, draw_abilities, simulate
from rubrics.model import Rubric

SLOT = timedelta(minutes=50)  # from one interview's start to the next one's
SLOTS_A_DAY = 9
LATE_EVERY = 5  # of so many candidates, one joins late and does not reach the last section
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
        hand_over(
            store, rubric, interview, candidate_ref=f"C-{first_candidate + number - 1:04d}", requisition=requisition
        )
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
    late = (number + seed) % LATE_EVERY == 0 and len(rubric.sections) > 1
    return simulate(
        rubric,
        seed=seed,
        interview_id=interview_id,
        abilities=abilities,
        started_at=base + timedelta(days=(number - 1) // SLOTS_A_DAY) + SLOT * ((number - 1) % SLOTS_A_DAY),
        time_budget_s=_late_budget_s(rubric, seed=seed, interview_id=interview_id, abilities=abilities)
        if late
        else None,
        allowed=allowed,
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
    """One candidate out of each slice of the range, in shuffled order, so that even six differ."""
    slices = list(range(count))
    Random(f"{seed}|{rubric.ref}|{count}|slices").shuffle(slices)
    random = Random(f"{seed}|{interview_id}|base")
    low, high = BASE_RANGE
    at = (slices[number - 1] + random.random()) / count
    abilities = draw_abilities(rubric, seed=f"{seed}|{interview_id}", base=low + (high - low) * at)
    if (number + seed) % DECLINING_EVERY == 0:
        abilities[random.choice(sorted(abilities))] = None
    return abilities


def _late_budget_s(rubric: Rubric, *, seed: int, interview_id: str, abilities: dict[str, Ability]) -> float:
    """A time budget that ends this interview before its last section."""
    whole = simulate(rubric, seed=seed, interview_id=interview_id, abilities=abilities)
    last = plan(rubric).parts[-1].section_id
    opened_s = min(turn.started_s or 0.0 for turn in whole.turns if turn.section_id == last)
    return max(1.0, opened_s)
