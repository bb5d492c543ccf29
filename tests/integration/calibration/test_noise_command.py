"""`debrief calibrate noise` as a user runs it: real PostgreSQL, a folder store, and an engine over HTTP."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evaluator.adapters.folder import FolderStore
from evaluator.calibration.noise import Noise
from evaluator.evaluation import ATTEMPTS_MAX
from evaluator.prompts import answer_schemas
from evaluator.storage.calibrations import calibration_history
from tests.commands import debrief
from tests.integration.calibration.conftest import CALLS
from tests.integration.storage.builders import change
from tests.stub_engine import StubEngine

USAGE, FAILED, UNAVAILABLE, INTERRUPTED = 2, 3, 4, 130
COMMAND = ("calibrate", "noise", "--rubric", "backend@1")
SMALL = (*COMMAND, "--k", "2", "--interviews", "2")
SMALL_CALLS = 2 * CALLS * 3  # the second other order is the rubric's own again: no criterion has more than one twin
WARM_UPS = len(answer_schemas())  # judgements that compile a grammar
GONE = {"DEBRIEF_ENGINE_URL": "http://127.0.0.1:1"}


@pytest.fixture
def stub():
    """An engine whose levels are chance; what each judgement is asked decides them."""
    with StubEngine(seed=1) as running:
        yield running


@pytest.fixture
def env(tmp_path: Path, database_url: str, stub: StubEngine) -> dict[str, str]:
    """The settings, as variables."""
    (tmp_path / "store").mkdir()
    return {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
        "DEBRIEF_ENGINE_URL": stub.url,
        "DEBRIEF_MODEL": stub.model,
        "COLUMNS": "80",
    }


@pytest.fixture
def run(tmp_path: Path, env: dict[str, str], scored_interviews):
    """Runs a command over three scored interviews."""
    scored_interviews(FolderStore(tmp_path / "store"), 3)
    return lambda *arguments, **other: debrief(*arguments, env={**env, **other}, cwd=tmp_path)


def stored(database) -> list[Noise]:
    """All measurements, the newest first."""
    with database.begin() as db:
        return [Noise.model_validate(one.body) for one in calibration_history(db, kind="noise")]


def test_measurement_is_printed_and_stored(database, run, stub):
    """One line a criterion within 80 columns, and what the columns mean."""
    done = run(*SMALL)

    assert (0, 1) == (done.code, len(stored(database)))
    assert all(name in done.out for name in ("depth", "clarity", "method", "feedback", "conflict", "overall mean"))
    assert "2 interviews, each 2 times in the rubric's order and 2 times in others" in done.out
    assert [] == [line for line in done.out.splitlines() if len(line) > 79]
    assert SMALL_CALLS == stub.calls["judged"] - WARM_UPS


def test_second_run_asks_nothing_and_says_the_same(database, run, stub):
    """Both are kept: a measurement is never changed."""
    first = run(*SMALL)
    stub.calls.clear()
    second = run(*SMALL)

    assert (first.out, WARM_UPS) == (second.out, stub.calls["judged"])
    assert "0 sections judged now" in second.err
    assert 1 == len({one.model_dump_json() for one in stored(database)})
    assert 2 == len(stored(database))


def test_json_is_the_stored_measurement(database, run):
    """One object, with what it was made for."""
    told = run("--json", *SMALL).json()

    assert ("noise", "backend", "1", "stub-judge@1") == tuple(
        told[name] for name in ("kind", "rubric_id", "rubric_version", "model")
    )
    assert stored(database)[0] == Noise.model_validate(told["body"])


def test_dry_run_asks_and_stores_nothing(database, run, stub):
    """It says how many calls and tokens it would take; no engine is needed."""
    done = run(*SMALL, "--dry-run", **GONE)
    told = run("--json", *SMALL, "--dry-run", **GONE).json()

    assert (0, 0, 0) == (done.code, stub.calls["judged"], len(stored(database)))
    assert f"{SMALL_CALLS} calls to stub-judge@1" in done.out
    assert (SMALL_CALLS, 2, True) == (told["calls"], told["interviews"], told["prompt_tokens"] > 1_000)


def test_interrupted_measurement_goes_on(database, run, env, tmp_path, stub):
    """Ctrl-C leaves no measurement and keeps the sections; the same command then asks for the rest only."""
    run("doctor")  # so that nothing of a first start is in the way
    stub.calls.clear()
    stub.delay_s = 0.2
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("debrief")), *SMALL],
        env={**{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}, **env},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    store = FolderStore(tmp_path / "store")
    ends = time.monotonic() + 60
    while len(store.names("checkpoints/")) < 4 and time.monotonic() < ends:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    kept = len(store.names("checkpoints/"))
    none_yet = stored(database)
    stub.delay_s = 0.0
    stub.calls.clear()

    done = run(*SMALL)

    assert (INTERRUPTED, []) == (process.returncode, none_yet)
    assert "Run the same command again to go on." in told
    assert 4 <= kept < SMALL_CALLS
    assert (0, SMALL_CALLS - kept, 1) == (done.code, stub.calls["judged"] - WARM_UPS, len(stored(database)))


def test_failed_sections_are_told_and_left_out(database, run, stub):
    """The exit code says that some failed, and what is stored counts them."""
    stub.faults = ["ok"] * WARM_UPS + ["truncated"] * 2 * CALLS * ATTEMPTS_MAX

    done = run(*SMALL)

    (kept,) = stored(database)
    failed = kept.same_order.failed_sections + kept.shuffled_order.failed_sections
    assert (FAILED, True) == (done.code, failed > 0)
    assert f"{failed} sections failed; they are left out" in done.out


def test_nothing_measured_stores_nothing(database, run, stub):
    """All sections failed: there is nothing to know."""
    stub.faults = ["ok"] * WARM_UPS + ["truncated"] * SMALL_CALLS * ATTEMPTS_MAX * 2

    done = run(*SMALL)

    assert (1, []) == (done.code, stored(database))
    assert "nothing could be measured" in done.err


def test_engine_that_is_gone_is_named(database, run):
    """Nothing is lost, so trying again is safe."""
    done = run(*SMALL, **GONE)

    assert (UNAVAILABLE, []) == (done.code, stored(database))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rubric", "backend"), "id@version"),
        (("--rubric", "backend@9"), "backend@9 is not known here"),
        (("--rubric", "backend@1", "--ids", "iv-1,iv-9"), "--ids iv-9"),
        (("--rubric", "backend@1", "--k", "0"), "--k"),
        (("--rubric", "backend@1", "--k", "21"), "--k"),
    ],
)
def test_mistake_is_named(run, arguments, words):
    """In one line, before anything is started."""
    done = run("calibrate", "noise", *arguments)

    assert (USAGE, True) == (done.code, words in done.err), done.err


def test_ids_name_the_sample(database, run):
    """By commas or again, in any mix."""
    done = run(*COMMAND, "--k", "1", "--ids", "iv-1,iv-2", "--ids", "iv-3")

    assert (0, 3) == (done.code, stored(database)[0].interviews)


def test_one_scoring_each_is_told_to_say_nothing(database, run):
    """In words, without a single figure."""
    done = run(*COMMAND, "--k", "1")

    assert {"undefined"} == {c.level.basis for c in stored(database)[0].combined.criteria}
    assert "take a larger k" in done.out


def test_nothing_scored_says_what_to_do(database, run):
    """The way to a sample is a run."""
    change(database, "UPDATE evaluation SET state = 'quarantined'")

    done = run(*COMMAND)

    assert (USAGE, True) == (done.code, "debrief run start" in done.err)
