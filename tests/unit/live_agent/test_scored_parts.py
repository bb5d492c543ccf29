"""What the judge's rules make of a live interview that broke off, once a person has released it."""

import pytest

from evaluator.judging import Sampling
from evaluator.scorecard import conclude, without_a_call
from evaluator.transcript import parse_transcript
from live_agent.closing import close
from live_agent.conducting import begin as first_words
from live_agent.handoff import resume
from live_agent.plan import plan
from rubrics.library import library
from tests.factories import MODEL
from tests.fakes import MemoryStore
from tests.unit.live_agent.killing import ID, begin, turn

RUBRIC = library().find("backend-eng")
LONG = "I moved one service after another to the queue and measured the waiting time before and after. " * 4


def transcript_of(*turns):
    """What is handed over of an interview that broke off after these turns."""
    store = MemoryStore()
    recorder = begin(store, RUBRIC)
    for each in turns:
        recorder.said(each)
    close(resume(store, ID))
    (key,) = store.names(f"interviews/{ID}/transcript-")
    return parse_transcript(store.objects[key])


def said(number, section, text=None):
    """A turn in a section; the odd ones are ours."""
    return turn(number, text=text).model_copy(update={"section_id": section})


@pytest.fixture
def broken():
    """It broke off right after the second section's first question."""
    first, second = (section.id for section in RUBRIC.sections[:2])
    asked = said(1, None, first_words(plan(RUBRIC)).text)
    return transcript_of(
        asked, said(2, None, "Yes."), said(3, first, "What did you do?"), said(4, first, LONG), said(5, second, "And?")
    )


def test_sections_that_were_never_reached_are_not_asked(broken):
    """No judge is called for them, and none of them counts as low."""
    results = [without_a_call(broken, section) for section in RUBRIC.sections]

    assert results[0] is None
    assert {"not_answered"} == {r.status for r in results[1]}
    assert {"not_asked"} == {r.status for later in results[2:] for r in later}


def test_the_scorecard_says_which_sections_are_missing(broken):
    """Each of them, as an alert."""
    body = conclude(broken, RUBRIC, {}, model=MODEL, sampling=Sampling())

    missing = [alert.section_id for alert in body.alerts if alert.code == "section_missing"]
    assert [section.id for section in RUBRIC.sections[2:]] == missing
