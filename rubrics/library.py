"""Finds rubrics by name: those that the package ships, and those of the folders it is given."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from rubrics.document import BYTES_MAX
from rubrics.faults import Fault, RubricError, UnknownRubric, in_file_order
from rubrics.loader import parse, read_bytes
from rubrics.model import Rubric

FILES_MAX = 1_000  # rubric files per folder
CLOSE_MAX = 5  # names that an error suggests
SUFFIXES = (".yaml", ".yml")  # .yml is read so that it can be refused by name instead of being overlooked


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One rubric with the file it was read from."""

    rubric: Rubric
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """Rubrics by `id@version`. A faulty file takes only its own name out of use: `find` raises its faults."""

    entries: tuple[Entry, ...] = ()  # by id, then version
    faults: tuple[Fault, ...] = ()
    # Names that faulty files stand for -> the faults; a name is what the file says and what it is called.
    faulty: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)

    def find(self, ref: str) -> Rubric:
        """The rubric `id@version`, or the highest version of `id`.

        Raises RubricError when a file of that name is faulty (a lower version never stands in for it), and
        UnknownRubric when there is none.
        """
        return self.entry(ref).rubric

    def entry(self, ref: str) -> Entry:
        """Like `find`, with the file."""
        if faults := [fault for name, faults in self.faulty.items() if _answers(name, ref) for fault in faults]:
            raise RubricError(in_file_order(faults))
        if found := [entry for entry in self.entries if _answers(entry.rubric.ref, ref)]:
            return max(found, key=lambda entry: version_key(entry.rubric.version))
        raise UnknownRubric(ref, self._close(ref))

    def _close(self, ref: str) -> tuple[str, ...]:
        refs = [entry.rubric.ref for entry in self.entries]
        ids = {entry.rubric.id for entry in self.entries}
        wanted = ref.partition("@")[0]
        same_id = [known for known in refs if known.partition("@")[0] == wanted]
        if same_id:
            return tuple(same_id[-CLOSE_MAX:])
        return tuple(difflib.get_close_matches(wanted.lower(), sorted(ids), n=CLOSE_MAX, cutoff=0.5))


def library(folders: Iterable[Path] = ()) -> Library:
    """The shipped rubrics and those of the folders; RubricError when a folder itself cannot be read."""
    entries: dict[str, Entry] = {}
    faulty: dict[str, tuple[Fault, ...]] = {}
    for source in _sources(folders):
        stem = source.name.rpartition(".")[0]
        try:
            rubric = parse(_content(source), str(source))
        except RubricError as error:
            faulty[stem] = (*faulty.get(stem, ()), *error.faults)
            continue
        known = entries.setdefault(rubric.ref, Entry(rubric=rubric, path=str(source)))
        if faults := _misplaced(source, rubric, known):
            for name in {stem, rubric.ref}:
                faulty[name] = (*faulty.get(name, ()), *faults)
    sound = [entry for ref, entry in entries.items() if ref not in faulty]
    return Library(
        entries=tuple(sorted(sound, key=lambda entry: (entry.rubric.id, version_key(entry.rubric.version)))),
        faults=in_file_order([fault for faults in faulty.values() for fault in faults]),
        faulty=faulty,
    )


def file_name(rubric: Rubric) -> str:
    """What a rubric's file must be called in a folder."""
    return f"{rubric.ref}.yaml"


def version_key(version: str) -> tuple[int, ...]:
    """Orders versions by number: 1.10 comes after 1.9."""
    return tuple(int(part) for part in version.split("."))


def shipped() -> tuple[Traversable, ...]:
    """The rubric files inside the package, also when it is an installed wheel."""
    return tuple(sorted(_yaml_files(files("rubrics")), key=lambda file: file.name))


def _answers(name: str, ref: str) -> bool:
    """Whether `id@version` is meant by the reference, which may leave the version out."""
    return name == ref or name.partition("@")[0] == ref


def _sources(folders: Iterable[Path]) -> Iterator[Traversable]:
    yield from shipped()
    for folder in folders:
        try:
            found = sorted(_yaml_files(folder), key=lambda file: file.name)
        except OSError as error:
            raise RubricError((_folder_fault(folder, f"cannot be read: {error.strerror}"),)) from error
        if len(found) > FILES_MAX:
            raise RubricError((_folder_fault(folder, f"has more than {FILES_MAX} rubric files"),))
        yield from found


def _yaml_files(folder: Traversable) -> list[Traversable]:
    return [file for file in folder.iterdir() if file.name.endswith(SUFFIXES) and not file.name.startswith(".")]


def _folder_fault(folder: Path, reason: str) -> Fault:
    return Fault(path=str(folder), line=1, column=1, message=f"the rubric folder {reason}")


def _content(source: Traversable) -> bytes:
    if isinstance(source, Path):
        return read_bytes(source)
    with source.open("rb") as file:  # inside a zipped package
        return file.read(BYTES_MAX + 1)


def _misplaced(source: Traversable, rubric: Rubric, known: Entry) -> tuple[Fault, ...]:
    """What is wrong with the file's name, or with another file that says the same id and version."""
    faults = []
    if source.name != file_name(rubric):
        message = f"this file says {rubric.ref}, so it must be called {file_name(rubric)}"
        faults.append(Fault(path=str(source), line=1, column=1, message=message))
    if known.rubric.digest != rubric.digest:
        message = f"{rubric.ref} is also defined, differently, in {known.path}; give one of them another version"
        faults.append(Fault(path=str(source), line=1, column=1, message=message))
    return tuple(faults)
