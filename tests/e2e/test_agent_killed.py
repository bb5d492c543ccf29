"""The agent of the terminal killed for real: what was answered is in the store, and it goes on or is handed over."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from evaluator.adapters.folder import FolderStore
from evaluator.layout import OPEN, manifest_key
from evaluator.manifest import parse_manifest
from evaluator.transcript import parse_transcript
from live_agent.closing import Closer
from live_agent.handoff import resumable, resume
from tests.commands import debrief

STARTED_S_MAX, REPLY_S_MAX = 120.0, 30.0
ANSWER = "In week {} I moved a service to the queue, measured its waiting time and wrote the runbook."
ID = "iv-killed"


class Talk:
    """A terminal in which somebody is interviewed."""

    def __init__(self, env: Mapping[str, str], cwd: Path) -> None:
        options = ("--req", "REQ-1", "--interview", ID, "--text")
        self.process = subprocess.Popen(
            [str(Path(sys.executable).with_name("debrief")), "agent", "console", "customer-sales", *options],
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def hear(self, within_s: float) -> str:
        """The interviewer's next line."""
        return self._lines.get(timeout=within_s)

    def type(self, line: str) -> None:
        """One turn of the candidate's."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """As a machine that is gone."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)
        self._listener.join(timeout=30)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A real database and a folder store."""
    (tmp_path / "store").mkdir()
    yield {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
    }


@pytest.mark.parametrize(("answers", "after_s"), [(1, 0.0), (3, 0.0), (3, 0.02), (4, 1.0)])
def test_a_killed_agent_leaves_what_was_answered(env, tmp_path, answers, after_s) -> None:
    """Killed so long after it was given its last line: every line that it had replied to is kept, once, in order."""
    store = FolderStore(tmp_path / "store")
    talk = Talk(env, tmp_path)
    replied = []
    try:
        talk.hear(STARTED_S_MAX)
        for number in range(answers):
            line = "Yes, that is fine." if not number else ANSWER.format(number)
            talk.type(line)
            talk.hear(REPLY_S_MAX)
            replied.append(line)
        talk.type(ANSWER.format(answers))
        time.sleep(after_s)
    finally:
        talk.kill()

    known = resume(store, ID)
    left = resumable(store, ID)
    report = Closer(store).run(known.newest_at + timedelta(minutes=61))
    taken_in = debrief("intake", "--json", env=env, cwd=tmp_path)

    assert left.open
    assert 1 == report.closed
    assert (0, 1) == (taken_in.code, taken_in.json()["new"]), taken_in.err
    assert [] == store.names(OPEN)
    assert store.head(manifest_key(ID)) is None
    (archived,) = store.names(f"interviews/{ID}/manifest-")
    manifest = parse_manifest(store.get(archived) or b"")
    turns = parse_transcript(store.get(manifest.transcript.key) or b"").turns
    said = [turn.text for turn in turns if turn.speaker == "candidate"]
    assert "incomplete" == manifest.ending
    assert replied == said[: len(replied)]
    assert len(said) <= len(replied) + 1


def test_a_killed_interview_goes_on_where_it_was(env, tmp_path) -> None:
    """Its last question is asked again, and one interview comes of both halves."""
    store = FolderStore(tmp_path / "store")
    talk = Talk(env, tmp_path)
    try:
        talk.hear(STARTED_S_MAX)
        for line in ("Yes, that is fine.", ANSWER.format(1)):
            talk.type(line)
            asked = talk.hear(REPLY_S_MAX)
    finally:
        talk.kill()
    before = resume(store, ID).turns

    options = ("agent", "console", "--text", "--resume")
    rest = "\n".join([ANSWER.format(2), "I want to stop here.", "Yes."]) + "\n"
    went_on = debrief(*options, ID, "--json", env=env, cwd=tmp_path, stdin=rest)
    again = debrief(*options, ID, env=env, cwd=tmp_path, stdin=rest)
    taken_in = debrief("intake", "--json", env=env, cwd=tmp_path)

    assert {"interview": ID, "kept": True, "consent": "granted", "outcome": "handed_over"} == went_on.json()
    assert asked.strip()[-40:] in went_on.err
    assert "cannot go on" in again.err
    assert 1 == taken_in.json()["new"], taken_in.err
    (archived,) = store.names(f"interviews/{ID}/manifest-")
    manifest = parse_manifest(store.get(archived) or b"")
    turns = parse_transcript(store.get(manifest.transcript.key) or b"").turns
    assert "stopped" == manifest.ending
    assert [t.text for t in before] == [t.text for t in turns[: len(before)]]
    assert ANSWER.format(2) in [turn.text for turn in turns]


def test_what_cannot_go_on_is_said(env, tmp_path) -> None:
    """Too much, too little, or none of that name."""
    options = ("agent", "console", "--text")
    too_much = debrief(*options, "customer-sales", "--resume", ID, env=env, cwd=tmp_path)
    too_little = debrief(*options, env=env, cwd=tmp_path)
    unknown = debrief(*options, "--resume", "iv-9", env=env, cwd=tmp_path)

    assert "leave out a rubric" in too_much.err
    assert "name a rubric and a requisition (--req), or an interview to go on with" in too_little.err
    assert "none of this id is open; there is none that was cut off" in unknown.err
