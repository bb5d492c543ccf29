"""A scorecard as a document."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.exports.scorecard_html import scorecard_html
from evaluator.human import Recommended
from evaluator.views.scorecard import scorecard_view
from tests.factories import SAID, a_transcript
from tests.unit.comparing import CRITERIA, TEXT, a_body, a_dismissal, a_final, a_review, an_exported

PAYLOAD = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> and so on for a while."


def the_html(*acts, said=None, body=None, **changes):
    """The document of this scorecard."""
    transcript = a_transcript({**SAID, **(said or {})})
    one = an_exported(body, *acts, **changes)
    return scorecard_html(one, scorecard_view(one.stored, one.rubric, transcript), reviewers_needed=2)


def words_of(html):
    """What a reader sees, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("</style>")[2]).split())


def test_it_names_rubric_judge_prompt_run_and_review_status():
    """What a page that leaves the product must carry."""
    text = words_of(the_html(a_review()))

    for fact in ("backend@1", "test-judge@r1", "night-2026-11-18", "1 of 2 reviews submitted", "Prompt version"):
        assert fact in text


def test_it_refers_to_nothing_outside():
    """No script, no address, no file."""
    html = the_html(said={"design": "See https://example.com/x.png for that graph."})

    assert [] == re.findall(r"<script|<img|<link|<iframe|<object|\b(?:src|href)=|@import|url\(", html)


def test_a_judge_that_means_nothing_is_marked():
    """In the first lines."""
    assert "meaningless for real ones. Do not use this scorecard" in words_of(
        the_html(body=a_body(model="demo-judge@r1"))
    )


def test_a_dismissal_stands_on_top():
    """With who and why."""
    text = words_of(the_html(a_dismissal()))

    assert "This scorecard does not count. Dismissed by Reviewer A" in text
    assert "Review status dismissed; 0 of 2" in text


def test_an_override_leaves_the_judges_level():
    """Both are read, with the reason."""
    text = words_of(the_html(a_review(), a_final()))

    assert "AI level 3 of 5" in text
    assert f"Final: level 3 to level 5 by Reviewer A, 19 Nov 2026 14:04 UTC, missed evidence: “{TEXT}”" in text


def test_the_history_of_finals_is_kept():
    """The last one counts, the earlier ones are named as such."""
    text = words_of(the_html(a_review(), a_final(new=5), a_final(new=4, old=5)))

    assert "Earlier: level 3 to level 5" in text
    assert "Final: level 5 to level 4" in text


def test_notes_on_the_whole_are_kept():
    """The review's, and that of the newest recommendation."""
    later = Recommended(recommendation="strong_yes", note="Ask about replication.")
    text = words_of(the_html(a_review(note="Calm under pressure."), later))

    assert "Note by Reviewer A, 19 Nov 2026 14:03 UTC: Calm under pressure." in text
    assert "Note by Reviewer A, 19 Nov 2026 14:04 UTC: Ask about replication." in text
    assert 2 == text.count("Note by")


def test_without_a_recommendation_it_says_so():
    """The software fills no such field."""
    assert "Human recommendation: not given." in words_of(the_html())


@pytest.mark.parametrize("place", ["said", "note", "candidate", "requisition", "run"])
def test_whatever_comes_from_outside_is_text(place):
    """Transcripts, notes, names and references."""
    acts = (a_review(note=PAYLOAD),) if place == "note" else ()
    changes = {"candidate": "candidate_ref", "requisition": "requisition", "run": "run"}
    html = the_html(
        *acts,
        said={"design": PAYLOAD} if place == "said" else None,
        **({changes[place]: PAYLOAD} if place in changes else {}),
    )

    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_an_endless_word_is_cut_with_a_mark():
    """It would fill pages and take minutes to set."""
    html = the_html(said={"design": "x" * 100_000})

    assert "x […]<" in html
    assert 100_000 > len(html)


def test_a_view_is_needed_for_what_may_be_seen():
    """A document without levels would look like a scorecard without any."""
    with pytest.raises(ValueError, match="printed from its view"):
        scorecard_html(an_exported(), None)


levels = st.fixed_dictionaries({c: st.integers(0, 5) for c in CRITERIA})


@given(levels, levels, st.sampled_from([(), (a_review(),), (a_review(), a_final())]))
def test_hidden_values_change_nothing(one, other, acts):
    """The lock is the same whatever lies behind it, also where a view is passed by mistake."""
    pages = []
    for body in (one, other):
        found = an_exported(a_body(body), *acts, sees_judge=False)
        pages.append(scorecard_html(found, scorecard_view(found.stored, found.rubric, a_transcript())))

    assert pages[0] == pages[1]
