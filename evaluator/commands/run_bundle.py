"""`debrief run bundle`: a run in one folder, to be kept: its report, scorecards, settings, and digests of all."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.config import redacted
from evaluator.commands.context import services
from evaluator.commands.output import out, plain, put, put_json
from evaluator.commands.run_report import report_of
from evaluator.commands.scorecard_export import run_lines
from evaluator.embedded import Part
from evaluator.errors import Conflict, UsageFault
from evaluator.exports.run_html import run_html
from evaluator.settings import Settings
from evaluator.views.run_report import report_json
from evaluator.wiring import Services
from evaluator.words import counted

DIGESTS = "SHA256SUMS"
PERSONAL = frozenset({"DEBRIEF_OIDC_ADMINS"})  # who is named there need not be named here


def bundle(
    name: Annotated[str, typer.Argument(help="the run's name")],
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="a new folder, or an empty one")],
) -> None:
    """A run in one folder: its report, its scorecards as CSV, the settings without secrets, and sha256 of each file."""
    with services(Part.DATABASE, Part.STORE) as found:
        files = _files(found, name)
        first = next(files)  # before anything is made: the run may not exist
        _make(folder)
        sums = [_written(folder, file, pieces) for file, pieces in (first, *files)]
    _written(folder, DIGESTS, (f"{digest}  {file}\n" for file, digest in sums))
    if out.json:
        put_json({"run": name, "folder": str(folder), "files": [{"name": f, "sha256": d} for f, d in sums]})
    else:
        put(
            f"{counted(len(sums), 'file')} of run {name} in {folder}; check them: cd {folder} && sha256sum -c {DIGESTS}"
        )


def _files(found: Services, name: str) -> Iterator[tuple[str, Iterable[str]]]:
    """Each file's name and what is in it."""
    report = report_of(found, name)
    yield "report.json", [_json(report_json(report))]
    yield "report.html", [run_html(report)]
    yield "scorecards-long.csv", run_lines(found, name, "long")
    yield "scorecards-wide.csv", run_lines(found, name, "wide")
    yield "settings.json", [_json(_settings(found.settings))]


def _settings(settings: Settings) -> dict[str, str | None]:
    return {key: "(set, hidden)" if key in PERSONAL and value else value for key, value in redacted(settings).items()}


def _json(value: object) -> str:
    return json.dumps(plain(value), ensure_ascii=False, indent=1) + "\n"


def _make(folder: Path) -> None:
    """The folder. Conflict: something is in it; UsageFault."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Conflict(f"{folder} is not empty, and nothing in it is written over; name another folder")
    except OSError as error:
        raise UsageFault(f"{folder} cannot be written: {error.strerror or error}") from error


def _written(folder: Path, name: str, pieces: Iterable[str]) -> tuple[str, str]:
    """Writes the file as its pieces come; its name and sha256."""
    digest = hashlib.sha256()
    try:
        with (folder / name).open("xb") as file:
            for piece in pieces:
                file.write(piece.encode())
                digest.update(piece.encode())
    except OSError as error:
        raise UsageFault(f"{folder / name} cannot be written: {error.strerror or error}") from error
    return name, digest.hexdigest()
