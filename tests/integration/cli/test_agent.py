"""`debrief agent` as a user runs it: what is missing is named at once, phrases are made once, costs are shown."""

from datetime import UTC, datetime, timedelta

import pytest

from evaluator.adapters.folder import FolderStore
from evaluator.layout import speech_key
from live_agent.speech.cache import PERIOD_DAYS
from tests.commands import debrief

RUBRIC = "customer-sales"


@pytest.fixture
def env(database_url, tmp_path):
    """A machine with a database and a folder."""
    return {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": f"file://{tmp_path}/store",
    }


def test_everything_a_worker_lacks_is_named_before_it_registers(env, tmp_path):
    """And no value of what is there."""
    secret = {"DEBRIEF_LIVEKIT_API_SECRET": "very-secret", "DEEPGRAM_API_KEY": "very-secret"}

    done = debrief("agent", "start", env=env | secret, cwd=tmp_path)

    assert 2 == done.code
    for line in ("set DEBRIEF_LIVEKIT_URL", "set DEBRIEF_LIVEKIT_API_KEY", "DEBRIEF_STORE_URL: recordings of a room"):
        assert line in done.err
    assert "very-secret" not in done.err


def test_the_listener_wants_livekits_key(env, tmp_path):
    """Without it nobody could be told from a stranger."""
    done = debrief("agent", "listen", env=env, cwd=tmp_path)

    assert (2, True) == (done.code, "set DEBRIEF_LIVEKIT_API_KEY and DEBRIEF_LIVEKIT_API_SECRET" in done.err)


def test_secrets_are_not_shown(env, tmp_path):
    """They are set, and hidden."""
    done = debrief("config", "show", env=env | {"DEBRIEF_LIVEKIT_API_SECRET": "very-secret"}, cwd=tmp_path)

    assert "DEBRIEF_LIVEKIT_API_SECRET=(set, hidden)" in done.out
    assert "very-secret" not in done.out


def test_phrases_are_made_once(env, tmp_path):
    """What would be made, what was made, and then nothing."""
    planned = debrief("agent", "prewarm", RUBRIC, "--dry-run", "--json", env=env, cwd=tmp_path).json()
    made = debrief("agent", "prewarm", RUBRIC, "--json", env=env, cwd=tmp_path).json()
    again = debrief("agent", "prewarm", RUBRIC, "--json", env=env, cwd=tmp_path).json()

    assert (planned["made"], planned["characters"]) == (made["made"], made["characters"])
    assert ([], made["made"]) == (again["made"], again["there"])


def test_another_voice_is_made_anew(env, tmp_path):
    """By a file of voices."""
    voice = "{provider: espeak, voice: en-us+f3, sample_rate: 22050, price: 2}"
    (tmp_path / "voices.yaml").write_text(f"persona: {voice}\ntransition: {voice}\ncommon: {voice}\n")
    chosen = env | {"DEBRIEF_AGENT_VOICES": str(tmp_path / "voices.yaml")}
    debrief("agent", "prewarm", RUBRIC, env=env, cwd=tmp_path)

    planned = debrief("agent", "prewarm", RUBRIC, "--dry-run", "--json", env=chosen, cwd=tmp_path).json()

    assert [] == planned["there"]
    assert float(planned["cost"]) == pytest.approx(planned["characters"] * 2 / 1_000_000)


def test_old_phrases_are_removed_only_when_told_to(env, tmp_path):
    """First it says how many."""
    store = FolderStore(tmp_path / "store")
    now = datetime.now(UTC).date()
    old, young = ((now - timedelta(days=days)).toordinal() // PERIOD_DAYS for days in (100, 0))
    for period in (old, young):
        store.create(speech_key(period, "a" * 64, "wav"), b"RIFF", media_type="audio/wav")

    said = debrief("agent", "prewarm", "--expired", "--json", env=env, cwd=tmp_path).json()
    removed = debrief("agent", "prewarm", "--expired", "--yes", "--json", env=env, cwd=tmp_path).json()

    assert ({"expired": 1, "removed": 0}, {"expired": 1, "removed": 1}) == (said, removed)
    assert [speech_key(young, "a" * 64, "wav")] == store.names("speech/")


@pytest.mark.parametrize("arguments", [[], [RUBRIC, "--expired"]])
def test_prewarm_wants_a_rubric_or_old_phrases(env, tmp_path, arguments):
    """One of the two."""
    assert 2 == debrief("agent", "prewarm", *arguments, env=env, cwd=tmp_path).code


def test_an_interview_leaves_its_account(env, tmp_path):
    """Without a model there was nothing to pay."""
    typed = "Yes.\nI built a queue for the orders.\n"
    debrief(
        "agent", "console", RUBRIC, "--req", "R-1", "--text", "--interview", "iv-7", env=env, cwd=tmp_path, stdin=typed
    )

    account = debrief("agent", "report", "iv-7", "--json", env=env, cwd=tmp_path).json()[0]
    none = debrief("agent", "report", "iv-8", env=env, cwd=tmp_path)

    assert ("iv-7", "text", []) == (account["interview_id"], account["provider"], account["models"])
    assert (2, True) == (none.code, "there is no account" in none.err)
