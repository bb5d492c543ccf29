#!/usr/bin/env python3
"""Make .venv with everything that Debrief needs, or do nothing when it is up to date; standard library only.

    python3 bootstrap.py            one machine without a GPU
    EXTRA=gpu python3 bootstrap.py  the judge's engine built for a GPU

Run by `make demo` and `make test`. It needs Python 3.11 or 3.12 with venv, and a package index that pip can reach.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

TYPE_CHECKING = False  # as typing has it, whose import costs 10 ms
if TYPE_CHECKING:
    from typing import IO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".bootstrap-stamp"  # digest of what was installed last
UNFINISHED = VENV / ".bootstrap-unfinished"  # there while an installation runs
INPUTS = ("pyproject.toml", "constraints.txt", "bootstrap.py")
VERSIONS = ((3, 11), (3, 12))  # vLLM and torch are pinned for these
ENGINES = ("cpu", "gpu")
SAY_EVERY_S = 5.0
DISK_GB = 4  # the installed environment, rounded up

# What a fresh Debian lacks: how to see it, and the line that brings it.
PIECES = {
    "make": "apt-get install make",
    "git": "apt-get install git",
}


class Missing(Exception):
    """Raised when this machine lacks something; the message says what to do."""


def main(environment: "dict[str, str]") -> int:
    """Bring .venv up to date; returns an exit code."""
    try:
        engine = chosen_engine(environment)
        check_python(sys.version_info[:2], have_module("venv") and have_module("ensurepip"))
        wanted = digest([(ROOT / name).read_bytes() for name in INPUTS], engine, sys.version)
        if up_to_date(wanted):
            return 0
        for line in missing_pieces():
            say(line)
        make_venv()
        install(engine, environment)
        UNFINISHED.unlink()
        STAMP.write_text(wanted)
    except Missing as missing:
        say(str(missing))
        return 2
    except KeyboardInterrupt:
        say("interrupted; the next run begins again, with what was downloaded kept")
        return 130
    say("everything is installed")
    return 0


# ---------------------------------------------------------------- decisions


def chosen_engine(environment: "dict[str, str]") -> str:
    """`cpu` or `gpu`, by the variable EXTRA."""
    engine = environment.get("EXTRA") or "cpu"
    if engine not in ENGINES:
        raise Missing(f"EXTRA={engine} is unknown; use EXTRA=cpu (the default) or EXTRA=gpu")
    return engine


def check_python(version: "tuple[int, ...]", has_venv: bool) -> None:
    """Missing when this Python is too old, too new, or has no venv."""
    number = ".".join(map(str, version))
    if tuple(version) not in VERSIONS:
        raise Missing(
            f"Debrief needs Python 3.11 or 3.12, and this is {number} ({sys.executable}). "
            "Install one (apt-get install python3.11 python3.11-venv) and run: make PYTHON=python3.11 demo"
        )
    if not has_venv:
        package = "python3-venv" if sys.executable in ("/usr/bin/python3", "/bin/python3") else f"python{number}-venv"
        raise Missing(f"Python's venv module is missing. Install it with: apt-get install {package}")


def digest(contents: "list[bytes]", engine: str, python: str) -> str:
    """What the stamp holds: another input, engine or Python is another installation."""
    whole = hashlib.sha256()
    for part in (*contents, engine.encode(), python.encode()):
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()


def pinned(constraints: str, package: str) -> str:
    """`package==version` as constraints.txt has it, without hashes; the bare name when it has none."""
    for line in constraints.splitlines():
        name, equals, rest = line.partition("==")
        if equals and name.strip().lower() == package:
            return f"{package}=={rest.split()[0]}"
    return package


def install_command(uv: str, python: str, engine: str, find_links: "str | None") -> "list[str]":
    """The command line of uv. Without a folder of wheels, torch comes from the index of its CPU builds."""
    agent = "agent,agent-openai,agent-deepgram,agent-cartesia,speech"
    wanted = f".[embedded,calibration,otel,pdf,{agent},{engine},dev]"
    command = [uv, "pip", "install", "--python", python, "-c", "constraints.txt", "-e", wanted]
    return [*command, "--torch-backend", "cpu"] if engine == "cpu" and not find_links else command


def install_environment(environment: "dict[str, str]", pip_config: "dict[str, str]") -> "dict[str, str]":
    """The environment of uv: it does not read pip's settings, so hand over those that say where packages are.

    Extra indexes are left out: pip merges them with the first one, uv would prefer the first that has the name.
    """

    def pip_setting(name: str) -> "str | None":
        return environment.get("PIP_" + name.upper().replace("-", "_")) or pip_config.get(name)

    given = dict(environment)
    handed_over = (("UV_FIND_LINKS", "find-links"), ("UV_DEFAULT_INDEX", "index-url"), ("SSL_CERT_FILE", "cert"))
    for variable, name in handed_over:
        value = pip_setting(name)
        if value and not given.get(variable):
            given[variable] = ",".join(value.split()) if name == "find-links" else value
    given.pop("VIRTUAL_ENV", None)
    given.pop("UV_PROJECT_ENVIRONMENT", None)
    return given


def parse_pip_config(printed: str) -> "dict[str, str]":
    """`pip config list` as setting -> value; [install] over [global], as pip has it."""
    found: dict[str, str] = {}
    for section in ("global", "install"):
        for line in printed.splitlines():
            name, equals, value = line.partition("=")
            if equals and name.startswith(section + "."):
                found[name[len(section) + 1 :].strip()] = value.strip().strip("'\"").replace("\\n", " ").strip()
    return found


# ---------------------------------------------------------------- what it does


def up_to_date(wanted: str) -> bool:
    """Whether the stamp says so and the command is there."""
    try:
        return STAMP.read_text() == wanted and not UNFINISHED.exists() and (VENV / "bin" / "debrief").exists()
    except OSError:
        return False


def have_module(name: str) -> bool:
    """Whether this Python can import it; nothing is imported."""
    import importlib.util

    return importlib.util.find_spec(name) is not None


def missing_pieces() -> "list[str]":
    """What is not on PATH, with the line that installs it; none of them stops the installation."""
    import shutil

    return [f"{name} is missing. Install it with: {line}" for name, line in PIECES.items() if not shutil.which(name)]


def make_venv() -> None:
    """A virtual environment with pip; one that is broken or was left half-made is made anew."""
    import shutil

    sound = PYTHON.exists() and not UNFINISHED.exists() and runs([str(PYTHON), "-m", "pip", "--version"])
    if not sound:
        free_gb = shutil.disk_usage(ROOT).free / 1e9
        if free_gb < DISK_GB:
            raise Missing(f"{ROOT} has {free_gb:.1f} GB free, and the installation takes about {DISK_GB} GB")
        say("making .venv")
        arguments = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        VENV.mkdir(exist_ok=True)
        UNFINISHED.touch()
        run(arguments, dict(os.environ), "venv", "Python's venv module is incomplete: apt-get install python3-venv")
    STAMP.unlink(missing_ok=True)
    UNFINISHED.touch()


def install(engine: str, environment: "dict[str, str]") -> None:
    """Install uv by pip, then everything else by uv: plain pip takes builds that do not fit together."""
    uv = VENV / "bin" / "uv"
    wanted = pinned((ROOT / "constraints.txt").read_text(), "uv")
    if not uv.exists() or output([str(uv), "--version"]).split()[1:2] != wanted.split("==")[1:]:
        say(f"installing {wanted}")
        command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]
        run(command, environment, "pip", "Can pip reach a package index? Try: .venv/bin/pip download uv")
    config = parse_pip_config(output([str(PYTHON), "-m", "pip", "config", "list"]))
    for_uv = install_environment(environment, config)
    say("installing Debrief and what it needs (about 1 GB on the first run; minutes on a slow line)")
    command = install_command(str(uv), str(PYTHON), engine, for_uv.get("UV_FIND_LINKS"))
    run(command, for_uv, "uv", "Nothing is lost: run the same command again")


def run(command: "list[str]", environment: "dict[str, str]", name: str, remedy: str) -> None:
    """Run to the end, saying at least every 5 s that it still runs; Missing when it fails."""
    import subprocess
    import threading

    child = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    spoken = threading.Thread(target=relay, args=(child.stdout,), daemon=True)
    spoken.start()
    began = time.monotonic()
    try:
        while child.poll() is None:
            spoken.join(SAY_EVERY_S)
            if spoken.is_alive():
                say(f"{name} is working, {time.monotonic() - began:.0f} s")
            else:
                child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise
    if child.returncode != 0:
        raise Missing(f"{name} failed with exit code {child.returncode} (its message is above). {remedy}")


def relay(lines: "IO[bytes]") -> None:
    """Print what a command says, but not uv's list of 200 packages."""
    for raw in lines:
        line = raw.decode(errors="replace").rstrip()
        if line and not line.startswith((" + ", " - ", " ~ ")):
            print(f"  {line}", file=sys.stderr, flush=True)


def output(command: "list[str]") -> str:
    """What a command prints; empty when it fails."""
    import subprocess

    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def runs(command: "list[str]") -> bool:
    """Whether the command works."""
    return bool(output(command))


def say(line: str) -> None:
    """One line of progress, at once."""
    print(f"bootstrap: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    import signal

    if len(sys.argv) > 1:
        print(__doc__)
        sys.exit(0 if sys.argv[1] in ("-h", "--help") else 2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop the child and say so, as for Ctrl-C
    sys.exit(main(dict(os.environ)))
