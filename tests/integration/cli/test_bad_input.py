"""What a person gets wrong, or a dependency, is named in one line with the way out; nothing is lost."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evaluator.storage.database import Database
from evaluator.storage.reading import interview_count
from tests.commands import Finished, debrief

USAGE, UNAVAILABLE = 2, 4
GOOD = "AI: How do you use it?\n\nUser: I check each claim against the paper before I use it.\n"

FILES = {
    "empty.txt": (b"", "is empty"),
    "truncated.json": (b'{"items": [{"type": "mess', "seems to be cut off"),
    "latin.txt": (b"User: caf\xe9\n", "not UTF-8"),
    "binary.txt": (bytes(range(256)) * 4, "is binary"),
    "other.json": (b'{"a": 1}', "unknown shape"),
    "nobody.txt": (b"AI: hello\n\nAI: anyone?\n", "--candidate-speaker"),
}


@pytest.fixture
def env(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A database and a folder store of this test's own."""
    return {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
        "DEBRIEF_BROKER_URL": "redis://127.0.0.1:1/0",
        "DEBRIEF_ENGINE_URL": "http://127.0.0.1:1",
        "DEBRIEF_MODEL": "m@1",
    }


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A transcript that can be imported."""
    path = tmp_path / "good.txt"
    path.write_text(GOOD, encoding="utf-8")
    return path


@contextlib.contextmanager
def _answering(status: int) -> Iterator[str]:
    """A server on loopback that answers every request with this status."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815  the base class's names

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _says(done: Finished, code: int, words: str) -> None:
    assert code == done.code, done.err
    assert words in done.err
    assert "Traceback" not in done.err
    assert "" == done.out


@pytest.mark.parametrize("name", FILES)
def test_a_bad_transcript_is_named_and_nothing_is_imported(
    name: str, env: dict[str, str], database: Database, tmp_path: Path
) -> None:
    """A file that is no interview is named with what it is and what to do."""
    content, words = FILES[name]
    (tmp_path / name).write_bytes(content)

    done = debrief("import", name, "--rubric", "ai-at-work", "--sections", "whole", env=env, cwd=tmp_path)

    _says(done, USAGE, words)
    assert name in done.err
    with database.begin() as db:
        assert 0 == interview_count(db)


def test_one_bad_file_among_good_ones_imports_none(
    env: dict[str, str], database: Database, good: Path, tmp_path: Path
) -> None:
    """An import is whole or not at all, and says so."""
    (tmp_path / "empty.txt").write_bytes(b"")

    done = debrief("import", str(good), "empty.txt", "--rubric", "ai-at-work", env=env, cwd=tmp_path)

    _says(done, USAGE, "nothing was imported")
    with database.begin() as db:
        assert 0 == interview_count(db)


def test_an_unknown_rubric_is_named(env: dict[str, str], good: Path, tmp_path: Path) -> None:
    """A rubric that is not there is answered with how to find those that are."""
    done = debrief("import", str(good), "--rubric", "ai-at-wrok", env=env, cwd=tmp_path)

    _says(done, USAGE, "ai-at-work")


def test_a_faulty_rubric_is_refused_with_all_its_faults(env: dict[str, str], good: Path, tmp_path: Path) -> None:
    """A rubric with faults is named by file, line and column before anything is imported."""
    (tmp_path / "mine@1.yaml").write_text("id: mine\nversion: 1\n", encoding="utf-8")

    done = debrief(
        "import", str(good), "--rubric", "mine@1", env=env | {"DEBRIEF_RUBRICS": str(tmp_path)}, cwd=tmp_path
    )

    _says(done, USAGE, "mine@1.yaml:2:10")
    assert "`sections` is missing" in done.err


def test_sections_that_are_not_marked_ask_for_whole(env: dict[str, str], good: Path, tmp_path: Path) -> None:
    """An interview without the rubric's intros is not scored as if no question had been asked."""
    done = debrief("import", str(good), "--rubric", "ai-at-work", env=env, cwd=tmp_path)

    _says(done, USAGE, "--sections whole")


def test_a_store_without_permission_names_what_is_missing(env: dict[str, str], good: Path, tmp_path: Path) -> None:
    """A 403 is a missing permission, never an empty store."""
    with _answering(403) as endpoint:
        store = {
            "DEBRIEF_STORE_URL": f"s3://bucket?endpoint={endpoint}&region=us-east-1",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-store",
        }
        done = debrief(
            "import", str(good), "--rubric", "ai-at-work", "--sections", "whole", env=env | store, cwd=tmp_path
        )

    _says(done, UNAVAILABLE, "s3:")
    assert "secret-of-the-store" not in done.err


def test_a_database_without_migrations_names_the_command(
    env: dict[str, str], postgres: str, good: Path, tmp_path: Path
) -> None:
    """A database that was never migrated is not touched."""
    done = debrief(
        "import",
        str(good),
        "--rubric",
        "ai-at-work",
        "--sections",
        "whole",
        env=env | {"DEBRIEF_DATABASE_URL": postgres},
        cwd=tmp_path,
    )

    _says(done, UNAVAILABLE, "debrief db upgrade")


def test_a_database_that_is_down_is_named_without_its_password(env: dict[str, str], tmp_path: Path) -> None:
    """Host and port, but no secret."""
    url = "postgresql://debrief:hunter2@127.0.0.1:1/debrief"

    done = debrief("run", "status", env=env | {"DEBRIEF_DATABASE_URL": url}, cwd=tmp_path)

    _says(done, UNAVAILABLE, "127.0.0.1:1/debrief")
    assert "hunter2" not in done.err


def test_an_engine_that_is_down_opens_no_run(env: dict[str, str], good: Path, tmp_path: Path) -> None:
    """Nothing is started that could not be judged; the interviews stay as they are."""
    imported = debrief("import", str(good), "--rubric", "ai-at-work", "--sections", "whole", env=env, cwd=tmp_path)

    done = debrief("run", "start", env=env, cwd=tmp_path)

    assert 0 == imported.code, imported.err
    _says(done, UNAVAILABLE, "http://127.0.0.1:1")
    assert "[]" == debrief("run", "list", "--json", env=env, cwd=tmp_path).out.strip()


def test_a_temperature_that_ends_the_embedded_engine_is_refused(
    env: dict[str, str], good: Path, tmp_path: Path
) -> None:
    """Before anything is loaded; an engine of one's own may sample."""
    debrief("import", str(good), "--rubric", "ai-at-work", "--sections", "whole", env=env, cwd=tmp_path)
    embedded = {k: v for k, v in env.items() if k not in ("DEBRIEF_ENGINE_URL", "DEBRIEF_MODEL")}

    done = debrief("run", "start", env={**embedded, "DEBRIEF_TEMPERATURE": "0.7"}, cwd=tmp_path)

    _says(done, USAGE, "DEBRIEF_TEMPERATURE")


def test_settings_are_all_named_at_once_without_values(env: dict[str, str], tmp_path: Path) -> None:
    """Two faulty variables are one message."""
    wrong = {"DEBRIEF_LEASE_S": "-7", "DEBRIEF_WEB_PORT": "hunter2"}

    done = debrief("run", "status", env=env | wrong, cwd=tmp_path)

    _says(done, USAGE, "DEBRIEF_LEASE_S")
    assert "DEBRIEF_WEB_PORT" in done.err
    assert "hunter2" not in done.err


def test_a_port_in_use_is_named(env: dict[str, str], tmp_path: Path) -> None:
    """The pages say which port is taken and how to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        done = debrief("serve", "--port", port, env=env, cwd=tmp_path)

    _says(done, USAGE, f"port {port} is in use")


def test_pages_are_refused_beyond_loopback(env: dict[str, str], tmp_path: Path) -> None:
    """There is no login yet."""
    done = debrief("serve", "--host", "0.0.0.0", env=env, cwd=tmp_path)

    _says(done, USAGE, "loopback")


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The embedded services say where they wanted to write and which variable moves them."""
    (tmp_path / "file").write_text("", encoding="utf-8")

    done = debrief("run", "status", env={"DEBRIEF_HOME": str(tmp_path / "file" / "home")}, cwd=tmp_path)

    _says(done, UNAVAILABLE, "DEBRIEF_HOME")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nonsense",), "nonsense"),
        (("run", "start", "--only", "some"), "missing, failed, stale, all"),
        (("run", "status", "nope"), "debrief run list"),
        (("scorecard", "show", "nope"), "nope"),
        (("import",), "paths"),
        (("run", "start", "--deadline", "soon"), "HH:MM"),
    ],
)
def test_a_wrong_command_line_says_what_is_right(
    arguments: tuple[str, ...], words: str, env: dict[str, str], tmp_path: Path
) -> None:
    """Usage errors end with 2 and one line."""
    done = debrief(*arguments, env=env, cwd=tmp_path)

    _says(done, USAGE, words)


def test_errors_are_json_where_asked_for(env: dict[str, str], tmp_path: Path) -> None:
    """With --json a program reads the error's code and exit code from stdout."""
    done = debrief("run", "status", "nope", "--json", env=env, cwd=tmp_path)

    assert ("not_found", USAGE) == (done.json()["error"], done.json()["exit_code"])
