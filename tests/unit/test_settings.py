"""Settings: all faults at once, no value in any message, secrets in no representation."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from evaluator.errors import UsageFault
from evaluator.judging import Sampling
from evaluator.settings import read_settings

SECRET = "s3cr3t-value"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """Nothing of the machine's own environment."""
    for name in [name for name in os.environ if name.upper().startswith("DEBRIEF_")]:
        monkeypatch.delenv(name)


def test_without_variables_every_service_is_the_embedded_one():
    """And the pages are on loopback."""
    settings = read_settings()

    services = (settings.database_url, settings.broker_url, settings.store_url, settings.engine_url, settings.model)
    assert (None,) * 5 == services
    assert (Path(".debrief"), "127.0.0.1", Sampling()) == (settings.home, settings.web_host, settings.sampling)


def test_variables_name_the_services(monkeypatch):
    """DEBRIEF_ and the setting's name."""
    monkeypatch.setenv("DEBRIEF_STORE_URL", "s3://bucket/prefix")
    monkeypatch.setenv("DEBRIEF_MODEL", "org/model-8b@2026-05")
    monkeypatch.setenv("DEBRIEF_TEMPERATURE", "0.5")
    monkeypatch.setenv("DEBRIEF_SEED", "3")
    monkeypatch.setenv("DEBRIEF_ANSWER_TOKENS_MAX", "256")

    settings = read_settings()

    assert ("s3://bucket/prefix", "org/model-8b@2026-05") == (settings.store_url, settings.model)
    assert Sampling(temperature=0.5, seed=3, max_tokens=256) == settings.sampling


BAD = {
    "DEBRIEF_MODEL": f"{SECRET} without revision",
    "DEBRIEF_TEMPERATURE": "nan",
    "DEBRIEF_SEED": SECRET,
    "DEBRIEF_LEASE_S": "0",
    "DEBRIEF_LOG_FORMAT": SECRET,
    "DEBRIEF_OTLP_ENDPOINT": f"http://user:{SECRET}@collector:4318",
    "DEBRIEF_TICK_S": "inf",
    "DEBRIEF_WEB_PORT": "99999",
    "DEBRIEF_REQUIRE_CONSENT": f"maybe {SECRET}",
    "DEBRIEF_CONTEXT_TOKENS": f"many {SECRET}",
    "DEBRIEF_NODE": SECRET * 10,
    "DEBRIEF_WEB_URL": f"http://{SECRET}",
    "DEBRIEF_OIDC_ISSUER": f"http://{SECRET}.example",
    "DEBRIEF_SESSION_IDLE_MINUTES": "0",
    "DEBRIEF_SESSION_HOURS": "1000",
}


def test_all_faulty_variables_are_named_at_once_and_no_value_is(monkeypatch):
    """One message for one correction; a value may be a secret in the wrong place."""
    for name, value in BAD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DEBRIEF_WORKER_SLOTS", "4")

    with pytest.raises(UsageFault) as caught:
        read_settings()

    message = str(caught.value)
    assert set(BAD) == {name for name in (*BAD, "DEBRIEF_WORKER_SLOTS", "DEBRIEF_HOME") if name in message}
    assert SECRET not in message
    assert "\n" not in message
    assert 2 == caught.value.exit_code


@pytest.mark.parametrize("name", BAD)
def test_each_faulty_variable_is_refused_alone(name, monkeypatch):
    """None of them is caught only in company."""
    monkeypatch.setenv(name, BAD[name])

    with pytest.raises(UsageFault, match=f"^settings: {name}: [^;]+$"):
        read_settings()


def test_bytes_that_are_no_text_are_a_fault_too(monkeypatch):
    """Not a traceback."""
    monkeypatch.setitem(os.environb, b"DEBRIEF_NODE", b"\xff\xfe")

    with pytest.raises(UsageFault, match="DEBRIEF_NODE"):
        read_settings()


def test_secrets_are_in_no_representation(monkeypatch):
    """Neither printed nor dumped."""
    for name in ("DATABASE_URL", "BROKER_URL", "ENGINE_API_KEY", "OIDC_CLIENT_SECRET"):
        monkeypatch.setenv(f"DEBRIEF_{name}", f"scheme://user:{SECRET}@host/db")

    settings = read_settings()

    shown = (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json())
    assert not [text for text in shown if SECRET in text]
    assert SECRET in settings.database_url.get_secret_value()


@pytest.mark.parametrize(
    "url",
    [
        "https://debrief.example/path",
        "https://user@debrief.example",
        "https://debrief.example?x=1",
        "https://Debrief.example",
        "//debrief.example",
        "https://debrief.example:port",
        "https://debrief.example\n",
    ],
)
def test_the_public_address_is_a_host_over_tls(url, monkeypatch):
    """It is compared letter by letter with what browsers send."""
    monkeypatch.setenv("DEBRIEF_WEB_URL", url)

    with pytest.raises(UsageFault, match="DEBRIEF_WEB_URL"):
        read_settings()


@pytest.mark.parametrize("url", ["https://login.example/realms/a", "http://127.0.0.1:8080/realms/a"])
def test_a_provider_is_reached_over_tls_or_on_loopback(url, monkeypatch):
    """What it says of people can be read by nobody on the way."""
    monkeypatch.setenv("DEBRIEF_OIDC_ISSUER", url)

    assert url == read_settings().oidc_issuer


@pytest.mark.parametrize("name", ["HOME", "DATABASE_URL", "TOKENIZER", "WEB_PORT", "MODEL", "RUBRICS", "WEB_URL"])
def test_an_empty_variable_is_an_unset_one(name, monkeypatch):
    """As compose files leave them: the data folder never becomes the working folder by accident."""
    unset = read_settings()
    monkeypatch.setenv(f"DEBRIEF_{name}", "")

    assert unset == read_settings()


def test_rubric_folders_are_separated_as_in_path(monkeypatch):
    """Empty parts are none."""
    monkeypatch.setenv("DEBRIEF_RUBRICS", os.pathsep.join(["/etc/rubrics", "", "own"]))

    assert (Path("/etc/rubrics"), Path("own")) == read_settings().rubric_folders


def test_settings_cannot_be_changed():
    """They are read once."""
    with pytest.raises(ValidationError):
        read_settings().seed = 5
