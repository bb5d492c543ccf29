"""What tests share: the given data, and real services of which one of each runs for the whole session."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from sqlalchemy import text

from evaluator import embedded
from evaluator.embedded import Endpoints, Part
from evaluator.storage.database import Database
from migrations import history
from tests.browser import find

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long an example takes says nothing on a machine that does other work at the same time.
hypothesis.settings.register_profile("debrief", deadline=None)
hypothesis.settings.load_profile("debrief")

# A shell without job control starts what it puts in the background with Ctrl-C ignored, and every process that the
# tests interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real interviews and formats beside the repository; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the session's services."""
    return tmp_path_factory.mktemp("home")


def _running(home: Path, part: Part) -> Iterator[Endpoints]:
    with embedded.start(home, frozenset({part}), say=lambda _: None) as running:
        yield running.endpoints


@pytest.fixture(scope="session")
def postgres(home: Path) -> Iterator[str]:
    """A real PostgreSQL; its URL."""
    for endpoints in _running(home, Part.DATABASE):
        assert endpoints.database_url is not None
        yield endpoints.database_url


@pytest.fixture(scope="session")
def valkey(home: Path) -> Iterator[str]:
    """A real Valkey or Redis; its URL."""
    for endpoints in _running(home, Part.BROKER):
        assert endpoints.broker_url is not None
        yield endpoints.broker_url


@pytest.fixture(scope="session")
def engine(home: Path) -> Iterator[Endpoints]:
    """A real vLLM with the demonstration judge: half a minute to load, so there is one for all tests."""
    yield from _running(home, Part.ENGINE)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium, for every test that opens pages; a machine without it fails here, it never skips.

    One for each module: while it runs, nothing else in this thread can have an event loop.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=find(os.environ), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def _template(postgres: str) -> Iterator[tuple[Database, str]]:
    """A migrated, empty database that each test's own is copied from."""
    server = Database(postgres)
    name = "template_migrated"
    _create(server, name)
    migrated = Database(_named(server, name))
    history.upgrade(migrated)
    migrated.close()
    yield server, name
    server.close()


@pytest.fixture
def database_url(_template: tuple[Database, str]) -> Iterator[str]:
    """The URL of a migrated, empty database that this test has for itself."""
    server, template = _template
    name = f"test_{next(_numbers)}"
    _create(server, name, template=template)
    yield _named(server, name)
    _admin(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated, empty database that this test has for itself."""
    own = Database(database_url, connections=4)
    yield own
    own.close()


def _named(server: Database, name: str) -> str:
    return server.url.set(database=name).render_as_string(hide_password=False)


def _create(server: Database, name: str, *, template: str = "template0") -> None:
    _admin(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _admin(server: Database, statement: str) -> None:
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
