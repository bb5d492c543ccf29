"""`debrief interview release` and `debrief agent send`, as they are typed."""

import os
import subprocess
import sys
from pathlib import Path

from evaluator.adapters.folder import FolderStore
from evaluator.manifest import Candidate, Consent
from live_agent.handoff import opened, resume
from live_agent.spool import Line, Spool
from tests.commands import debrief
from tests.factories import a_rubric
from tests.integration.storage.builders import a_manifest, begin, claimed, stock
from tests.unit.live_agent.killing import ID, START, turn


def test_a_release_needs_a_reason_and_says_what_to_do_next(database, database_url, tmp_path: Path) -> None:
    """The next run takes it up."""
    stock(database, a_manifest(ending="incomplete"))
    env = {"DEBRIEF_DATABASE_URL": database_url, "DEBRIEF_HOME": str(tmp_path)}
    without = debrief("interview", "release", "iv-1", env=env, cwd=tmp_path)
    done = debrief("interview", "release", "iv-1", "--reason", "only its end is missing", env=env, cwd=tmp_path)
    begin(database)

    assert (2, 0) == (without.code, done.code), done.err
    assert "debrief run start" in done.out
    assert claimed(database) is not None


def test_what_an_agent_left_is_sent(tmp_path: Path) -> None:
    """The file goes; sent again there is nothing to send."""
    (tmp_path / "store").mkdir()
    store = FolderStore(tmp_path / "store")
    opened(
        store,
        interview_id=ID,
        candidate=Candidate(ref="C-1"),
        requisition="REQ-1",
        rubric=a_rubric(),
        consent=Consent(status="granted", at=START),
        clock=lambda: START,
    )
    spool = Spool(tmp_path / "agent", ID)
    spool.append([Line(turn=turn(1)), Line(turn=turn(2))])
    spool.close()

    env = {"DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(), "DEBRIEF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", "import typer; from evaluator.commands.agent_send import send; typer.run(send)"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = [
        subprocess.run(command, env=kept | env, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
        for _ in range(2)
    ]

    assert ["1 interviews sent, 2 turns", "0 interviews sent, 0 turns"] == [d.stdout[:26] for d in done]
    assert [turn(1), turn(2)] == list(resume(store, ID).turns)
