"""A folder as object store: create-only by hard link, whole or not at all after a crash at any moment."""

import contextlib
import errno
import os
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from evaluator.adapters.keys import KEY_BYTES_MAX, TEMPORARY, can_start_key, checked_key, fault_of, prove_create_only
from evaluator.errors import ContentError, ObjectExists, ObjectMissing, StoreForbidden, StoreUnavailable
from evaluator.ports import ObjectHead

FOLDER_MODE = 0o700  # transcripts are personal: nobody but the owner
FILE_MODE = 0o600
LEFTOVER_AGE_S = 3_600  # an unfinished write this old has no writer any more
SWEEP_S_MAX = 5.0  # what one probe may spend on looking for those
_READ_BYTES = 1024 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK a named pipe put in a file's place would wait for its writer for ever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK, errno.ENOSYS}
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class FolderStore:
    """Objects as files below one folder of this machine.

    Each object is a file whose relative path is its key. No file descriptor stays open between calls, so it may
    cross a fork and serve several threads. A symbolic link below the root is refused, never followed. An object `a`
    and an object `a/b` cannot both exist here, as they can in S3; `evaluator.layout` makes no such pair.
    """

    def __init__(self, root: Path) -> None:
        """Makes the folder when only itself is missing; StoreUnavailable when its parent is missing too.

        A missing parent is more often a volume that is not mounted than a wish for new folders.
        """
        self._root = root.absolute()
        try:
            self._root.mkdir(mode=FOLDER_MODE)
        except FileExistsError:
            pass  # whether it is a folder is seen at every call, as it may change at any time
        except OSError as error:
            _translate(error, self._root, "create the folder")

    def __repr__(self) -> str:
        return f"FolderStore({str(self._root)!r})"

    def get(self, key: str, *, bytes_max: int = 64 * 1024 * 1024) -> bytes | None:
        """The file's bytes; None when there is no such file. ContentError when it is larger than bytes_max."""
        path = self._root / checked_key(key)
        try:
            with self._folder_of(key) as folder:
                return _read(path, folder, bytes_max)
        except _ABSENT:
            return None
        except OSError as error:
            _translate(error, path, "read")

    def head(self, key: str) -> ObjectHead | None:
        """Size and version of the file; None when there is no such file."""
        path = self._root / checked_key(key)
        try:
            with self._folder_of(key) as folder, _opened(path, folder) as file:
                return _head(file)
        except _ABSENT:
            return None
        except OSError as error:
            _translate(error, path, "read")

    def part(self, key: str, *, start: int, length: int, version: str) -> bytes:
        """Exactly `length` bytes from `start` on of this version; ObjectMissing when there are none such."""
        path = self._root / checked_key(key)
        try:
            with self._folder_of(key) as folder, _opened(path, folder) as file:
                data = _read_part(file, start, length) if _head(file).version == version else b""
        except _ABSENT:
            data = b""
        except OSError as error:
            _translate(error, path, "read")
        if len(data) != length:
            raise ObjectMissing(f"object {key} is not there any more as it was a moment ago")
        return data

    def create(
        self,
        key: str,
        data: bytes,
        *,
        media_type: str = "application/json",  # noqa: ARG002 - the port's; a folder has no place for it
    ) -> None:
        """Writes a new file, whole or not at all; ObjectExists when the key is taken. The media type is not kept."""
        path = self._root / checked_key(key)
        temporary = f"{TEMPORARY}{uuid.uuid4().hex}"
        try:
            with self._folder_of(key, make=True) as folder:
                try:
                    _write(temporary, data, folder)
                    _link(temporary, path, folder)
                finally:
                    # A crash before this line leaves a file that nothing lists and a later probe removes.
                    with contextlib.suppress(OSError):
                        os.unlink(temporary, dir_fd=folder)
                os.fsync(folder)
        except OSError as error:
            _translate(error, path, "write")

    def names(self, prefix: str, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Keys under the prefix by their UTF-8 bytes, as S3 orders them, greater than `after`, at most `limit`.

        Reads the folders that can hold such keys and no others; no file is opened or examined.
        """
        if limit <= 0 or not can_start_key(prefix):
            return []
        start = prefix.rpartition("/")[0]
        try:
            with self._folder_of(f"{start}/" if start else ""):
                pass  # a root that is gone, or a link, must not look like an empty store
        except _ABSENT:
            return []
        except OSError as error:
            _translate(error, self._root / start, "list")
        found: list[str] = []
        for key in self._keys(start, prefix, after):
            found.append(key)
            if len(found) == limit:
                break
        return found

    def delete(self, key: str) -> None:
        """Removes the file; no error when there is none. Its folder stays."""
        path = self._root / checked_key(key)
        try:
            with self._folder_of(key) as folder:
                os.unlink(path.name, dir_fd=folder)
                os.fsync(folder)
        except _ABSENT:
            return
        except OSError as error:
            _translate(error, path, "delete")

    def probe(self) -> None:
        """Proves create-only writes in this folder; then removes what crashed writers left more than an hour ago."""
        prove_create_only(self, f"folder {self._root}")
        _sweep(str(self._root), time.monotonic() + SWEEP_S_MAX)

    @contextlib.contextmanager
    def _folder_of(self, key: str, *, make: bool = False) -> Iterator[int]:
        """The opened folder of the key's file; one of _ABSENT when there is none and it is not to be made.

        Walks from folder to folder by descriptor and follows no link, so nothing that changes the tree meanwhile
        can lead out of the root.
        """
        with contextlib.ExitStack() as opened:
            try:
                current = os.open(self._root, _DIRECTORY)
            except OSError as error:
                _translate(error, self._root, "open")
            opened.callback(os.close, current)
            path = self._root
            for name in key.split("/")[:-1]:
                path = path / name
                current = _enter(path, current, make=make)
                opened.callback(os.close, current)
            yield current

    def _keys(self, folder: str, prefix: str, after: str) -> Iterator[str]:
        """The keys below one folder in order, depth first.

        Sorting a folder's name with its '/' yields S3's order as a whole: 'a-b' comes before 'a/b', and all keys of
        a folder lie between its neighbours'.
        """
        for name in self._entries(folder):
            key = f"{folder}/{name}" if folder else name
            if key.endswith("/"):
                reachable = key.startswith(prefix) or prefix.startswith(key)
                if reachable and len(key) < KEY_BYTES_MAX and (key > after or after.startswith(key)):
                    yield from self._keys(key[:-1], prefix, after)
            elif key > after and key.startswith(prefix) and fault_of(key) is None:
                yield key

    def _entries(self, folder: str) -> list[str]:
        """Names in one folder in order, folders with a '/' at the end; links and names that no key has are left out.

        The kind of each comes with the listing, so nothing is examined one by one.
        """
        listed = []
        path = self._root / folder
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        listed.append(entry.name + "/")
                    elif entry.is_file(follow_symlinks=False):
                        listed.append(entry.name)
        except _ABSENT:
            return []  # removed meanwhile
        except OSError as error:
            _translate(error, path, "list")
        return sorted(name for name in listed if fault_of(name.removesuffix("/")) is None)


def _enter(path: Path, parent: int, *, make: bool) -> int:
    """Opens the sub-folder; makes it first where asked to."""
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(path.name, FOLDER_MODE, dir_fd=parent)
            os.fsync(parent)  # otherwise a power cut could lose the folder with the object in it
    try:
        return os.open(path.name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    except OSError:
        mode = _mode(path.name, parent)
        if stat.S_ISLNK(mode):
            _refuse_link(path)
        if make and mode and not stat.S_ISDIR(mode):
            raise ContentError(f"{path} is an object, so no object can lie below it") from None
        raise


def _read(path: Path, folder: int, bytes_max: int) -> bytes:
    with _opened(path, folder) as file:
        return _read_at_most(file, path, bytes_max)


@contextlib.contextmanager
def _opened(path: Path, folder: int) -> Iterator[int]:
    """The regular file, open for reading."""
    try:
        file = os.open(path.name, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            _refuse_link(path)
        raise
    try:
        mode = os.fstat(file).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise StoreForbidden(f"{path} is not a regular file and is not read; remove it")
        yield file
    finally:
        os.close(file)


def _head(file: int) -> ObjectHead:
    """An object is never written twice here, but whoever can write to the folder may do it all the same."""
    found = os.fstat(file)
    facts = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return ObjectHead(bytes=found.st_size, version="-".join(f"{fact:x}" for fact in facts))


def _read_part(file: int, start: int, length: int) -> bytes:
    data = bytearray()
    while chunk := os.pread(file, min(_READ_BYTES, length - len(data)), start + len(data)):
        data += chunk
    return bytes(data)


def _read_at_most(file: int, path: Path, bytes_max: int) -> bytes:
    data = bytearray()
    while chunk := os.read(file, min(_READ_BYTES, bytes_max + 1 - len(data))):
        data += chunk
        if len(data) > bytes_max:
            raise ContentError(f"object {path} is larger than {bytes_max} bytes")
    return bytes(data)


def _write(name: str, data: bytes, folder: int) -> None:
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE, dir_fd=folder)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def _link(temporary: str, path: Path, folder: int) -> None:
    """Gives the written file its name, unless that name is taken: the one step that decides a race."""
    try:
        os.link(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        if stat.S_ISDIR(_mode(path.name, folder)):
            raise ContentError(f"{path} is a folder, so it cannot be an object") from None
        raise ObjectExists(f"object {path} exists already") from None
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            raise StoreUnavailable(
                f"the file system of {path.parent} makes no hard links, which create-only writes need "
                f"({_reason(error)}); put the store on a local disk"
            ) from error
        raise


def _mode(name: str, folder: int) -> int:
    """The entry's mode bits; 0 when there is none."""
    try:
        return os.lstat(name, dir_fd=folder).st_mode
    except OSError:
        return 0


def _sweep(root: str, deadline: float) -> None:
    """Removes unfinished files older than LEFTOVER_AGE_S, as far as the time and the permissions go."""
    folders = [root]
    while folders and time.monotonic() < deadline:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.name.startswith(TEMPORARY) and _age_s(entry) > LEFTOVER_AGE_S:
                    Path(entry.path).unlink()


def _age_s(entry: os.DirEntry[str]) -> float:
    return time.time() - entry.stat(follow_symlinks=False).st_mtime


def _refuse_link(path: Path) -> NoReturn:
    raise StoreForbidden(f"{path} is a symbolic link, and a folder store follows none below its root; remove the link")


def _translate(error: OSError, path: Path, action: str) -> NoReturn:
    """Raises what the port promises for an error of the operating system."""
    if error.errno in _PERMISSION:
        raise StoreForbidden(
            f"no permission to {action} {path} ({_reason(error)}); give user {os.geteuid()} that right"
        ) from error
    raise StoreUnavailable(
        f"cannot {action} {path}: {_reason(error)}; see that the folder store's disk is mounted and not full"
    ) from error


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else type(error).__name__
