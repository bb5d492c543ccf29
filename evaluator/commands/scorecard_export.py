"""`debrief scorecard export`: scorecards as files for spreadsheets and other systems, written as they are read."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import IO, Annotated, Literal

import typer

from evaluator.commands.context import services
from evaluator.commands.files import new_file
from evaluator.commands.output import out, say, warn
from evaluator.embedded import Part
from evaluator.errors import DebriefError, UsageFault
from evaluator.exports import csv
from evaluator.exports.gathering import Survey, exported
from evaluator.exports.greenhouse import greenhouse
from evaluator.exports.json import scorecard_json
from evaluator.exports.rows import Exported
from evaluator.people import COMMAND
from evaluator.pipeline import fetch_transcript
from evaluator.storage import audit
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import StoredScorecard, scorecards
from evaluator.values import Frozen
from evaluator.wiring import Services
from evaluator.words import counted

Form = Literal["long", "wide", "greenhouse", "jsonl"]
PAGE = 100  # scorecards that are held at once


class _Asked(Frozen):
    """Which scorecards."""

    requisition: str | None
    run: str | None
    since: date | None


def export(
    requisition: Annotated[str | None, typer.Option("--requisition", "--req", help="only this requisition")] = None,
    run: Annotated[str | None, typer.Option(help="only this run's")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="interviewed on this day (UTC) or later")
    ] = None,
    long: Annotated[bool, typer.Option("--long", help="CSV with a line per criterion; as is usual")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="CSV with a line per scorecard")] = False,
    as_greenhouse: Annotated[
        bool, typer.Option("--greenhouse", help="JSON lines in Greenhouse's shape; says what it loses")
    ] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="JSON lines, each a scorecard with its evidence; also --json")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="a new file; one that is there only with --yes")
    ] = None,
) -> None:
    """All scorecards, also superseded ones, as CSV or JSON lines; docs/exports.md names the columns."""
    form = _form(long=long, wide=wide, as_greenhouse=as_greenhouse, jsonl=jsonl or out.json)
    asked = _Asked(requisition=requisition, run=run, since=since.date() if since else None)
    with services(Part.DATABASE, Part.STORE) as found, _written(to) as write:
        survey = _survey(found, asked)
        for line in _lines(found, asked, survey, form):
            write(line)
        _log(found, asked, form, survey.count)
    say(f"{counted(survey.count, 'scorecard')} exported{f' to {to}' if to else ''}.")


def _form(*, long: bool, wide: bool, as_greenhouse: bool, jsonl: bool) -> Form:
    asked: dict[Form, bool] = {"long": long, "wide": wide, "greenhouse": as_greenhouse, "jsonl": jsonl}
    chosen: list[Form] = [name for name, wanted in asked.items() if wanted]
    if len(chosen) > 1:
        raise UsageFault(f"choose one of {', '.join(f'--{name}' for name in asked)}, not {' and '.join(chosen)}")
    return chosen[0] if chosen else "long"


@contextmanager
def _written(to: Path | None) -> Iterator[Callable[[str], None]]:
    """Where lines go: stdout, or a file that is there whole or not at all."""
    if to is None:
        yield lambda line: typer.echo(line, nl=False)
        return
    with new_file(to, over=out.yes, flag="--yes") as file:
        yield lambda line: _put(file, line)


def _put(file: IO[str], line: str) -> None:
    file.write(line)


def run_lines(found: Services, run: str, form: Form) -> Iterator[str]:
    """All scorecards of a run in this form; that somebody took them is logged."""
    asked = _Asked(requisition=None, run=run, since=None)
    survey = _survey(found, asked)
    _log(found, asked, form, survey.count)
    yield from _lines(found, asked, survey, form)


def _survey(found: Services, asked: _Asked) -> Survey:
    """How many there are, and their rubrics: a wide file's columns stand in its first line."""
    count, refs = 0, set[tuple[str, str]]()
    for page in _pages(found, asked):
        count += len(page)
        refs |= {(one.rubric_id, one.rubric_version) for one in page}
    with found.database.begin() as db:
        return Survey(count=count, rubrics=tuple(load_rubric(db, *ref) for ref in sorted(refs)))


def _pages(found: Services, asked: _Asked) -> Iterator[list[StoredScorecard]]:
    after = ""
    while True:
        with found.database.begin() as db:
            page = scorecards(
                db, requisition=asked.requisition, run=asked.run, since=asked.since, after=after, limit=PAGE
            )
        if not page:
            return
        yield list(page)
        after = page[-1].id


def _each(found: Services, asked: _Asked, survey: Survey) -> Iterator[Exported]:
    known = {rubric.ref for rubric in survey.rubrics}
    for page in _pages(found, asked):
        with found.database.begin() as db:
            seen = exported(db, COMMAND, page)
        yield from (one for one in seen if one.rubric.ref in known)


def _lines(found: Services, asked: _Asked, survey: Survey, form: Form) -> Iterable[str]:
    each = _each(found, asked, survey)
    if form == "long":
        return csv.long_csv(each)
    if form == "wide":
        return csv.wide_csv(each, survey.criteria)
    return _greenhouse(each) if form == "greenhouse" else _json_lines(found, each)


def _json_lines(found: Services, each: Iterable[Exported]) -> Iterator[str]:
    for one in each:
        stored, missing = one.stored, None
        try:
            transcript = fetch_transcript(found.store, key=stored.transcript_key, digest=stored.transcript_sha256)
        except DebriefError as error:
            transcript, missing = None, str(error)
        yield _line(scorecard_json(one, transcript, words_missing=missing))


def _greenhouse(each: Iterable[Exported]) -> Iterator[str]:
    """Each with its own warnings; those that hold for more than one scorecard are also said once."""
    lost: dict[str, int] = {}
    for one in each:
        shaped = greenhouse(one)
        for warning in shaped.warnings:
            if one.stored.candidate_ref not in warning:
                lost[warning] = lost.get(warning, 0) + 1
        yield _line({"scorecard_id": one.stored.id, **shaped.model_dump(mode="json")})
    for warning, count in lost.items():
        warn(f"{counted(count, 'scorecard')}: {warning}")


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n"


def _log(found: Services, asked: _Asked, form: Form, count: int) -> None:
    query = {name: value for name, value in asked.model_dump(mode="json").items() if value is not None}
    with found.database.begin() as db:
        facts = {"format": form, "query": query, "scorecards": count}
        audit.log(db, COMMAND, "scorecards.export", "scorecards", asked.requisition, facts)
