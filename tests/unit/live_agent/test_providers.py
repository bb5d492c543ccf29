"""Providers are chosen by configuration: what is missing is named before a call, and three of them can be built."""

import pytest

from evaluator.errors import UsageFault
from live_agent.providers import GROK_URL, PROVIDERS, Choice, described, lacking, parts

KEYS = {key: "not-a-key" for one in PROVIDERS.values() for key in one.keys}


@pytest.mark.parametrize("name", PROVIDERS)
def test_everything_missing_is_named_at_once(name):
    """Extras and keys, by name and never by value."""
    faults = lacking(described(name), {}, there=lambda _: False)

    assert f"install debrief[{','.join(PROVIDERS[name].extras)}]" == faults[0]
    assert [f"set {key}" for key in PROVIDERS[name].keys] == faults[1:]


def test_nothing_is_missing_where_all_is_there():
    """Then a call can be made."""
    assert [] == lacking(described("cascade"), KEYS)


def test_an_unknown_provider_is_refused():
    """With those that there are."""
    with pytest.raises(UsageFault, match="there is no provider 'parrot'; there are openai-realtime"):
        described("parrot")


def test_a_missing_key_stops_before_anything_is_built():
    """And no value is shown."""
    with pytest.raises(UsageFault, match="provider cascade: set CARTESIA_API_KEY") as caught:
        parts(Choice(provider="cascade"), {"DEEPGRAM_API_KEY": "very-secret"})

    assert "very-secret" not in str(caught.value)


def test_a_speech_to_speech_model_answers_only_when_told():
    """Its own turn detection is off."""
    model = parts(Choice(provider="openai-realtime", model="gpt-realtime", voice="marin"), KEYS)["llm"]

    assert not model.capabilities.turn_detection
    assert "gpt-realtime" == model.model


def test_grok_is_reached_at_its_own_endpoint():
    """By the same protocol, under its own key."""
    model = parts(Choice(provider="grok"), KEYS)["llm"]

    assert GROK_URL == model._opts.base_url


def test_a_cascade_has_recognition_and_a_voice():
    """And no model of its own: the interview speaks for itself."""
    built = parts(Choice(provider="cascade", voice="anna"), KEYS)

    assert {"stt", "tts"} == set(built)


@pytest.mark.parametrize("name", [name for name, one in PROVIDERS.items() if one.tried == "constructed"])
def test_what_is_said_to_be_constructed_is(name):
    """The description tells no more than this test does."""
    assert parts(Choice(provider=name), KEYS)


def test_prices_name_their_source():
    """They are inputs, never claims."""
    assert all(one.source for one in PROVIDERS.values())
    assert all(one.prices is None or one.prices[0] <= one.prices[1] for one in PROVIDERS.values())
