"""What people's records come to: the number is the last one's, nothing that was said is changed by what follows."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from evaluator.human import (
    TEXT_MIN,
    Act,
    Dismissed,
    Final,
    HumanRecord,
    HumanState,
    Rating,
    Recommended,
    Restored,
    Review,
    folded,
    sees_judge,
)
from evaluator.people import COMMAND, Viewer

WORDS = "x" * TEXT_MIN
AT = datetime(2026, 11, 18, tzinfo=UTC)
CRITERIA = ("depth", "clarity")
RECOMMENDATIONS = ("strong_no", "no", "yes", "strong_yes", "no_decision")

levels = st.none() | st.integers(1, 5)
recommendations = st.sampled_from(RECOMMENDATIONS)
ratings = st.tuples(*(st.builds(Rating, criterion_id=st.just(c), level=levels) for c in CRITERIA))
reviews = st.builds(Review, ratings=ratings, recommendation=recommendations)
others = st.one_of(
    st.builds(
        Final,
        criterion_id=st.sampled_from(CRITERIA),
        old=levels,
        new=levels,
        reason=st.just("other"),
        text=st.just(WORDS),
    ),
    st.builds(Recommended, recommendation=recommendations),
    st.builds(Dismissed, cause=st.just("audio"), text=st.just(WORDS)),
    st.builds(Restored, text=st.just(WORDS)),
)


@st.composite
def histories(draw):
    """Records of one scorecard: nobody reviews twice, as the storage sees to."""
    reviewed, acts = set(), []
    for person, act in draw(st.lists(st.tuples(st.integers(1, 4), reviews | others), max_size=12)):
        if not (isinstance(act, Review) and person in reviewed):
            acts.append((act, person))
        if isinstance(act, Review):
            reviewed.add(person)
    return history(*acts)


def history(*acts):
    """Records with these acts, each with its person."""
    return tuple(
        HumanRecord(scorecard_id="sc_1", number=n, person_id=person, person="x", at=AT, act=act)
        for n, (act, person) in enumerate(acts, 1)
    )


def a_final(new, criterion="depth", old=3):
    """An override."""
    return Final(criterion_id=criterion, old=old, new=new, reason="other", text=WORDS)


def a_review(recommendation="yes"):
    """Scores of somebody's own."""
    return Review(ratings=(Rating(criterion_id="depth", level=4),), recommendation=recommendation)


@given(histories())
@settings(deadline=None)
def test_number_is_the_last_ones(records):
    """0 when there are none: it is what the next writer must name."""
    assert (records[-1].number if records else 0) == folded(records).number


@given(histories(), st.data())
@settings(deadline=None)
def test_review_is_never_changed_by_later_records(records, data):
    """Whatever follows, the reviews of a state stay in all later ones."""
    cut = data.draw(st.integers(0, len(records)))
    before, after = folded(records[:cut]).reviews, folded(records).reviews

    assert before == {person: after[person] for person in before}


@given(histories())
@settings(deadline=None)
def test_every_final_is_kept_in_order(records):
    """The newest counts, the judge's stays visible beside it."""
    state = folded(records)
    for criterion in CRITERIA:
        expected = tuple(r for r in records if isinstance(r.act, Final) and r.act.criterion_id == criterion)

        assert expected == state.finals.get(criterion, ())
        assert (expected[-1].act.new if expected else 2) == state.final_of(criterion, 2)


@given(histories())
@settings(deadline=None)
def test_recommendation_is_each_persons_newest(records):
    """A review has one, and it may be given anew."""
    expected = {}
    for record in records:
        if isinstance(record.act, Review | Recommended):
            expected[record.person_id] = record.act.recommendation

    assert expected == folded(records).recommendations


@given(histories())
@settings(deadline=None)
def test_scorecard_is_dismissed_until_it_is_restored(records):
    """The newest of both kinds counts."""
    last = next((r for r in reversed(records) if isinstance(r.act, Dismissed | Restored)), None)
    expected = last if last and isinstance(last.act, Dismissed) else None

    assert expected == folded(records).dismissal


@given(histories())
@settings(deadline=None)
def test_fold_leaves_its_records_and_earlier_states_alone(records):
    """A state is a value: going on from it does not change it."""
    middle = folded(records[: len(records) // 2])
    copy = middle.model_copy(deep=True)
    folded(records)

    assert copy == middle


def test_dismissal_and_restoration_may_follow_each_other():
    """Dismissed, restored, dismissed again for another reason; a second restoration is nothing more."""
    dismissed, restored = Dismissed(cause="audio", text=WORDS), Restored(text=WORDS)
    again = Dismissed(cause="asr", text=WORDS)
    records = history(*((act, 1) for act in (dismissed, restored, restored, again)))
    seen = [folded(records[:n]).dismissal for n in range(5)]

    assert [None, dismissed, None, None, again] == [one and one.act for one in seen]


def test_dismissal_takes_nothing_else_away():
    """Reviews and finals stand when it is restored."""
    before = history((a_review(), 1), (a_final(4), 1))
    after = history(
        (a_review(), 1), (a_final(4), 1), (Dismissed(cause="audio", text=WORDS), 2), (Restored(text=WORDS), 2)
    )

    assert folded(before) == folded(after).model_copy(update={"number": 2})


def test_final_may_be_no_level():
    """A person may say that it was not assessed; that counts, and is not the judge's level."""
    assert folded(history((a_final(None), 1))).final_of("depth", 3) is None


def test_final_that_goes_back_to_the_judges_level_is_a_final():
    """And both are in the history."""
    state = folded(history((a_final(5), 1), (a_final(3, old=5), 2)))

    assert (3, 2) == (state.final_of("depth", 3), len(state.finals["depth"]))


def test_command_line_has_reviewed_nothing():
    """Although it may have written records; a review or a recommendation is none of them."""
    state = folded(history((Dismissed(cause="audio", text="The recording is empty."), None)))

    assert not state.reviewed_by(None)
    assert not state.reviewed_by(0)
    with pytest.raises(ValueError, match="a person's"):
        history((Recommended(recommendation="yes"), None))


def test_first_scores_stay():
    """Whatever a second review of the same person says, should one ever stand in the rows."""
    first, second = (Review(ratings=(), recommendation=r) for r in ("no", "yes"))
    state = folded(history((first, 7), (second, 7)))

    assert (first, 2) == (state.reviews[7].act, state.number)
    assert {7: "no"} == state.recommendations


SEES = [  # blind, entry, administrator, has reviewed, another has reviewed -> sees it
    (False, "session", False, False, False, True),
    (False, "token", False, False, False, True),
    (True, "session", False, False, False, False),
    (True, "session", False, False, True, False),
    (True, "session", False, True, False, True),
    (True, "session", True, False, False, False),
    (True, "session", True, False, True, False),
    (True, "session", True, True, True, True),
    (True, "token", False, True, True, False),
    (True, "token", True, True, True, False),
    (True, "command", True, False, False, True),
    (False, "command", True, False, False, True),
]


@pytest.mark.parametrize(("blind", "entry", "admin", "own", "anothers", "expected"), SEES)
def test_what_the_judge_said_is_seen_by_those_who_have_reviewed(blind, entry, admin, own, anothers, expected):
    """In blind review; administrators and tokens are no exception, a command line reads the database itself."""
    viewer = Viewer(person_id=1, name="x", admin=admin, entry=entry)
    acts = [*([(a_review(), 1)] if own else []), *([(a_review(), 2)] if anothers else [])]

    assert expected == sees_judge(viewer, blind=blind, state=folded(history(*acts)))


@given(histories(), st.integers(1, 4))
@settings(deadline=None)
def test_only_a_review_opens_what_the_judge_said(records, person):
    """No other act does: not a final, a recommendation, a dismissal."""
    viewer = Viewer(person_id=person, name="x", entry="session")
    expected = any(isinstance(r.act, Review) and r.person_id == person for r in records)

    assert expected == sees_judge(viewer, blind=True, state=folded(records))


def test_command_line_sees_it():
    """Whoever reads the database can't be kept from it."""
    assert sees_judge(COMMAND, blind=True, state=HumanState())


@pytest.mark.parametrize(
    "act",
    [
        {"kind": "final", "criterion_id": "depth", "old": 3, "new": 4, "reason": "other", "text": "x" * (TEXT_MIN - 1)},
        {"kind": "final", "criterion_id": "depth", "old": 3, "new": 6, "reason": "other", "text": WORDS},
        {"kind": "final", "criterion_id": "depth", "old": 3, "new": 0, "reason": "other", "text": WORDS},
        {"kind": "final", "criterion_id": "depth", "old": 3, "new": 4, "reason": "mood", "text": WORDS},
        {"kind": "final", "criterion_id": "../depth", "old": 3, "new": 4, "reason": "other", "text": WORDS},
        {"kind": "recommendation", "recommendation": "hire"},
        {"kind": "dismissal", "cause": "mood", "text": WORDS},
        {"kind": "dismissal", "cause": "audio", "text": ""},
        {"kind": "restoration", "text": "short"},
        {"kind": "review", "ratings": [], "recommendation": None},
        {"kind": "review", "ratings": [{"criterion_id": "a", "level": 3, "quotes": ["7"]}], "recommendation": "yes"},
        {"kind": "review", "ratings": [], "recommendation": "yes", "ai_level": 3},
        {"kind": "approval"},
        {},
    ],
)
def test_act_that_is_none_is_refused(act):
    """Reasons are words of some length, levels are 1 to 5, causes are those of the list."""
    with pytest.raises(ValidationError):
        TypeAdapter(Act).validate_python(act)


@given(histories())
@settings(deadline=None)
def test_record_survives_being_written_down(records):
    """As JSON and back."""
    assert records == tuple(HumanRecord.model_validate_json(r.model_dump_json()) for r in records)
