"""People who act at the same moment: nobody's edit is lost, and who was second learns what came before."""

import threading

from evaluator.errors import Conflict, Stale
from evaluator.human import HumanRecord
from evaluator.storage import audit
from tests.integration.deciding.acts import Acts, blind, logged, somebody
from tests.integration.storage.builders import scored

ROUNDS = 12
WAIT_S = 30


def at_once(*calls):
    """What each returns or raises, in order; all begin together."""
    start, found = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        start.wait(WAIT_S)
        try:
            found[place] = call()
        except (Stale, Conflict) as error:
            found[place] = error

    threads = [threading.Thread(target=run, args=(place, call)) for place, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    return found


def test_of_two_levels_at_once_one_counts_and_the_other_is_told(database, acts, ada, bob):
    """Every time; the number that stands now is told, and the record behind it is the other's."""
    for expected in range(ROUNDS):
        new = 4 + expected % 2
        pair = at_once(
            lambda n=new, e=expected: acts.final(ada, n, expected=e),
            lambda n=new, e=expected: acts.final(bob, n, expected=e),
        )

        (won,) = (one for one in pair if isinstance(one, HumanRecord))
        (lost,) = (one for one in pair if isinstance(one, Stale))
        assert (expected + 1, expected + 1) == (won.number, lost.number)
        assert won == acts.dossier().records[expected]
    assert ROUNDS == len(logged(database))
    with database.begin() as db:
        assert audit.verify(db) is None


def test_all_reviews_that_come_at_once_are_kept(database):
    """They rest on nothing that others did, so nobody is asked to try again."""
    acts = Acts(database, scored(database)[0])
    people = [somebody(database, f"p{n}") for n in range(6)]

    found = at_once(*(lambda viewer=viewer: acts.review(viewer) for viewer in people))

    assert [1, 2, 3, 4, 5, 6] == sorted(record.number for record in found)
    assert {viewer.person_id for viewer in people} == set(acts.dossier().state.reviews)


def test_of_the_same_scores_sent_twice_at_once_one_is_kept(acts, ada):
    """As when somebody presses twice."""
    pair = at_once(lambda: acts.review(ada), lambda: acts.review(ada))

    assert ["Conflict", "HumanRecord"] == sorted(type(one).__name__ for one in pair)
    assert ["review"] == acts.kinds()


def test_scores_and_a_dismissal_at_once_keep_the_rules(database, acts, ada, rita):
    """Whichever comes first: a dismissed scorecard takes no scores, and who dismisses has seen them."""
    scores, dismissal = at_once(lambda: acts.review(ada), lambda: acts.dismiss(rita, expected=0))

    expected = {
        (HumanRecord, Stale): ["review"],
        (Conflict, HumanRecord): ["dismissal"],
    }
    assert expected[type(scores), type(dismissal)] == acts.kinds()


def test_what_one_may_not_know_of_makes_nobody_stale(database, acts, ada, rita):
    """A level that is set at the same moment, by somebody who sees the judge, does not keep others from dismissing."""
    blind(database)
    acts.review(ada)

    _, dismissal = at_once(lambda: acts.final(ada, expected=1), lambda: acts.dismiss(rita, expected=1))

    assert "dismissal" == dismissal.act.kind
