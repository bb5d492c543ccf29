"""How a worker's processes learn what it was told."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.settings import Settings
from workers.node import DRAIN_VARIABLE, Drain, Node, drain_file, make_drain_folder, tell


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A worker's drain folder."""
    monkeypatch.setenv(DRAIN_VARIABLE, "")
    made = make_drain_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def node() -> Node:
    """A node of a worker that was told nothing yet."""
    return Node.build(Settings(database_url="postgresql://a:b@127.0.0.1:1/c", broker_url="redis://127.0.0.1:1/0"))


def test_folder_is_this_users_alone(folder):
    """Nobody else can stop a worker, and the name cannot be foreseen."""
    assert stat.S_IRWXU == stat.S_IMODE(folder.stat().st_mode)
    assert str(os.getpid()) not in folder.name.split("-")


@pytest.mark.parametrize(
    ("told", "claiming", "draining"),
    [((), True, False), ((Drain.CLAIM_NOTHING,), False, False), ((Drain.STOP,), False, True), (Drain, False, True)],
)
def test_what_the_processes_see(folder, node, told, claiming, draining):
    """A recommendation stops claims only; a notice stops model calls too."""
    for one in told:
        tell(one)

    assert (claiming, draining) == (node.claiming(), node.draining())


def test_folder_that_was_cleaned_away_is_made_again(folder, node):
    """What removes old temporary folders must not keep a worker from stopping."""
    folder.rmdir()

    tell(Drain.STOP)

    assert node.draining()


def test_outside_of_a_worker_nothing_is_told(monkeypatch, node):
    """A node in another process, as tests make them, just works."""
    monkeypatch.delenv(DRAIN_VARIABLE, raising=False)

    tell(Drain.STOP)

    assert drain_file() is None
    assert node.claiming()
