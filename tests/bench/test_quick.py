"""The benches in their quick size: that they measure what they say, with every part real."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 400.0
UNKEPT = {k: v for k, v in os.environ.items() if not k.startswith("DEBRIEF_")}


def bench(folder, *arguments):
    """Its exit code and its report."""
    command = (sys.executable, "-m", "tests.bench", "--results", str(folder), *arguments)
    with subprocess.Popen(command, cwd=ROOT, env=UNKEPT, stdout=subprocess.PIPE, text=True) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # it takes its room down
            said, _ = process.communicate(timeout=90)
    told = json.loads(said.splitlines()[-1])
    return process.returncode, told["benches"][0]


def values(report):
    """Each promise's value."""
    return {promise["name"]: promise["value"] for promise in report["promises"]}


def rooms():
    """The folders of benches."""
    return set(Path(tempfile.gettempdir()).glob("debrief-bench-*"))


def of_rooms():
    """Processes whose command line, folder or settings are of a bench's room."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            told = (*process.cmdline(), process.cwd(), process.environ().get("DEBRIEF_HOME", ""))
            if "debrief-bench-" in " ".join(told):
                found.append(process)
    return found


@pytest.mark.chaos
@pytest.mark.timeout(LIMIT_S + 100)
def test_overhead_adds_up(tmp_path):
    """Every section is scored; orchestration is the sum of its processes without the engine; exit 0 as it holds."""
    code, report = bench(tmp_path, "overhead", "--interviews", "6", "--repeats", "1", "--slots", "2")
    ms = {kind: one["median"] for kind, one in report["figures"]["cpu_ms_per_section"].items()}
    parts = ("worker children", "worker main", "reconciler", "postgres", "valkey", "web")

    assert (30, 6) == (values(report)["sections_lot1"], values(report)["interviews_done_lot1"])
    assert ms["orchestration"] == pytest.approx(sum(ms[part] for part in parts), abs=0.1)
    assert 1.0 < ms["worker children"]
    assert {"engine", "orchestration", *parts} == ms.keys()
    assert (0 if all(promise["held"] for promise in report["promises"]) else 1) == code


@pytest.mark.chaos
@pytest.mark.timeout(LIMIT_S + 100)
def test_growth_accounts_for_everything(tmp_path):
    """In each size as many scorecards as interviews, by SQL, and never more hints than twice the slots."""
    _, report = bench(tmp_path, "growth", "--interviews", "48", "--slots", "2")
    sizes = report["figures"]["sizes"]

    assert [(3, 3), (12, 12), (48, 48)] == [(size["interviews"], size["scorecards"]) for size in sizes]
    assert all(size["accounted"] for size in sizes)
    assert 1 <= values(report)["hints_waiting_max"] <= 4


@pytest.mark.chaos
@pytest.mark.timeout(LIMIT_S + 100)
def test_a_bench_that_is_killed_leaves_nothing():
    """SIGKILL in the middle: the guards take its services down."""
    before, folders = {process.pid for process in of_rooms()}, rooms()
    command = (sys.executable, "-m", "tests.bench", "overhead", "--interviews", "500", "--repeats", "1", "--slots", "1")
    with subprocess.Popen(command, cwd=ROOT, env=UNKEPT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not (working := _working(before)) and time.monotonic() < deadline:
            time.sleep(0.5)
        process.kill()
    deadline = time.monotonic() + 60
    while _own(before) and time.monotonic() < deadline:
        time.sleep(0.5)
    for folder in rooms() - folders:  # what nobody was left to remove
        shutil.rmtree(folder, ignore_errors=True)

    assert working
    assert [] == _own(before)


def _working(before):
    """Whether a worker has begun to fork its children."""
    workers = [process for process in _own(before) if "celery" in process.cmdline()]
    return len(workers) >= 2


def _own(before):
    return [process for process in of_rooms() if process.pid not in before]


@pytest.mark.vllm
@pytest.mark.timeout(LIMIT_S + 100)
def test_ceiling_compares_like_with_like(tmp_path):
    """Both arms read the same tokens, write as many, and begin with the rubrics' prefixes in the cache."""
    _, report = bench(tmp_path, "ceiling", "--models", "tiny", "--sections", "15", "--pairs", "1", "--slots", "2")
    arms = report["figures"]["tiny"]["arms"]
    told = values(report)

    assert arms["raw"]["prompt_tokens"] == arms["pipeline"]["prompt_tokens"]
    assert (1, 3) == (told["tiny_input_tokens_equal"], told["tiny_interviews_done"])
    assert told["tiny_output_tokens_apart"] <= 0.05
    assert 0.95 <= told["tiny_cached_prefix_share"]
    assert arms["raw"]["cached_tokens"] == arms["pipeline"]["cached_tokens"]


def test_gpu_refuses_where_there_is_none():
    """With the way out, and without starting anything."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("here is a CUDA device")
    command = (sys.executable, "-m", "tests.bench", "gpu")

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert (1, "") == (ended.returncode, ended.stdout)
    assert ended.stderr.splitlines()[-1].startswith("gpu: ")
