"""People and what they do to a scorecard, for tests of the rules."""

from evaluator import deciding
from evaluator.human import Rating, Review
from evaluator.storage.evaluations import finalize
from evaluator.storage.people import viewer_of
from evaluator.storage.requisitions import set_blind
from tests.factories import a_rubric
from tests.integration.storage.builders import a_claim, a_person, a_scorecard, a_viewer, begin, rows

WORDS = "the trade-off is named at 00:13:20"
REQUISITION = "REQ-1"
CRITERIA = tuple(criterion.id for criterion in a_rubric().criteria)
JUDGED = 3  # the judge's level of every criterion


def a_review(level=4, recommendation="yes", criteria=CRITERIA):
    """Somebody's own scores, the same level everywhere."""
    ratings = tuple(Rating(criterion_id=name, level=level, note="état") for name in criteria)
    return Review(ratings=ratings, recommendation=recommendation, note="overall")


def somebody(database, subject="ada", *roles):
    """Them, with these roles in the requisition; a reviewer if none is given."""
    return a_viewer(database, a_person(database, subject, REQ_1=roles or ["reviewer"]))


def token_of(database, viewer, *scopes):
    """An API token of theirs, as it comes in."""
    with database.begin() as db:
        return viewer_of(db, viewer.person_id, "token", frozenset(scopes))


def blind(database, *, blind=True):
    """Begins blind review, or ends it."""
    with database.begin() as db:
        set_blind(db, REQUISITION, blind)


def judged_again(database, interview_id="iv-1", *, levels=JUDGED):
    """A newer scorecard of the interview; its id."""
    begin(database, f"again-{interview_id}", only="all", rescore=True, interviews=(interview_id,))
    claim = a_claim(database)
    with database.begin() as db:
        return finalize(db, claim, a_scorecard(claim, levels=levels), {})


class Acts:
    """The operations on one scorecard, each in a transaction of its own."""

    def __init__(self, database, scorecard):
        self.database, self.scorecard = database, scorecard

    def dossier(self):
        """The scorecard as it stands."""
        with self.database.begin() as db:
            return deciding.dossier(db, self.scorecard)

    def do(self, operation, viewer, *values, **named):
        """One operation."""
        with self.database.begin() as db:
            return operation(db, viewer, self.scorecard, *values, **named)

    def number(self, viewer):
        """What the viewer has seen."""
        return self.dossier().number_for(viewer)

    def review(self, viewer, review=None):
        """Their own scores."""
        return self.do(deciding.submit_review, viewer, review or a_review())

    def final(self, viewer, new=5, criterion="depth", *, expected=None, reason="missed_evidence", text=WORDS):
        """Another level, on what they have seen last."""
        values = {"criterion_id": criterion, "new": new, "reason": reason, "text": text}
        return self.do(deciding.decide_level, viewer, **values, expected=self._expected(viewer, expected))

    def recommend(self, viewer, recommendation="no", *, expected=None):
        """A recommendation."""
        expected = self._expected(viewer, expected)
        return self.do(deciding.recommend, viewer, recommendation=recommendation, note="", expected=expected)

    def dismiss(self, viewer, *, expected=None, text=WORDS):
        """It does not count."""
        return self.do(deciding.dismiss, viewer, cause="audio", text=text, expected=self._expected(viewer, expected))

    def restore(self, viewer, *, expected=None):
        """It counts again."""
        return self.do(deciding.restore, viewer, text=WORDS, expected=self._expected(viewer, expected))

    def rescore(self, viewer, judge, **named):
        """Once more."""
        return self.do(deciding.rescore, viewer, judge=judge, **{"reason": "the manager doubts it", **named})

    def _expected(self, viewer, expected):
        return self.number(viewer) if expected is None else expected

    def kinds(self):
        """What is stored, in order."""
        query = "SELECT kind FROM human_record WHERE scorecard_id = :id ORDER BY number"
        return [row["kind"] for row in rows(self.database, query, id=self.scorecard)]


def logged(database):
    """What the audit log has, oldest first."""
    return rows(database, "SELECT person_id, entry, action, object, requisition, detail FROM audit ORDER BY id")
