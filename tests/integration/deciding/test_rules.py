"""What people may do to a scorecard, rule by rule, on a real PostgreSQL."""

import pytest

from evaluator import deciding
from evaluator.errors import Conflict, Forbidden, Locked, NotFound, Stale, UsageFault
from evaluator.human import Rating
from evaluator.people import COMMAND, Viewer
from evaluator.storage import audit, human
from tests.integration.deciding.acts import (
    CRITERIA,
    JUDGED,
    REQUISITION,
    WORDS,
    Acts,
    a_review,
    blind,
    judged_again,
    logged,
    somebody,
    token_of,
)
from tests.integration.storage.builders import JUDGE, change, rows, scored

STRANGER = Viewer(person_id=None, name="x", entry="session")


# --- rights


@pytest.mark.parametrize("role", ["reviewer", "hiring_manager", "recruiter"])
def test_every_role_reviews_decides_and_recommends(database, acts, role):
    """In its own requisition."""
    viewer = somebody(database, "eve", role)

    made = [acts.review(viewer), acts.final(viewer), acts.recommend(viewer)]

    assert [(1, "review"), (2, "final"), (3, "recommendation")] == [(r.number, r.act.kind) for r in made]


@pytest.mark.parametrize(
    "does",
    [
        lambda acts, viewer: acts.review(viewer),
        lambda acts, viewer: acts.final(viewer),
        lambda acts, viewer: acts.recommend(viewer),
        lambda acts, viewer: acts.dismiss(viewer),
        lambda acts, viewer: acts.restore(viewer),
        lambda acts, viewer: acts.rescore(viewer, JUDGE),
        lambda acts, viewer: acts.do(deciding.own_draft, viewer),
        lambda acts, viewer: acts.do(deciding.save_draft, viewer, {}, 0),
    ],
    ids=["review", "final", "recommend", "dismiss", "restore", "rescore", "draft", "save draft"],
)
def test_who_has_no_role_there_does_nothing(database, acts, does):
    """Nothing is written, nor logged."""
    with pytest.raises(Forbidden, match="your role does not allow this"):
        does(acts, STRANGER)

    assert ([], []) == (acts.kinds(), list(logged(database)))


@pytest.mark.parametrize("role", ["reviewer", "hiring_manager"])
@pytest.mark.parametrize("act", ["dismiss", "restore", "rescore"])
def test_only_recruiters_dismiss_restore_and_judge_again(database, acts, rita, role, act):
    """A recruiter may; the other roles may not."""
    viewer = somebody(database, "eve", role)
    if act == "restore":
        acts.dismiss(rita)
    more = (JUDGE,) if act == "rescore" else ()

    with pytest.raises(Forbidden):
        getattr(acts, act)(viewer, *more)
    getattr(acts, act)(rita, *more)


def test_tokens_do_what_their_scope_says(database, acts, rita):
    """One to read adds nothing; one to review does what its owner may."""
    with pytest.raises(Forbidden):
        acts.dismiss(token_of(database, rita, "read"))
    assert rita.person_id == acts.dismiss(token_of(database, rita, "review")).person_id


def test_command_line_dismisses_and_does_not_review(acts):
    """It is an administrator and no person."""
    assert acts.dismiss(COMMAND).person_id is None
    acts.restore(COMMAND)
    for act in (acts.review, acts.recommend):
        with pytest.raises(Forbidden, match="are a person's"):
            act(COMMAND)
    with pytest.raises(Forbidden, match="are a person's"):
        acts.do(deciding.save_draft, COMMAND, {}, 0)


# --- blind review


def test_levels_and_recommendations_wait_for_ones_own_scores(database, acts, ada):
    """They are locked before, and open after."""
    blind(database)
    for act in (acts.final, acts.recommend):
        with pytest.raises(Locked, match="opens after you submit your own scores"):
            act(ada)

    acts.review(ada)

    assert [2, 3] == [acts.final(ada).number, acts.recommend(ada).number]


def test_lock_is_told_before_anything_else(database, acts, ada):
    """So no other message can depend on the judge's level."""
    blind(database)

    for new, criterion in ((JUDGED, "depth"), (5, "nonsense")):
        with pytest.raises(Locked):
            acts.final(ada, new, criterion)


def test_somebody_elses_scores_unlock_nothing(database, acts, ada, bob):
    """Each gives their own."""
    blind(database)
    acts.review(bob)

    with pytest.raises(Locked):
        acts.final(ada)


def test_token_stays_locked(database, acts, ada):
    """Also after its owner has submitted their scores."""
    blind(database)
    acts.review(ada)

    with pytest.raises(Locked):
        acts.final(token_of(database, ada, "review"))


def test_others_decisions_are_not_counted_for_whom_the_judge_is_hidden(database, acts, ada, bob, rita):
    """How many there are would tell how many disagree with the judge; reviews and dismissals are no secret."""
    blind(database)
    acts.review(bob)
    acts.final(bob, 5)
    acts.final(bob, 4)
    acts.recommend(bob)
    found = acts.dossier()

    assert (4, 1, 1) == (found.number_for(bob), found.number_for(ada), found.number_for(rita))
    assert ((), ()) == (found.readable_by(ada), found.readable_by(rita))
    assert 5 == acts.dismiss(rita, expected=1).number
    assert (5, 2) == (acts.number(bob), acts.number(ada))


def test_own_records_are_numbered_as_they_are_counted(database, acts, ada, bob, rita):
    """A gap would tell of what is in it."""
    blind(database)
    acts.review(bob)
    acts.final(bob)
    acts.dismiss(rita)

    (own,) = acts.dossier().readable_by(rita)

    assert (2, "dismissal") == (own.number, own.act.kind)


def test_without_blind_review_everything_is_open(acts, ada, bob):
    """To read, and to decide without own scores."""
    acts.final(ada)
    found = acts.dossier()

    assert found.open_to(bob)
    assert found.records == found.readable_by(bob)
    assert found.number == found.number_for(bob) == 1


# --- own scores


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        (CRITERIA[:-1], f"1 criterion not rated yet: {CRITERIA[-1]}"),
        ((), f"5 criteria not rated yet: {', '.join(CRITERIA)}"),
        ((*CRITERIA, "charm"), "rubric backend@1 has no criterion 'charm'"),
    ],
)
def test_each_criterion_is_rated_once(acts, ada, criteria, message):
    """None is left out or invented; the message names them."""
    with pytest.raises(UsageFault, match=message):
        acts.review(ada, a_review(criteria=criteria))

    assert [] == acts.kinds()


def test_scores_are_kept_in_rubric_order(acts, ada):
    """However they came."""
    record = acts.review(ada, a_review(criteria=tuple(reversed(CRITERIA))))

    assert CRITERIA == tuple(rating.criterion_id for rating in record.act.ratings)


def test_not_assessed_is_a_rating(acts, ada):
    """Nobody must invent a level."""
    ratings = tuple(Rating(criterion_id=name, level=None) for name in CRITERIA)

    record = acts.review(ada, a_review().model_copy(update={"ratings": ratings}))

    assert {None} == {rating.level for rating in record.act.ratings}


def test_quotes_are_checked_where_the_transcript_is_at_hand(acts, ada):
    """The strange ones are named."""
    ratings = tuple(Rating(criterion_id=name, level=3, quotes=("U1", "U9")) for name in CRITERIA)
    review = a_review().model_copy(update={"ratings": ratings})

    with pytest.raises(UsageFault, match=r"^U9: the candidate said nothing under this id"):
        acts.do(deciding.submit_review, ada, review, said={"U1", "U2"})
    assert 1 == acts.do(deciding.submit_review, ada, review, said={"U1", "U9"}).number


def test_scores_are_given_once(acts, ada):
    """The first ones stay."""
    acts.review(ada)

    with pytest.raises(Conflict, match="stay as they are"):
        acts.review(ada, a_review(level=1))
    assert ["review"] == acts.kinds()


def test_submitting_forgets_the_draft(database, acts, ada, bob):
    """Another person's stays, and nothing more is saved beside submitted scores."""
    for viewer in (ada, bob):
        assert 1 == acts.do(deciding.save_draft, viewer, {"depth": 2}, 0)

    acts.review(ada)

    assert acts.do(deciding.own_draft, ada) is None
    assert {"depth": 2} == acts.do(deciding.own_draft, bob).body
    with pytest.raises(Conflict, match="are submitted"):
        acts.do(deciding.save_draft, ada, {}, 0)


def test_refused_scores_keep_the_draft(acts, ada):
    """What was written is not lost."""
    acts.do(deciding.save_draft, ada, {"depth": 2}, 0)

    with pytest.raises(UsageFault):
        acts.review(ada, a_review(criteria=CRITERIA[:1]))
    assert 1 == acts.do(deciding.own_draft, ada).version


# --- levels


def test_operation_finds_what_stood_there(acts, ada, bob):
    """First the judge's level, then the last person's."""
    first = acts.final(ada, 5)
    second = acts.final(bob, None)
    third = acts.final(ada, JUDGED)

    assert [(JUDGED, 5), (5, None), (None, JUDGED)] == [(r.act.old, r.act.new) for r in (first, second, third)]
    assert JUDGED == acts.dossier().level("depth")


def test_level_that_stands_already_is_no_decision(acts, ada):
    """Neither the judge's again, nor a person's."""
    with pytest.raises(UsageFault, match=f"depth is at level {JUDGED} already"):
        acts.final(ada, JUDGED)
    acts.final(ada, None)
    with pytest.raises(UsageFault, match="depth has no level already"):
        acts.final(ada, None)

    assert ["final"] == acts.kinds()


def test_criterion_without_a_level_gets_one(database, acts, ada):
    """Where the judge had none."""
    unscored = Acts(database, judged_again(database, levels=None))

    made = unscored.final(ada, 2)

    assert (None, 2) == (made.act.old, made.act.new)


def test_unknown_criterion_is_named(acts, ada):
    """With the rubric."""
    with pytest.raises(UsageFault, match="rubric backend@1 has no criterion 'charm'"):
        acts.final(ada, 5, "charm")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text": "too short"}, "text: say in 15 to 2000 characters why"),
        ({"text": f"  {'x' * 14}  "}, "text: say in 15 to 2000 characters why"),
        ({"text": "x" * 2_001}, "text: say in 15 to 2000 characters why"),
        ({"reason": "because"}, "reason: "),
        ({"new": 6}, "new: "),
        ({"reason": "because", "text": "no"}, "reason: .*; text: "),
    ],
)
def test_faults_of_a_decision_are_named_together(acts, ada, values, message):
    """And what was written is not in the message."""
    with pytest.raises(UsageFault, match=message) as raised:
        acts.final(ada, **values)

    assert not [word for word in ("too short", "xxx", "because") if word in str(raised.value)]
    assert [] == acts.kinds()


# --- dismissed and superseded


def test_dismissed_scorecard_takes_nothing_until_it_is_restored(acts, ada, rita):
    """Neither scores, drafts, levels nor recommendations."""
    acts.dismiss(rita)
    for act in (acts.review, acts.final, acts.recommend):
        with pytest.raises(Conflict, match="is dismissed; restore it first"):
            act(ada)
    with pytest.raises(Conflict, match="restore it first"):
        acts.do(deciding.save_draft, ada, {}, 0)

    acts.restore(rita)
    acts.review(ada)

    assert ["dismissal", "restoration", "review"] == acts.kinds()


def test_dismissal_and_restoration_take_turns(acts, rita):
    """Neither twice in a row."""
    with pytest.raises(Conflict, match="is not dismissed"):
        acts.restore(rita)
    acts.dismiss(rita)
    with pytest.raises(Conflict, match="is dismissed already"):
        acts.dismiss(rita)


def test_dismissal_needs_words(acts, rita):
    """As many as every reason."""
    with pytest.raises(UsageFault, match="text: say in 15 to 2000"):
        acts.dismiss(rita, text="no")


def test_superseded_scorecard_names_the_newer_one(database, acts, ada, rita):
    """Decisions go there; it can still be dismissed."""
    newer = judged_again(database)

    for act in (acts.review, acts.final, acts.recommend):
        with pytest.raises(Conflict, match=f"judged again since; decide on the newer one, {newer}"):
            act(ada)
    assert "dismissal" == acts.dismiss(rita).act.kind
    assert 1 == Acts(database, newer).review(ada).number


def test_acts_name_the_scorecard_itself(database, acts, ada):
    """An interview's id may mean another scorecard by now."""
    with pytest.raises(UsageFault, match=f"name the scorecard itself, {acts.scorecard}"):
        Acts(database, "iv-1").review(ada)
    assert acts.scorecard == Acts(database, "iv-1").dossier().stored.id


def test_unknown_scorecard_is_not_found(database, acts, ada):
    """For all acts."""
    with pytest.raises(NotFound):
        Acts(database, "sc_none").review(ada)


# --- what was seen


def test_act_on_what_is_no_longer_the_newest_is_stale(acts, ada, bob):
    """The number that stands now is told; a review rests on nothing, so it needs none."""
    acts.final(ada, 5)
    acts.final(ada, 4)

    for act in (acts.final, acts.recommend):
        with pytest.raises(Stale, match="look at the change") as raised:
            act(bob, expected=1)
        assert 2 == raised.value.number
    assert 3 == acts.review(bob).number


def test_staleness_is_told_before_what_changed_forbids(acts, ada, rita):
    """Somebody dismissed it meanwhile: first look at that."""
    acts.dismiss(rita)

    with pytest.raises(Stale):
        acts.final(ada, expected=0)


# --- the log


def test_every_act_is_logged_with_ids_only(database, acts, ada, rita):
    """Who, what, where and its number; no words, levels or names."""
    acts.review(ada)
    acts.final(ada)
    acts.recommend(ada)
    acts.dismiss(rita)
    acts.restore(rita)

    where = {"entry": "session", "object": f"scorecard:{acts.scorecard}", "requisition": REQUISITION}
    assert [
        {"person_id": ada.person_id, "action": "review.submit", "detail": {"number": 1}, **where},
        {"person_id": ada.person_id, "action": "final.set", "detail": {"number": 2, "criterion": "depth"}, **where},
        {"person_id": ada.person_id, "action": "recommendation.give", "detail": {"number": 3}, **where},
        {"person_id": rita.person_id, "action": "scorecard.dismiss", "detail": {"number": 4}, **where},
        {"person_id": rita.person_id, "action": "scorecard.restore", "detail": {"number": 5}, **where},
    ] == logged(database)
    assert WORDS not in str(logged(database))
    with database.begin() as db:
        assert audit.verify(db) is None


def test_drafts_are_not_logged(database, acts, ada):
    """They are no act yet."""
    acts.do(deciding.save_draft, ada, {}, 0)

    assert [] == list(logged(database))


# --- judged again


def test_rescore_opens_a_run_that_tells_what_it_is(database, acts, rita):
    """Of the interview, with another seed; the scorecard stays; logged."""
    done = acts.rescore(rita, JUDGE)

    assert (("iv-1",), 0) == (done.interviews, done.blocked)
    assert done.run.startswith("rescore-iv-1-")
    assert [0, 1] == [
        row["n"] for row in rows(database, "SELECT (sampling->>'replicate')::int AS n FROM evaluation ORDER BY id")
    ]
    (entry,) = logged(database)
    assert ("scorecard.rescore", {"run": done.run}) == (entry["action"], entry["detail"])
    assert "the manager doubts it" not in str(entry)


def test_rescore_may_be_tried_dry(database, acts, rita):
    """Nothing is written or logged."""
    assert ("iv-1",) == acts.rescore(rita, JUDGE, dry_run=True).interviews
    assert [{"n": 1}] == rows(database, "SELECT count(*) AS n FROM run")
    assert [] == list(logged(database))


def test_rescore_needs_a_reason(acts, rita):
    """Of a few words."""
    with pytest.raises(UsageFault, match="say in 5 to 500 characters why it is judged again"):
        acts.rescore(rita, JUDGE, reason=" no ")


def test_rescore_of_many_is_one_run(database):
    """Each is named in the log; the right is asked for each requisition."""
    ids = scored(database, 2)
    viewer = somebody(database, "rita", "recruiter")
    with database.begin() as db:
        done = deciding.rescore(db, viewer, *ids, "iv-1", judge=JUDGE, reason="the manager doubts it")

    assert (("iv-1", "iv-2"), True) == (done.interviews, done.run.startswith("rescore-2"))
    assert [f"scorecard:{one}" for one in ids] == [entry["object"] for entry in logged(database)]
    change(database, "INSERT INTO requisition (id) VALUES ('REQ-2')")
    change(database, "UPDATE interview SET requisition = 'REQ-2' WHERE id = 'iv-2'")
    with pytest.raises(Forbidden), database.begin() as db:
        deciding.rescore(db, viewer, *ids, judge=JUDGE, reason="the manager doubts it")


def test_rescore_without_consent_says_how_many_are_blocked(database, acts, rita):
    """They are in the run, and are not judged."""
    change(database, "UPDATE interview SET consent = 'withdrawn'")

    assert 1 == acts.rescore(rita, JUDGE).blocked


# --- the name


def test_name_is_revealed_and_logged(database, acts, hana):
    """Who asked and for whom; never the name."""
    with database.begin() as db:
        assert "Ada Lovelace" == deciding.reveal_name(db, hana, "iv-1")

    (entry,) = logged(database)
    assert ("name.reveal", "interview:iv-1", REQUISITION, {}) == tuple(
        entry[name] for name in ("action", "object", "requisition", "detail")
    )


def test_reviewers_reveal_no_names(database, acts, ada):
    """Nor does a token, whatever its owner may."""
    boss = somebody(database, "hana", "hiring_manager")
    for viewer in (ada, *(token_of(database, boss, scope) for scope in ("read", "review", "operate"))):
        with pytest.raises(Forbidden), database.begin() as db:
            deciding.reveal_name(db, viewer, "iv-1")

    assert [] == list(logged(database))


def test_there_may_be_no_name(database, acts, hana):
    """Nor an interview; nothing is logged as revealed."""
    change(database, "UPDATE interview SET candidate_name = NULL")

    for interview, message in (("iv-1", "has no name of its candidate"), ("iv-9", "is not known here")):
        with pytest.raises(NotFound, match=message), database.begin() as db:
            deciding.reveal_name(db, hana, interview)
    assert [] == list(logged(database))


def test_refused_act_leaves_nothing(database, acts, ada):
    """No record, no entry of the log."""
    with pytest.raises(UsageFault):
        acts.final(ada, JUDGED)

    assert ([], []) == (acts.kinds(), list(logged(database)))
    with database.begin() as db:
        assert () == human.records(db, acts.scorecard)
