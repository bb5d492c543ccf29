"""An agent that is killed anywhere: what it had said is handed over once and in order, by whoever comes next."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator import layout
from evaluator.errors import Conflict
from evaluator.manifest import parse_manifest
from evaluator.transcript import parse_transcript
from live_agent.closing import Closer, close
from live_agent.handoff import End, InterviewClosed, resumable, resume
from rubrics.model import Rubric
from tests.factories import a_rubric
from tests.fakes import MemoryStore
from tests.unit.live_agent.killing import ID, START, DeadlyStore, Killed, begin, turn

LATER = START + timedelta(hours=3)
TURNS = 6
CALLS = 3 + TURNS + 6  # of one whole interview, and a few that never come


@pytest.fixture(scope="module")
def small() -> Rubric:
    """As the fixture `rubric`, for many examples."""
    return a_rubric()


def lead(store, rubric, *, turns=TURNS, ending="finished"):
    """An interview of so many turns; those whose writing was answered are in `said`."""
    said = []
    with suppress(Killed):
        recorder = begin(store, rubric)
        for number in range(1, turns + 1):
            recorder.said(turn(number))
            said.append(turn(number))
        recorder.finish(ending=ending)
    return said


def handed(store):
    """The manifest and the turns that it hands over."""
    manifest = parse_manifest(store.get(layout.manifest_key(ID)))
    return manifest, [
        t.model_copy(update={"utterances": ()}) for t in parse_transcript(store.get(manifest.transcript.key)).turns
    ]


@given(at=st.integers(1, CALLS), after=st.booleans(), closer_at=st.integers(1, 30), closer_after=st.booleans())
def test_what_was_said_before_a_kill_is_handed_over_once_and_in_order(small, at, after, closer_at, closer_after):
    """The agent killed at any call, then whoever closes it killed at any call: the third one brings it to its end."""
    store = DeadlyStore(at=at, after=after)
    said = lead(store, small)
    if store.objects.get(layout.open_key(ID)) is None:
        return  # nothing was agreed to
    store._left, store._after = closer_at, closer_after
    with suppress(Killed):
        Closer(store).run(LATER)
    store._left = 0
    Closer(store).run(LATER)

    manifest, turns = handed(store)
    assert said == turns[: len(said)]
    assert [turn(n) for n in range(1, len(turns) + 1)] == turns
    assert len(turns) <= len(said) + 1  # a turn whose writing was not answered may be there
    assert manifest.ending in ({"finished", "incomplete"} if len(said) == TURNS else {"incomplete"})


@given(at=st.integers(2, 1 + TURNS), after=st.booleans())
def test_an_agent_that_comes_back_in_time_goes_on_behind_what_was_said(small, at, after):
    """And the whole is handed over as finished."""
    store = DeadlyStore(at=at, after=after)
    said = lead(store, small)
    store._left = 0
    if store.objects.get(layout.open_key(ID)) is None:
        return

    back = resumable(store, ID)
    assert back.recorder is not None
    assert said == list(back.recorder.turns)[: len(said)]
    for number in range(len(back.recorder.turns) + 1, TURNS + 1):
        back.recorder.said(turn(number))
    back.recorder.finish(ending="finished")

    manifest, turns = handed(store)
    assert [turn(n) for n in range(1, TURNS + 1)] == turns
    assert "finished" == manifest.ending


def test_an_interview_that_goes_on_is_left_alone(small):
    """Not before nothing was said for as long as the setting says, by its own times."""
    store = MemoryStore()
    begin(store, small).said(turn(1))
    newest = START + timedelta(seconds=19.5)
    closer = Closer(store, after=timedelta(minutes=30))

    assert [0, 0, 1] == [closer.run(newest + timedelta(minutes=m)).closed for m in (0, 29, 30)]


def test_another_turn_is_another_wait(small):
    """What was said between two looks keeps it open."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    closer = Closer(store, after=timedelta(minutes=30))
    closer.run(START + timedelta(minutes=20))
    recorder.said(turn(2).model_copy(update={"started_s": 1_500.0, "ended_s": 1_560.0}))

    assert 0 == closer.run(START + timedelta(minutes=40)).closed
    assert 1 == closer.run(START + timedelta(minutes=56)).closed


def test_one_that_seems_to_be_left_is_looked_at_twice(small):
    """Its times may lack a break: what is said between the looks keeps it open."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    closer, first = Closer(store, after=timedelta(minutes=30)), START + timedelta(minutes=40)
    early = [closer.run(first + timedelta(minutes=m)).closed for m in (0, 4)]
    recorder.said(turn(2))

    assert [0, 0] == early
    assert [0, 0, 1] == [closer.run(first + timedelta(minutes=m)).closed for m in (5, 9, 10)]


def test_a_start_in_the_future_does_not_keep_it_open_for_ever(small):
    """A machine whose clock is wrong: it counts from when it was seen."""
    store = MemoryStore()
    begin(store, small).said(turn(1))
    closer = Closer(store, after=timedelta(minutes=30))
    before = START - timedelta(days=300)

    assert [0, 0, 1] == [closer.run(before + timedelta(minutes=m)).closed for m in (0, 10, 31)]


def test_an_end_that_was_written_stands(small):
    """The agent was killed between its end and its manifest: whoever closes it says the same."""
    store = MemoryStore()
    recorder = begin(store, small)
    for number in range(1, 5):
        recorder.said(turn(number))
    store.create(layout.turn_key(ID, 5), End(ended="stopped", wants_person=True).to_bytes())

    Closer(store).run(START)

    manifest, _ = handed(store)
    assert ("stopped", True, 1) == (manifest.ending, manifest.wants_person, manifest.sections_reached)


def test_a_wish_for_a_person_survives_the_kill(small):
    """It is read from what was kept."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    recorder.said(turn(2, text="Can I talk to a real person, please?"))

    Closer(store).run(LATER)

    assert handed(store)[0].wants_person


def test_who_comes_back_too_late_is_told(small):
    """What they say next, or their end, is refused as closed, and the hand-over stays as it is."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    recorder.said(turn(2))
    other = resume(store, ID)
    Closer(store).run(LATER)
    before = dict(store.objects)

    with pytest.raises(InterviewClosed, match="closed meanwhile"):
        recorder.said(turn(3))
    with pytest.raises(InterviewClosed, match="closed"):
        other.finish(ending="finished")

    assert before == store.objects
    assert not resumable(store, ID).open


def test_whoever_says_something_first_keeps_it_open(small):
    """A closer that had looked before finds its place taken, and leaves the interview alone."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    late = resume(store, ID)
    recorder.said(turn(2))

    with pytest.raises(Conflict, match="turns/000002"):
        close(late)

    assert store.get(layout.manifest_key(ID)) is None
    assert resumable(store, ID).open


def test_an_interview_that_was_taken_in_is_over(small):
    """Neither resumed nor opened again, and what still says that it goes on is removed."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    recorder.said(turn(2))
    manifest = recorder.finish(ending="finished")
    store.create(layout.archived_manifest_key(ID, LATER, manifest.transcript.sha256), manifest.to_bytes())
    store.delete(layout.manifest_key(ID))

    assert 1 == Closer(store).run(LATER).cleared
    assert [] == store.names(layout.OPEN)
    assert not resumable(store, ID).open
    with pytest.raises(InterviewClosed, match="another id"):
        begin(store, small)


def test_one_that_cannot_be_closed_keeps_no_other_one_waiting(small):
    """It is named, and looked at again later, not at each tick."""
    store = MemoryStore()
    store.create("open/iv-0.json", b'{"candidate": "secret"}')
    begin(store, small).said(turn(1))
    closer = Closer(store)

    first, second = closer.run(LATER), closer.run(LATER)

    assert (1, 1) == (first.closed, first.waiting)
    assert "secret" not in first.faults[0]
    assert 0 == second.waiting


def test_a_withdrawal_survives_the_kill(small):
    """It is written when it is made, so whoever closes the interview hands it over."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    recorder.said(turn(2))
    recorder.withdrawn(START + timedelta(minutes=3))

    Closer(store).run(LATER)

    assert "withdrawn" == handed(store)[0].consent.status


def test_a_withdrawal_that_was_taken_back_is_none(small):
    """They were asked, and said no; even where the clock was set back in between."""
    store = MemoryStore()
    recorder = begin(store, small)
    recorder.said(turn(1))
    recorder.withdrawn(START - timedelta(minutes=3))
    withdrawn = resume(store, ID).consent.status
    recorder.granted_again(START - timedelta(minutes=2))

    assert ("withdrawn", "granted") == (withdrawn, resume(store, ID).consent.status)
