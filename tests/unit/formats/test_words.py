"""Words of a recogniser are put together as pieces of speech."""

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats.document import Document
from evaluator.formats.speech import Piece
from evaluator.formats.words import Word, in_order, joined, pieces_of, stretch

FILE = Document(filename="talk.json", text="")


def word(text: str, at: float | None = None, *, voice: str = "A", long: float = 0.2, **facts) -> Word:
    """A word that begins at a second, or that has no times."""
    ended = None if at is None else round(at + long, 3)
    return Word(voice=voice, text=text, started_s=at, ended_s=ended, **facts)


def texts(pieces) -> list[tuple[str, str]]:
    """Who says what."""
    return [(piece.label, piece.text) for piece in pieces]


def test_piece_ends_with_its_sentence():
    """Words up to a full stop are one piece, with the times of its first and last word."""
    pieces = pieces_of([word("Yes.", 1), word("We", 2), word("did.", 3)])

    assert [("A", "Yes."), ("A", "We did.")] == texts(pieces)
    assert [(1, 1.2), (2, 3.2)] == [(piece.started_s, piece.ended_s) for piece in pieces]


@pytest.mark.parametrize(("gap", "count"), [(1.0, 1), (1.1, 2)])
def test_silence_ends_a_piece(gap, count):
    """More than a second of silence ends a piece also inside a sentence."""
    assert count == len(pieces_of([word("We", 1, long=0.5), word("did", 1.5 + gap)]))


def test_other_voice_ends_a_piece():
    """A word of another voice is never in the piece, also between two words of the first."""
    pieces = pieces_of([word("I", 1), word("Why?", 1.1, voice="B"), word("built", 1.3)])

    assert [("A", "I"), ("B", "Why?"), ("A", "built")] == texts(pieces)


def test_words_out_of_order_keep_the_recognisers_order():
    """Times that go back change no order; the piece lasts from the earliest start to the latest end."""
    (piece,) = pieces_of([word("We", 5), word("did", 1), word("it", 3)])

    assert ("We did it", 1, 5.2) == (piece.text, piece.started_s, piece.ended_s)


def test_confidence_is_the_mean_of_the_words_that_have_one():
    """Words without a confidence count for nothing."""
    (piece,) = pieces_of([word("a", confidence=0.5), word("b"), word("c", confidence=1.0)])

    assert 0.75 == piece.confidence


def test_no_confidence_stays_null():
    """Where no word has one the piece has none."""
    assert [None] == [piece.confidence for piece in pieces_of([word("a"), word("b")])]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([word("Hello"), word(",", glued=True), word("you")], "Hello, you"),
        ([word("你"), word("好。"), word("我")], "你好。我"),
        ([word("für"), word("你")], "für 你"),
    ],
)
def test_words_are_joined_as_they_are_written(words, text):
    """One space between words; none before glued ones, and none inside Chinese."""
    assert text == joined(words)


WHOLE = Piece(label="A", text="We did it.", started_s=1.0, ended_s=4.0, confidence=0.5)


def test_stretch_without_words_is_kept():
    """An utterance that has no words is a piece as it is; one without text is none."""
    assert [WHOLE] == stretch(WHOLE, [])
    assert [] == stretch(Piece(label="A", text=""), [])


def test_stretch_is_cut_by_its_words():
    """Two sentences of an utterance are two pieces with the times of their words."""
    whole = Piece(label="A", text="Yes.  We did.", started_s=1.0, ended_s=4.0)
    pieces = stretch(whole, [word("Yes.", 1), word("We", 2), word("did.", 3)])

    assert [("Yes.", 1.2), ("We did.", 3.2)] == [(piece.text, piece.ended_s) for piece in pieces]


def test_stretch_keeps_a_text_that_its_words_do_not_spell():
    """Where words without labels leave something out the text stays whole, with the words' confidence."""
    (piece,) = stretch(WHOLE, [word("We", 1, voice="", confidence=0.9), word("did", 2, voice="")])

    assert ("We did it.", 1.0, 4.0, 0.9) == (piece.text, piece.started_s, piece.ended_s, piece.confidence)


def test_labelled_words_count_more_than_the_text():
    """What no labelled word spells may be another voice's, and is not said by this one."""
    (piece,) = stretch(WHOLE, [word("did", 2), word("it.", 3)])

    assert "did it." == piece.text


def test_stretch_keeps_its_times_where_words_have_none():
    """Words without times do not take the utterance's times away."""
    (piece,) = stretch(Piece(label="A", text="Yes. No.", started_s=1.0, ended_s=4.0), [word("Yes."), word("No.")])

    assert ("Yes. No.", 1.0, 4.0) == (piece.text, piece.started_s, piece.ended_s)


def test_stretch_of_two_voices_is_taken_apart():
    """Words go with their own label, whatever the utterance says."""
    pieces = stretch(WHOLE, [word("We", 1), word("did", 2, voice="B"), word("it.", 3)])

    assert [("A", "We"), ("B", "did"), ("A", "it.")] == texts(pieces)


def test_unlabelled_word_takes_the_label_of_its_stretch():
    """A number that could not be aligned stays with the only voice of its segment."""
    pieces = stretch(WHOLE, [word("We", 1), word("did", voice=""), word("it.", 2)])

    assert [("A", "We did it.")] == texts(pieces)


def test_unlabelled_word_between_two_voices_is_nobodys():
    """Where a segment has several voices a word without a label is not guessed at."""
    pieces = stretch(WHOLE, [word("We", 1), word("did", voice=""), word("it.", 3, voice="B")])

    assert [("A", "We"), ("", "did"), ("B", "it.")] == texts(pieces)


def test_channels_are_put_in_order_by_sentences():
    """A word of assent in an answer comes behind the sentence, not into it."""
    answer = pieces_of([word("I", 1), word("built", 1.4), word("it.", 2.2), word("Twice.", 3)])
    assent = pieces_of([word("Right", 1.5, voice="B")])

    assert [("A", "I built it."), ("B", "Right"), ("A", "Twice.")] == texts(in_order(FILE, [answer, assent]))


def test_channel_without_times_is_refused():
    """Of two channels one of which has no times nobody can tell who spoke when."""
    with pytest.raises(TranscriptFault, match=r"talk\.json: a channel's words have no times"):
        in_order(FILE, [pieces_of([word("I", 1)]), pieces_of([word("Why?", voice="B")])])


def test_only_channel_that_speaks_needs_no_times():
    """An empty channel beside it does not matter."""
    assert [("A", "I")] == texts(in_order(FILE, [[], pieces_of([word("I")])]))


def test_text_is_not_kept_where_a_word_was_another_voices():
    """Also a word without letters tells that the text of its stretch is of two voices."""
    pieces = stretch(WHOLE, [word("", 1, voice="B"), word("it.", 3)])

    assert [("A", "it.")] == texts(pieces)


def test_text_is_not_kept_where_the_words_contradict_it():
    """Where all words are another voice's than the whole is said to be, they count, and the text does not."""
    assert [("B", "did")] == texts(stretch(WHOLE, [word("did", 2, voice="B")]))
