"""What only a folder can do wrong: links, permissions, full disks, crashes."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluator.adapters.folder import LEFTOVER_AGE_S, FolderStore
from evaluator.adapters.keys import TEMPORARY
from evaluator.errors import ContentError, ObjectExists, StoreForbidden, StoreUnavailable

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the store lies."""
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> FolderStore:
    """A new, empty store."""
    return FolderStore(root)


@pytest.fixture
def small_files() -> Iterator[None]:
    """A limit of this process on file size, so that a write fails half-way as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_missing_root_is_made_for_its_owner_only(store: FolderStore, root: Path) -> None:
    """A new store's folder and objects are readable by nobody else."""
    store.create("inbox/i1.json", b"1")

    assert root.stat().st_mode & 0o777 == 0o700
    assert (root / "inbox").stat().st_mode & 0o777 == 0o700
    assert (root / "inbox/i1.json").stat().st_mode & 0o777 == 0o600


def test_root_without_a_parent_is_unavailable(tmp_path: Path) -> None:
    """A parent that is missing looks like a volume that is not mounted, and no folder is made in its place."""
    with pytest.raises(StoreUnavailable, match="not-mounted"):
        FolderStore(tmp_path / "not-mounted" / "store")
    assert list(tmp_path.iterdir()) == []


def test_root_that_went_away_is_unavailable_not_empty(store: FolderStore, root: Path) -> None:
    """Every method says that the folder is gone; none takes it for 'no such object'."""
    root.rmdir()

    for call in (lambda: store.get("a"), lambda: store.names(""), lambda: store.delete("a"), store.probe):
        with pytest.raises(StoreUnavailable, match="store"):
            call()


def test_root_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    """A file cannot be a store."""
    (tmp_path / "file").write_bytes(b"")
    store = FolderStore(tmp_path / "file")

    with pytest.raises(StoreUnavailable, match="Not a directory"):
        store.get("a")


def test_root_may_be_a_link(tmp_path: Path) -> None:
    """Only links below the root are refused: whoever names the root may name a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    FolderStore(tmp_path / "link").create("a/b", b"1")

    assert (tmp_path / "real/a/b").read_bytes() == b"1"


def test_link_to_a_folder_is_refused(store: FolderStore, root: Path, tmp_path: Path) -> None:
    """No method follows a linked folder out of the root, and what lies there is never 'missing'."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "inbox").symlink_to(outside)

    for call in (
        lambda: store.get("inbox/secret"),
        lambda: store.create("inbox/new", b"1"),
        lambda: store.delete("inbox/secret"),
        lambda: store.names("inbox/"),
    ):
        with pytest.raises(StoreForbidden, match="symbolic link"):
            call()
    assert store.names("") == []
    assert [outside / "secret"] == list(outside.iterdir())


def test_link_to_a_file_is_refused(store: FolderStore, root: Path, tmp_path: Path) -> None:
    """A linked file is neither read nor overwritten nor listed; deleting removes the link alone."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (root / "a").symlink_to(secret)

    with pytest.raises(StoreForbidden, match="symbolic link"):
        store.get("a")
    with pytest.raises(ObjectExists):
        store.create("a", b"1")
    assert store.names("") == []
    store.delete("a")
    assert secret.read_bytes() == b"secret"


def test_named_pipe_is_refused_at_once(store: FolderStore, root: Path) -> None:
    """A pipe in a file's place does not make the reader wait."""
    os.mkfifo(root / "a")

    with pytest.raises(StoreForbidden, match="regular file"):
        store.get("a")
    assert store.names("") == []


def test_key_below_an_object_and_object_in_place_of_a_folder(store: FolderStore) -> None:
    """What a folder cannot hold is said, not taken for 'exists already'."""
    store.create("a/b", b"1")

    with pytest.raises(ContentError, match="is a folder"):
        store.create("a", b"1")
    with pytest.raises(ContentError, match="is an object"):
        store.create("a/b/c", b"1")


def test_unreadable_object_names_path_and_permission(unprivileged: Path) -> None:
    """A file that may not be read is forbidden, never missing."""
    store = FolderStore(unprivileged / "store")
    store.create("inbox/i1.json", b"1")
    (unprivileged / "store/inbox/i1.json").chmod(0)

    with pytest.raises(StoreForbidden, match=r"no permission to read .*/inbox/i1\.json \(Permission denied\)"):
        store.get("inbox/i1.json")


def test_closed_folder_is_forbidden_for_every_method(unprivileged: Path) -> None:
    """A folder without the right to enter is forbidden, never empty."""
    store = FolderStore(unprivileged / "store")
    store.create("inbox/i1.json", b"1")
    (unprivileged / "store/inbox").chmod(0)

    for call in (
        lambda: store.get("inbox/i1.json"),
        lambda: store.create("inbox/i2.json", b"1"),
        lambda: store.delete("inbox/i1.json"),
        lambda: store.names("inbox/"),
        lambda: store.names(""),
    ):
        with pytest.raises(StoreForbidden, match="inbox"):
            call()


def test_read_only_folder_forbids_writing_alone(unprivileged: Path) -> None:
    """Reading goes on where writing is not allowed."""
    store = FolderStore(unprivileged / "store")
    store.create("inbox/i1.json", b"1")
    (unprivileged / "store/inbox").chmod(0o500)

    with pytest.raises(StoreForbidden, match="no permission to write"):
        store.create("inbox/i2.json", b"1")
    with pytest.raises(StoreForbidden, match="no permission to delete"):
        store.delete("inbox/i1.json")
    assert store.get("inbox/i1.json") == b"1"
    assert store.names("inbox/") == ["inbox/i1.json"]


def test_write_that_fails_half_way_leaves_nothing(store: FolderStore, root: Path, small_files: None) -> None:
    """When the disk takes only a part, there is no object, no rest, and the error names the file."""
    with pytest.raises(StoreUnavailable, match=r"cannot write .*/a/b: File too large"):
        store.create("a/b", b"x" * 100_000)

    assert store.get("a/b") is None
    assert list((root / "a").iterdir()) == []


def test_unfinished_writes_are_never_listed_and_old_ones_are_removed(store: FolderStore, root: Path) -> None:
    """A crash may leave a temporary file; only one older than an hour is taken for a crash's and removed."""
    store.create("a/b/c", b"1")
    old, young = (root / "a/b" / f"{TEMPORARY}{name}" for name in ("old", "young"))
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    before = time.time() - LEFTOVER_AGE_S - 60
    os.utime(old, (before, before))

    assert store.names("") == ["a/b/c"]
    store.probe()
    assert store.names("") == ["a/b/c"]
    assert (old.exists(), young.exists()) == (False, True)


def test_names_that_are_no_keys_are_not_listed(store: FolderStore, root: Path) -> None:
    """Files that others put there under names no key can have do not disturb a listing."""
    store.create("a", b"1")
    (root / "back\\slash").write_bytes(b"1")
    (root / "line\nfeed").mkdir()
    (root / os.fsdecode(b"\xff\xfe")).write_bytes(b"1")

    assert store.names("") == ["a"]


def test_writer_killed_at_any_moment_leaves_whole_objects(root: Path, store: FolderStore) -> None:
    """After SIGKILL every listed object is whole, and the store goes on working."""
    program = (
        "import sys; from pathlib import Path; from evaluator.adapters.folder import FolderStore\n"
        "store = FolderStore(Path(sys.argv[1]))\n"
        "for number in range(10**6):\n"
        "    store.create(f'k/{number}', b'x' * 300_000)\n"
        "    print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE, cwd=REPOSITORY) as writer:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
        time.sleep(0.013)
        writer.kill()

    sizes = {len(store.get(key) or b"") for key in store.names("k/")}
    assert {300_000} == sizes
    store.probe()


def test_ten_thousand_objects_are_listed_in_pages_quickly(store: FolderStore, root: Path) -> None:
    """A large inbox is paged through without examining each file, in some 50 ms; 2 s is trouble."""
    (root / "inbox").mkdir()
    for number in range(10_000):
        (root / f"inbox/{number:05d}.json").touch()

    started = time.monotonic()
    page = store.names("inbox/", after="inbox/04999.json", limit=200)
    took_s = time.monotonic() - started

    assert [f"inbox/{number:05d}.json" for number in range(5_000, 5_200)] == page
    assert took_s < 2
