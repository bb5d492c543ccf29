"""The agent's configuration: files with every fault at its line, and no secret in any of them or in a message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from evaluator.errors import UsageFault
from evaluator.settings import Settings
from live_agent.configuration import LOCAL_VOICES, agent_of, read_routing, read_voices, voices_of
from live_agent.providers import described
from live_agent.routing import DEFAULTS, TASK_TYPES
from live_agent.speech.compatible import CompatibleSpeech
from live_agent.speech.espeak import Espeak

MODELS = """\
providers:
  ours: {url: "http://127.0.0.1:8000/v1"}
  hosted: {url: "https://models.example.org/v1", key_variable: HOSTED_KEY}
tasks:
  acknowledgment: {choices: [{provider: hosted, model: small, prompt_price: 0.1, completion_price: 0.4}],
    max_tokens: 40}
  interview_turn: {choices: [{provider: hosted, model: small}, {provider: ours, model: llama}]}
  deep_follow_up: {choices: [{provider: hosted, model: large}]}
  summary: {choices: [{provider: ours, model: llama}]}
  evaluation: {choices: [{provider: ours, model: llama}]}
budget: {tokens: 20000}
"""
VOICES = """\
engines:
  hosted: {url: "https://voices.example.org/v1", key_variable: HOSTED_KEY}
persona: {provider: hosted, voice: anna, model: m1, version: "1", price: 15}
transition: {provider: hosted, voice: anna, model: m1, version: "1", price: 15}
common: {provider: espeak, voice: en-us, version: "1.52", sample_rate: 22050, price: 0}
"""
KEYS = {"HOSTED_KEY": "very-secret", **dict.fromkeys(described("cascade").keys, "not-a-key")}


def written(tmp_path, text):
    """A file with that text."""
    path = tmp_path / "file.yaml"
    path.write_text(text)
    return path


def settings(**values):
    """Complete ones, but for what is overridden."""
    usual = {
        "livekit_url": "wss://livekit.example.org",
        "livekit_api_key": SecretStr("key"),
        "livekit_api_secret": SecretStr("very-secret"),
        "store_url": "s3://bucket",
    }
    return Settings.model_construct(**{**Settings().model_dump(), **usual, **values})


def test_models_are_read_with_their_keys_from_the_environment(tmp_path):
    """Limits that are left out are the usual ones of the task."""
    routing = read_routing(written(tmp_path, MODELS), KEYS)

    assert "very-secret" == routing.providers["hosted"].key.get_secret_value()
    assert (40, DEFAULTS["acknowledgment"]["timeout_s"]) == (
        routing.tasks["acknowledgment"].max_tokens,
        routing.tasks["acknowledgment"].timeout_s,
    )
    assert ["hosted", "ours"] == [choice.provider for choice in routing.tasks["interview_turn"].choices]
    assert 20_000 == routing.budget.tokens


def test_the_same_as_json(tmp_path):
    """YAML is not asked for."""
    choice = {"choices": [{"provider": "ours", "model": "llama"}]}
    whole = {"providers": {"ours": {"url": "http://127.0.0.1:1/v1"}}, "tasks": dict.fromkeys(TASK_TYPES, choice)}

    assert set(TASK_TYPES) == set(read_routing(written(tmp_path, json.dumps(whole)), {}).tasks)


def test_all_faults_of_a_file_are_named_with_their_lines(tmp_path):
    """Not the first alone."""
    text = MODELS.replace("max_tokens: 40", "max_tokens: many").replace("{tokens: 20000}", "{tokens: 0, euros: 1}")

    with pytest.raises(UsageFault) as caught:
        read_routing(written(tmp_path, text), {})

    lines = str(caught.value).splitlines()
    assert [":3:", ":6:", ":11:", ":11:"] == [":" + line.split(":")[1] + ":" for line in lines]
    assert "`providers.hosted.key_variable`: set HOSTED_KEY" in lines[0]


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("  summary:", "  sumary:", "`tasks.sumary`"),
        ("provider: ours, model: llama}]}\nbudget", "provider: theirs, model: llama}]}\nbudget", "provider `theirs`"),
        ("{tokens: 20000}", "{money: 0.05}", "a budget in money needs prices for"),
        ("key_variable: HOSTED_KEY", "key: abc", "no secret belongs in this file"),
        ("http://127.0.0.1:8000/v1", "ftp://example.org", "`providers.ours.url`"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, was, becomes, said):
    """By its name in the file."""
    with pytest.raises(UsageFault) as caught:
        read_routing(written(tmp_path, MODELS.replace(was, becomes)), KEYS)

    assert said in str(caught.value)


def test_a_secret_is_never_repeated(tmp_path):
    """Neither one from the environment nor one that was put into the file."""
    text = MODELS.replace("key_variable: HOSTED_KEY", "key: sk-very-secret").replace("max_tokens: 40", "max_tokens: x")

    with pytest.raises(UsageFault) as caught:
        read_routing(written(tmp_path, text), KEYS)

    assert "very-secret" not in str(caught.value)


@given(st.text(max_size=200))
def test_any_file_is_read_or_refused(tmp_path_factory, text):
    """Hostile text raises nothing but a fault."""
    path = tmp_path_factory.mktemp("any") / "file.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    for read in (read_routing, read_voices):
        with pytest.raises(UsageFault):
            read(path, KEYS)


def test_a_file_that_is_not_there_is_named(tmp_path):
    """With the system's reason."""
    with pytest.raises(UsageFault, match=r"nowhere\.yaml cannot be read: No such file"):
        read_routing(tmp_path / "nowhere.yaml", {})


def test_voices_name_their_engines(tmp_path):
    """The local one needs no address."""
    voices = read_voices(written(tmp_path, VOICES), KEYS)

    assert ("anna", "en-us") == (voices.tiers.persona.voice, voices.tiers.common.voice)
    assert isinstance(voices.engine("espeak"), Espeak)
    assert isinstance(voices.engine("hosted"), CompatibleSpeech)


def test_without_a_file_the_voice_is_this_machines(tmp_path):
    """All three tiers."""
    assert LOCAL_VOICES == voices_of(settings(), {})


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("common: {provider: espeak", "common: {provider: parrot", "5:20: `common`: no such engine"),
        ("common:", "casual:", "`common` is missing"),
        ("voice: en-us,", "voice: en-us, format: mp3,", "phrases are played from wav only"),
        ("voice: en-us,", "voice: en-us, language: de,", "speak one language"),
    ],
)
def test_what_is_wrong_with_voices_is_said(tmp_path, was, becomes, said):
    """By part and line."""
    with pytest.raises(UsageFault) as caught:
        read_voices(written(tmp_path, VOICES.replace(was, becomes)), KEYS)

    assert said in str(caught.value)


def test_a_complete_configuration_is_an_agent(tmp_path):
    """Its files included."""
    (tmp_path / "voices.yaml").write_text(VOICES)
    chosen = settings(
        agent_models=written(tmp_path, MODELS), agent_voices=tmp_path / "voices.yaml", tokenizer=tmp_path / "t.json"
    )

    agent = agent_of(chosen, KEYS)

    assert ("cascade", True, True) == (agent.choice.provider, agent.routing is not None, agent.voices is not None)


def test_everything_that_is_missing_is_named_at_once(tmp_path):
    """Address, keys, provider's keys, a store that is no bucket, and a file that is not there."""
    chosen = settings(
        livekit_url=None, livekit_api_secret=None, store_url="file:///x", agent_models=tmp_path / "nowhere.yaml"
    )

    with pytest.raises(UsageFault) as caught:
        agent_of(chosen, {})

    lines = str(caught.value).splitlines()
    assert ["set DEBRIEF_LIVEKIT_URL", "set DEBRIEF_LIVEKIT_API_SECRET"] == lines[1:3]
    assert {"provider cascade: set DEEPGRAM_API_KEY", "provider cascade: set CARTESIA_API_KEY"} <= set(lines)
    assert any(line.startswith("DEBRIEF_STORE_URL: ") for line in lines)
    assert any("DEBRIEF_TOKENIZER" in line for line in lines)
    assert any("nowhere.yaml" in line for line in lines)


def test_an_unknown_provider_is_a_fault_among_others():
    """With those that there are."""
    with pytest.raises(UsageFault, match="DEBRIEF_AGENT_PROVIDER: there is no provider 'parrot'; there are openai"):
        agent_of(settings(agent_provider="parrot"), {})
