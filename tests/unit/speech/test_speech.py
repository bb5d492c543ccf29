"""Phrases spoken beforehand: found again by all that can be heard of them, made once, never in the way."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.errors import EngineRejected, EngineUnavailable, StoreUnavailable, UsageFault
from live_agent.phrases import Phrase, phrases
from live_agent.plan import plan
from live_agent.speech.cache import PERIOD_DAYS, SpeechCache
from live_agent.speech.espeak import Espeak
from live_agent.speech.voices import LOCAL, Spoken, Tiers, Voice, one_voice
from rubrics.library import library
from tests.fakes import MemoryStore

AT = datetime(2026, 11, 18, tzinfo=UTC)
VOICE = Voice(provider="stub", voice="anna", model="m1", version="1", price=Decimal(5))
RUBRICS = ("backend-eng", "customer-sales", "ai-at-work")

# The scripted phrases that every interview of the reference has.
SCRIPTED = (
    "Hello! I'm Alex, your AI interviewer today. Before we begin, I want to confirm you've consented to this session "
    "being recorded.",
    "Great. Let's start with a brief introduction. Could you tell me a bit about your current role and what brought "
    "you to apply for this position?",
    "Thank you. Let's move on to the technical portion of the interview.",
    "Excellent. Now I'd like to discuss a system design scenario.",
    "Let's shift to some behavioral questions.",
    "We're coming up on the end of our time. Do you have any questions for me?",
    "Thank you so much for your time today. We'll be in touch with next steps within the next few business days.",
)


class Stub:
    """An engine that notes what it spoke; it makes no sound."""

    def __init__(self):
        self.spoken, self.error, self.delay_s = [], None, 0.0

    async def speak(self, text, voice):
        """Bytes that tell text and voice apart."""
        await asyncio.sleep(self.delay_s)
        if self.error:
            raise self.error
        self.spoken.append(text)
        return Spoken(data=f"{voice.voice}:{text}".encode(), media_type="audio/wav")


class Cache:
    """A cache over a stub engine and a store, at a moment."""

    def __init__(self, store=None, engine=None):
        self.store, self.engine, self.now = store or MemoryStore(), engine or Stub(), AT
        self.cache = SpeechCache(self.store, lambda _: self.engine, clock=lambda: self.now)

    def get(self, *texts, voice=VOICE):
        """All at once."""

        async def run():
            return await asyncio.gather(*(self.cache.get(text, voice) for text in texts))

        return asyncio.run(run())

    def prewarm(self, *rubrics, tiers=None):
        """The phrases of those rubrics."""
        plans = [plan(library().find(name)) for name in rubrics]
        spoken = tuple(phrase for script in plans for phrase in phrases(script))
        return asyncio.run(self.cache.prewarm(spoken, tiers or one_voice(VOICE)))


class DeafStore(MemoryStore):
    """A store that takes nothing."""

    def create(self, key, data, *, media_type="application/json"):
        """Never."""
        raise StoreUnavailable("the store is away")


def test_a_phrase_is_spoken_once():
    """The second time it comes from the store."""
    speech = Cache()

    one, other = speech.get("Thank you."), speech.get("Thank you.")

    assert one[0].data == other[0].data
    assert ["Thank you."] == speech.engine.spoken
    assert (1, 1, 10) == (
        speech.cache.account.misses,
        speech.cache.account.hits,
        speech.cache.account.characters_played,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "other"},
        {"voice": "ben"},
        {"model": "m2"},
        {"version": "2"},
        {"format": "mp3"},
        {"sample_rate": 16_000},
        {"speed": 1.1},
        {"language": "de"},
    ],
)
def test_whatever_can_be_heard_is_in_the_key(change):
    """A changed voice or model misses."""
    assert VOICE.key("Thank you.") != VOICE.model_copy(update=change).key("Thank you.")


def test_a_price_cannot_be_heard():
    """A new contract makes no phrase anew."""
    assert VOICE.key("x") == VOICE.model_copy(update={"price": Decimal(9)}).key("x")


@given(one=st.text(min_size=1, max_size=50), other=st.text(min_size=1, max_size=50))
def test_two_texts_never_share_a_key(one, other):
    """Nor a text and a voice that run together."""
    assert (one == other) == (VOICE.key(one) == VOICE.key(other))


def test_those_who_ask_at_once_wait_for_one():
    """Single flight."""
    speech = Cache()
    speech.engine.delay_s = 0.05

    found = speech.get(*["Thank you."] * 5)

    assert 1 == len({spoken.data for spoken in found})
    assert ["Thank you."] == speech.engine.spoken


def test_a_store_that_takes_nothing_is_no_reason_for_silence():
    """The phrase is played, and counted as not kept."""
    speech = Cache(DeafStore())

    assert b"anna:Thank you." == speech.get("Thank you.")[0].data
    assert 1 == speech.cache.account.unstored


def test_a_failed_engine_is_tried_again():
    """A failure is never kept."""
    speech = Cache()
    speech.engine.error = EngineUnavailable("no voice")
    with pytest.raises(EngineUnavailable):
        speech.get("Thank you.")
    speech.engine.error = None

    assert b"anna:Thank you." == speech.get("Thank you.")[0].data


def test_an_old_phrase_is_made_again():
    """And its old sound is named as expired."""
    speech = Cache()
    speech.get("Thank you.")
    speech.now = AT + timedelta(days=3 * PERIOD_DAYS)

    speech.get("Thank you.")

    assert 2 == len(speech.engine.spoken)
    assert 1 == len(list(speech.cache.expired()))


def test_a_phrase_lives_for_a_period_at_least():
    """Also when it was made on a period's last day."""
    for day in range(PERIOD_DAYS):
        speech = Cache()
        speech.now = AT + timedelta(days=day)
        speech.get("Thank you.")
        speech.now += timedelta(days=PERIOD_DAYS)

        speech.get("Thank you.")

        assert 1 == len(speech.engine.spoken)


@pytest.mark.parametrize("text", ["", "   ", "x" * 3_000, "\u200b"])
def test_what_cannot_be_a_phrase_is_refused(text):
    """Nothing, or a speech."""
    with pytest.raises(UsageFault):
        Cache().get(text)


@pytest.mark.parametrize("rubric", RUBRICS)
def test_after_prewarming_a_rubric_everything_scripted_is_a_hit(rubric):
    """Its own words and the phrases of every interview."""
    speech = Cache()
    made = speech.prewarm(rubric)
    before = len(speech.engine.spoken)

    for phrase in phrases(plan(library().find(rubric))):
        speech.get(phrase.text)

    assert before == len(speech.engine.spoken) == len(made.made)
    assert 0 == speech.cache.account.misses - before


def test_prewarming_makes_nothing_else():
    """No text that no interview of the rubric says."""
    speech = Cache()
    speech.prewarm("backend-eng")

    assert {phrase.text for phrase in phrases(plan(library().find("backend-eng")))} == set(speech.engine.spoken)


def test_prewarming_twice_makes_nothing_new():
    """And says what was there."""
    speech = Cache()
    first = speech.prewarm(*RUBRICS)
    second = speech.prewarm(*RUBRICS)

    assert ((), ()) == (second.made, second.failed)
    assert set(first.made) <= set(second.there)


def test_prewarming_tells_its_cost():
    """Characters by price; unknown without one."""
    priced = Cache().prewarm("backend-eng")
    free = Cache().prewarm("backend-eng", tiers=one_voice(VOICE.model_copy(update={"price": None})))

    assert Decimal(5) * priced.characters / 1_000_000 == priced.cost
    assert free.cost is None


def test_prewarming_names_what_failed():
    """And goes on with the rest."""
    speech = Cache()
    speech.engine.error = EngineUnavailable("no voice")

    found = speech.prewarm("backend-eng")

    assert ((), 0) == (found.made, found.characters)
    assert found.failed


@pytest.mark.parametrize("change", [{}, {"voice": "ben"}, {"model": "m2"}, {"version": "2"}])
def test_the_references_scripted_phrases_are_hits_after_prewarming(change):
    """Each of them; another voice, model or version misses each."""
    speech = Cache()
    seven = tuple(Phrase(id=f"common/{n}", part="common", text=text) for n, text in enumerate(SCRIPTED))
    made = asyncio.run(speech.cache.prewarm(seven, one_voice(VOICE))).made
    speech.get(*SCRIPTED, voice=VOICE.model_copy(update=change))

    account = speech.cache.account
    hits = 0 if change else len(SCRIPTED)
    assert (7, hits, 14 - hits) == (len(made), account.hits, account.misses)
    assert sum(len(text) for text in SCRIPTED if hits) * Decimal(5) / 1_000_000 == account.saved


def test_each_part_has_its_voice():
    """Questions, changes of section, and what all interviews share."""
    tiers = Tiers(
        persona=VOICE,
        transition=VOICE.model_copy(update={"voice": "ben"}),
        common=VOICE.model_copy(update={"voice": "cleo"}),
    )
    speech = Cache()
    speech.prewarm("backend-eng", tiers=tiers)

    voices = {data.split(b":")[0] for data in speech.store.objects.values()}
    assert {b"anna", b"ben", b"cleo"} == voices


def test_voices_of_two_languages_are_refused():
    """One interview is in one."""
    with pytest.raises(ValidationError, match="one language"):
        Tiers(persona=VOICE, transition=VOICE, common=VOICE.model_copy(update={"language": "de"}))


def test_the_local_voice_makes_sound():
    """A real WAV file of a plausible length, not of silence."""
    spoken = asyncio.run(Espeak().speak("Thank you. Let us move on to the next part.", LOCAL))

    assert spoken.data.startswith(b"RIFF")
    assert 1.5 < spoken.seconds < 6
    assert len(set(spoken.data[44:])) > 100


def test_the_local_voice_is_faster_at_a_higher_speed():
    """The voice's speed is heard."""
    slow, fast = (
        asyncio.run(Espeak().speak("Thank you very much.", LOCAL.model_copy(update={"speed": speed}))).seconds
        for speed in (0.8, 1.6)
    )

    assert fast < slow


def test_the_local_voice_refuses_what_it_cannot_speak():
    """Rather than another voice in its place."""
    with pytest.raises(EngineRejected, match="no 'nobody'"):
        asyncio.run(Espeak().speak("Hello.", LOCAL.model_copy(update={"voice": "nobody"})))
    with pytest.raises(EngineRejected, match="wav at 22050"):
        asyncio.run(Espeak().speak("Hello.", LOCAL.model_copy(update={"format": "mp3"})))
