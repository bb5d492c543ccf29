"""A reply in pieces: the phrases that are known, in order, and everything else between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import ContentError
from live_agent.conducting import begin, respond
from live_agent.hearing import hear
from live_agent.phrases import AGAIN, THANKS, phrases
from live_agent.plan import plan
from live_agent.speech.cache import SpeechCache
from live_agent.speech.playing import PhrasePlayer, frames_of
from live_agent.speech.voices import LOCAL, one_voice
from rubrics.library import library
from tests.fakes import MemoryStore
from tests.unit.speech.test_speech import AT, Stub

PLAN = plan(library().find("backend-eng"))
KNOWN = phrases(PLAN)
PLAYER = PhrasePlayer(KNOWN, SpeechCache(MemoryStore(), lambda _: Stub(), clock=lambda: AT), one_voice(LOCAL))


def test_every_scripted_reply_is_phrases_alone():
    """From consent on."""
    reply = respond(PLAN, begin(PLAN).conduct, hear("Yes, sure.", asked_consent=True), 5.0)

    pieces = PLAYER.pieces(reply.text)

    assert [phrase.text for phrase in reply.phrases] == [piece.text for piece in pieces]
    assert None not in {piece.part for piece in pieces}


def test_what_a_model_added_is_left_to_the_sessions_voice():
    """Between phrases, in its place."""
    question = PLAN.parts[0].questions[0].text

    pieces = PLAYER.pieces(f"{AGAIN.text} So the queue was new to you. {question}")

    assert [("common", AGAIN.text), (None, "So the queue was new to you."), ("persona", question)] == [
        (piece.part, piece.text) for piece in pieces
    ]


def test_a_phrase_inside_a_word_is_none():
    """Only whole ones are."""
    phrase = THANKS[0].text.rstrip(".")

    assert [None] == [piece.part for piece in PLAYER.pieces(f"un{phrase}able")]


@given(st.lists(st.sampled_from([phrase.text for phrase in KNOWN]) | st.text(max_size=30), max_size=6))
def test_nothing_is_lost_or_said_twice(texts):
    """Whatever stands between phrases, the pieces make up the whole."""
    whole = " ".join(texts)

    assert "".join(whole.split()) == "".join("".join(piece.text.split()) for piece in PLAYER.pieces(whole))


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\x24\x00\x00\x00WAVEfmt ", b"ID3\x04mp3"])
def test_what_is_no_sound_is_refused(data):
    """The session's voice speaks then."""
    with pytest.raises(ContentError):
        frames_of(data, 24_000)
