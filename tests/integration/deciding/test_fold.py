"""Whatever people do in whatever order: what was answered, stored and read again comes to the same state."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluator import deciding
from evaluator.errors import Conflict, Forbidden, Stale, UsageFault
from evaluator.human import folded
from evaluator.people import COMMAND
from evaluator.storage import human
from tests.integration.deciding.acts import CRITERIA, WORDS, a_review

WHO = st.sampled_from(["ada", "bob", "rita", "command"])
LEVEL = st.sampled_from([None, 1, 3, 5])
SEEN = st.sampled_from([0, 0, 0, 0, 1])  # how many records somebody is behind
ACT = st.one_of(
    st.tuples(st.just("review"), WHO, st.integers(1, 5)),
    st.tuples(st.just("final"), WHO, st.sampled_from([*CRITERIA[:2], "charm"]), LEVEL, SEEN),
    st.tuples(st.just("recommend"), WHO, st.sampled_from(["yes", "no", "no_decision"]), SEEN),
    st.tuples(st.just("dismiss"), WHO, SEEN),
    st.tuples(st.just("restore"), WHO, SEEN),
)


class Undone(Exception):
    """Ends the transaction of one example, so that the next finds the scorecard as it was."""


def done(db, scorecard, viewer, act):
    """The record of the act; None where a rule forbids it."""
    kind, _, *values = act
    expected = deciding.dossier(db, scorecard).number_for(viewer)
    try:
        match kind, values:
            case "review", [level]:
                return deciding.submit_review(db, viewer, scorecard, a_review(level))
            case "final", [criterion, new, behind]:
                values = {"criterion_id": criterion, "new": new, "reason": "other", "text": WORDS}
                return deciding.decide_level(db, viewer, scorecard, **values, expected=expected - behind)
            case "recommend", [said, behind]:
                return deciding.recommend(
                    db, viewer, scorecard, recommendation=said, note="", expected=expected - behind
                )
            case "dismiss", [behind]:
                return deciding.dismiss(db, viewer, scorecard, cause="asr", text=WORDS, expected=expected - behind)
            case "restore", [behind]:
                return deciding.restore(db, viewer, scorecard, text=WORDS, expected=expected - behind)
    except (Conflict, Forbidden, Stale, UsageFault):
        return None


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(ACT, max_size=12))
def test_any_sequence_of_acts_comes_to_the_state_that_is_stored(database, acts, ada, bob, rita, sequence):
    """Act by act; a refused one changes nothing, numbers have no gaps, and the rules hold at the end."""
    people = {"ada": ada, "bob": bob, "rita": rita, "command": COMMAND}
    try:
        with database.begin() as db:
            made = []
            for act in sequence:
                record = done(db, acts.scorecard, people[act[1]], act)
                made += [] if record is None else [record]
                found = deciding.dossier(db, acts.scorecard)

                assert tuple(made) == found.records == human.records(db, acts.scorecard)
                assert folded(made) == found.state == human.state(db, acts.scorecard)
            assert list(range(1, len(made) + 1)) == [record.number for record in made]
            _assert_rules(made)
            _undo()
    except Undone:
        assert [] == acts.kinds()


def _undo():
    raise Undone


def _assert_rules(made):
    """One review each, dismissals and restorations in turn, and nothing else while it is dismissed."""
    reviewers = [record.person_id for record in made if record.act.kind == "review"]
    assert sorted(set(reviewers)) == sorted(reviewers)
    dismissed = False
    for record in made:
        assert ("restoration" == record.act.kind) == dismissed
        dismissed = record.act.kind == "dismissal"
