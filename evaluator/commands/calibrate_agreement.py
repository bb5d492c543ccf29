"""`debrief calibrate agreement`: how far the judge's levels agree with those that people gave."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluator.calibration.agreement import Agreement, JudgedInterview, judged
from evaluator.calibration.labels import BYTES_MAX, LANGUAGE, LabelsFile, misfits, parse_labels, quoted, raise_faults
from evaluator.commands.agreement_text import lines_of
from evaluator.commands.context import services
from evaluator.commands.output import draw, leave_line, out, put, put_json, say, warn
from evaluator.embedded import Part
from evaluator.errors import NotFound, Unavailable, UsageFault
from evaluator.scorecard import judge_notice
from evaluator.storage.calibrations import store_calibration
from evaluator.storage.interviews import load_rubric
from evaluator.storage.judged import JudgeOf, judged_interviews, judges_of, rubrics_of
from evaluator.wiring import Services
from rubrics.model import Rubric

if TYPE_CHECKING:  # the libraries behind it take seconds to import, and are an extra
    from evaluator.calibration.measuring import Judge

RESAMPLES = 2_000
RESAMPLES_MIN = 100  # below, an interval says little; 0 is none
RESAMPLES_MAX = 50_000
SEED_MAX = 2**31 - 1
LINE_EVERY_S = 5.0
SHOWN_MAX = 5  # interviews that a warning names


def agreement(
    labels: Annotated[
        Path,
        typer.Argument(metavar="LABELS.CSV", help="Columns: interview, criterion (or overall), rater, level."),
    ],
    *,
    rubric: Annotated[str, typer.Option("--rubric", metavar="R@V", help="The rubric version of the labels.")],
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Also by the groups of this column (again for more; A+B crosses two)."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME@REVISION", help="The judge, if several scored.")] = None,
    prompt_version: Annotated[str | None, typer.Option(help="Its prompt's version, if there are several.")] = None,
    bootstrap: Annotated[int, typer.Option(min=0, max=RESAMPLES_MAX, help="Resamples; 0: no intervals.")] = RESAMPLES,
    seed: Annotated[int, typer.Option(min=0, max=SEED_MAX, help="Of the resamples.")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and show, store nothing.")] = False,
) -> None:
    """Compare the judge's levels with people's: kappa, alpha, errors, by group, each with its interval."""
    if 0 < bootstrap < RESAMPLES_MIN:
        raise UsageFault(f"--bootstrap {bootstrap} is too few for an interval: 0, or {RESAMPLES_MIN} and more")
    with services(Part.DATABASE) as found:
        released = _rubric(found, rubric)
        file = _read(labels, released)
        columns = _columns(by or [], file)
        judge, scorecards = _judged(found, released, file, labels.name, model, prompt_version)
        result = _measure(file, scorecards, judge, columns, bootstrap, seed)
        if not dry_run:
            _store(found, released, result)
    _show(result, stored=not dry_run)


def _rubric(found: Services, ref: str) -> Rubric:
    rubric_id, at, version = ref.partition("@")
    if not (rubric_id and at and version):
        raise UsageFault(f"--rubric {quoted(ref)} names no version; give id@version, see: debrief rubric list")
    with found.database.begin() as db:
        return load_rubric(db, rubric_id, version)


def _read(path: Path, rubric: Rubric) -> LabelsFile:
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise UsageFault(f"{path} cannot be read: {error.strerror}") from None
    return parse_labels(data, name=path.name, rubric=rubric.ref)


def _columns(by: Sequence[str], file: LabelsFile) -> list[str]:
    """The columns of --by as the file spells them; UsageFault names what is not there."""
    columns = [column.strip().casefold() for text in by for column in text.split(",") if column.strip()]
    there = (*file.columns, LANGUAGE)
    unknown = [part for c in columns if c not in there for part in c.split("+") if part not in there]
    if unknown:
        known = ", ".join(file.columns) or "none"
        raise UsageFault(f"--by {', '.join(map(quoted, unknown))}: no such column of groups; the file has: {known}")
    return list(dict.fromkeys(columns))


def _judged(
    found: Services, rubric: Rubric, file: LabelsFile, name: str, model: str | None, prompt_version: str | None
) -> tuple["Judge", dict[str, JudgedInterview]]:
    """The judge, and its newest scorecard of each interview; UsageFault where labels fit nothing here."""
    interviews = sorted({label.interview for label in file.labels})
    criteria = tuple(criterion.id for criterion in rubric.criteria)
    with found.database.begin() as db:
        rubrics = rubrics_of(db, interviews)
        elsewhere = {i: sorted(refs) for i, refs in rubrics.items() if rubric.ref not in refs}
        raise_faults(
            name, misfits(file.labels, rubric=rubric.ref, criteria=criteria, known=set(rubrics), elsewhere=elsewhere)
        )
        judges = judges_of(db, rubric_id=rubric.id, rubric_version=rubric.version, interviews=interviews)
        chosen = _choice(judges, rubric.ref, model, prompt_version)
        rows = judged_interviews(
            db,
            rubric_id=rubric.id,
            rubric_version=rubric.version,
            model=chosen.model,
            prompt_version=chosen.prompt_version,
            interviews=interviews,
        )
    judge = _judge(rubric.ref, criteria, chosen)
    return judge, {row.interview_id: judged(row.scorecard, language=row.language) for row in rows}


def _choice(judges: Sequence[JudgeOf], ref: str, model: str | None, prompt_version: str | None) -> JudgeOf:
    """The one judge that is meant."""
    if not judges:
        raise NotFound(f"none of the labelled interviews has a scorecard under {ref}; score them: debrief run start")
    fit = [j for j in judges if model in (None, j.model) and prompt_version in (None, j.prompt_version)]
    if len(fit) == 1:
        return fit[0]
    listed = "\n".join(
        f"  --model {j.model} --prompt-version {j.prompt_version}   "
        f"({j.interviews} interview{'s' if j.interviews > 1 else ''}, the newest {j.newest:%Y-%m-%d})"
        for j in fit or judges
    )
    problem = "several judges have scored" if fit else "that judge has scored none of"
    raise UsageFault(f"{problem} the labelled interviews under {ref}; name one:\n{listed}")


def _judge(ref: str, criteria: tuple[str, ...], chosen: JudgeOf) -> "Judge":
    try:
        from evaluator.calibration.measuring import Judge
    except ImportError as error:
        raise _missing(error) from None
    return Judge(
        rubric=ref,
        criteria=criteria,
        model=chosen.model,
        prompt_version=chosen.prompt_version,
        notice=judge_notice(chosen.model),
    )


def _missing(error: ImportError) -> Unavailable:
    return Unavailable(
        f"measuring agreement needs scikit-learn and krippendorff ({error}); "
        "they come with: pip install 'debrief[calibration]'"
    )


def _measure(
    file: LabelsFile,
    scorecards: dict[str, JudgedInterview],
    judge: "Judge",
    by: Sequence[str],
    bootstrap: int,
    seed: int,
) -> Agreement:
    from evaluator.calibration.measuring import measure
    from evaluator.calibration.resampling import CELLS_MAX

    if len(scorecards) * bootstrap > CELLS_MAX:
        raise UsageFault(
            f"--bootstrap {bootstrap} is too many for this file; give {CELLS_MAX // len(scorecards)} at most"
        )
    progress = _Progress()
    try:
        return measure(
            file.labels,
            scorecards,
            judge,
            by=by,
            resamples=bootstrap,
            seed=seed,
            labels_sha256=file.sha256,
            progress=progress.show,
        )
    except ImportError as error:
        raise _missing(error) from None
    finally:
        leave_line()


class _Progress:
    """Says how far a long measurement is: a line that moves, or one now and then."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def show(self, done: int, of: int) -> None:
        """done: figures of that many slices are there."""
        line = f"Measuring: {done} of {of} tables"
        if out.live:
            draw(line)
        elif time.monotonic() - self._said_at >= LINE_EVERY_S:
            say(line)
            self._said_at = time.monotonic()


def _store(found: Services, rubric: Rubric, result: Agreement) -> None:
    with found.database.begin() as db:
        store_calibration(
            db,
            kind="agreement",
            rubric_id=rubric.id,
            rubric_version=rubric.version,
            model=result.model,
            prompt_version=result.prompt_version,
            body=result.model_dump(mode="json"),
        )


def _show(result: Agreement, *, stored: bool) -> None:
    if missing := result.interviews_not_judged:
        more = f" and {len(missing) - SHOWN_MAX} more" if len(missing) > SHOWN_MAX else ""
        warn(
            f"{result.labels_not_judged} labels are left out: this judge has no scorecard of "
            f"{', '.join(missing[:SHOWN_MAX])}{more}"
        )
    if out.json:
        put_json(result)
    else:
        for line in lines_of(result):
            put(line)
    say("Stored" if stored else "Not stored (--dry-run)")
