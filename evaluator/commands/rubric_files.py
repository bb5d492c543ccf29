"""The rubric files that commands look in: those that the package ships, and those in the folders of DEBRIEF_RUBRICS."""

from pathlib import Path

from evaluator.errors import NotFound, RubricFault
from evaluator.settings import read_settings
from rubrics.faults import RubricError, UnknownRubric
from rubrics.library import Entry, Library, library
from rubrics.model import Rubric


def rubric_folders() -> tuple[Path, ...]:
    """The folders of DEBRIEF_RUBRICS, besides the rubrics that the package ships."""
    return read_settings().rubric_folders


def rubric_files() -> Library:
    """All of them; RubricFault when a folder cannot be read."""
    try:
        return library(rubric_folders())
    except RubricError as error:
        raise RubricFault(error.faults) from None


def rubric_entry(ref: str) -> Entry:
    """The file of `id@version`, or of an id's highest version; NotFound says what there is, RubricFault its faults."""
    try:
        return rubric_files().entry(ref)
    except UnknownRubric as error:
        raise NotFound(str(error)) from None
    except RubricError as error:
        raise RubricFault(error.faults) from None


def find_rubric_file(ref: str) -> Rubric:
    """The rubric of that name among the files; the faults of `rubric_entry`."""
    return rubric_entry(ref).rubric
