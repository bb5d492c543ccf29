"""`debrief rubric`: check, start, list, show, compare and price the rubrics that interviews are judged by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evaluator.commands.context import services
from evaluator.commands.output import colours, out, put, put_json, say, warn
from evaluator.commands.rubric_changes import changes_json, changes_rendering
from evaluator.commands.rubric_cost import (
    TOKENS_PER_MINUTE,
    Counter,
    cost_json,
    cost_of,
    cost_rendering,
    estimate,
    given_interview,
    typical_interview,
)
from evaluator.commands.rubric_files import rubric_entry, rubric_files
from evaluator.embedded import Part
from evaluator.errors import Conflict, EngineUnavailable, NotFound, RubricFault, UsageFault
from evaluator.pipeline import fetch_transcript
from evaluator.settings import read_settings
from evaluator.storage.transcripts import transcript_of
from evaluator.transcript import Transcript
from evaluator.wiring import Services
from rubrics.faults import Finding, RubricError
from rubrics.library import Entry
from rubrics.lint import lint as lint_file
from rubrics.loader import load
from rubrics.model import LEVELS, Criterion, Example, Rubric, Section
from rubrics.template import template

WIDTH = 80  # columns of `show` and `list`
SUFFIXES = (".yaml", ".yml")  # what makes REF the name of a file

app = typer.Typer(name="rubric", help="Check, start, list, show, compare and price rubrics.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.command()
def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Rubric files to check.")],
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 on warnings too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Name everything that is wrong (error) or unwise (warning) in rubric files, with line and column."""
    findings = {path: lint_file(path) for path in files}
    errors, warnings = (_count(findings.values(), severity) for severity in ("error", "warning"))
    if as_json or out.json:
        put_json({"files": [_lint_json(*item) for item in findings.items()], "errors": errors, "warnings": warnings})
    else:
        for finding in (finding for found in findings.values() for finding in found):
            put(str(finding))
    typer.echo(
        f"{_plural(len(findings), 'file')}: {_plural(errors, 'error')}, {_plural(warnings, 'warning')}", err=True
    )
    if errors or (strict and warnings):
        raise typer.Exit(UsageFault.exit_code)


@app.command()
def new(
    rubric_id: Annotated[str, typer.Argument(metavar="ID", help="The new rubric's id, such as data-analyst.")],
    *,
    title: Annotated[str | None, typer.Option("--title", help="Its title; by default made from the id.")] = None,
    file: Annotated[
        Path | None, typer.Option("--out", help="File to write, by default ID@1.yaml; - is stdout.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a commented skeleton to start from; an existing file is never overwritten."""
    try:
        text = template(rubric_id, title or rubric_id.replace("-", " ").replace("_", " ").capitalize())
    except ValueError as error:
        raise UsageFault(str(error)) from error
    ref = f"{rubric_id}@1"
    if file == Path("-"):
        put(text.rstrip("\n"))
        return
    _refuse_taken(ref)
    path = file or Path(f"{ref}.yaml")
    _write_new(path, text)
    if as_json or out.json:
        put_json({"ref": ref, "path": str(path)})
    else:
        put(str(path))
    say(f"Fill in each TODO, then: debrief rubric lint {path}")
    if path.name != f"{ref}.yaml":
        warn(f"A rubric folder will take the file only under the name {ref}.yaml")


@app.command("list")
def list_rubrics(*, as_json: AsJson = False) -> None:
    """List the rubrics that the package ships and those in the folders of DEBRIEF_RUBRICS."""
    found = rubric_files()
    if as_json or out.json:
        put_json([_summary(entry) for entry in found.entries])
    else:
        _put_rich(_list_table(found.entries))
    if found.faults:
        raise RubricFault(found.faults)


@app.command()
def show(
    ref: Annotated[str, typer.Argument(metavar="REF", help="ID@VERSION, ID for its highest version, or a file.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a rubric as people read it: sections, questions, criteria and what each level sounds like."""
    entry = _entry(ref)
    if as_json or out.json:
        put_json({**_summary(entry), "rubric": entry.rubric.model_dump(mode="json")})
    else:
        _put_rich(_rendering(entry))


@app.command()
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="ID@VERSION, or a file.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="ID@VERSION, or a file.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say in words what differs between two versions, and where the judge reads something else."""
    before, after = _entry(old).rubric, _entry(new).rubric
    if as_json or out.json:
        put_json(changes_json(before, after))
    else:
        _put_rich(changes_rendering(before, after))


@app.command()
def cost(
    ref: Annotated[str, typer.Argument(metavar="REF", help="ID@VERSION, ID for its highest version, or a file.")],
    *,
    interview: Annotated[
        str | None, typer.Option("--interview", metavar="ID", help="Count this interview instead of a typical one.")
    ] = None,
    interview_tokens: Annotated[
        int | None, typer.Option("--interview-tokens", min=1, help="Tokens of a whole interview, by the time budgets.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count the tokens of each section, and what examples and rationales cost."""
    if interview is not None and interview_tokens is not None:
        raise UsageFault("give --interview or --interview-tokens, not both")
    rubric, counter = _entry(ref).rubric, _counter()
    if interview is None:
        tokens, basis = typical_interview(rubric, interview_tokens), _basis(rubric, interview_tokens)
    else:
        tokens, basis = given_interview(rubric, _transcript(interview), counter.count), f"{interview}, as it was said"
    found = cost_of(rubric, counter, tokens, basis=basis)
    if as_json or out.json:
        put_json(cost_json(found))
    else:
        _put_rich(cost_rendering(found))


def _basis(rubric: Rubric, tokens: int | None) -> str:
    minutes = f"{_minutes(rubric.sections):g} minutes"
    if tokens is not None:
        return f"{tokens:,} tokens as given, over {minutes}"
    return f"assumed, {TOKENS_PER_MINUTE} tokens a minute for {minutes} (--interview-tokens)"


def _counter() -> Counter:
    """The served judge's own tokenizer where it can be had, else an estimate that says so."""
    from evaluator.adapters.tokens import token_counter  # with the library behind it, which only this command needs

    settings = read_settings()
    if settings.tokenizer is not None:
        return Counter(count=token_counter(settings.tokenizer), name="the judge's tokenizer.json")
    # The demonstration judge has a token for each frame of the prompt, so it counts too few for any other.
    if settings.engine_url is not None and settings.model is not None:
        count = Services(settings=settings).count_tokens
        try:
            count("x")
        except EngineUnavailable as error:
            warn(f"{error}. Going on with an estimate.")
        else:
            return Counter(count=count, name=f"the engine, as {settings.model} reads")
    return Counter(count=estimate, name="an estimate from words and signs, for no tokenizer is at hand", estimate=True)


def _transcript(interview_id: str) -> Transcript:
    with services(Part.DATABASE, Part.STORE) as found:
        with found.database.begin() as db:
            stored = transcript_of(db, interview_id)
        return fetch_transcript(found.store, key=stored.key, digest=stored.sha256)


def _entry(ref: str) -> Entry:
    if not ref.endswith(SUFFIXES):
        return rubric_entry(ref)
    try:
        return Entry(rubric=load(Path(ref)), path=ref)
    except RubricError as error:
        raise RubricFault(error.faults) from error


def _refuse_taken(ref: str) -> None:
    try:
        path = rubric_entry(ref).path
    except NotFound:
        return
    raise Conflict(f"{ref} exists already in {path}; choose another id, or copy that file to the next version")


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Conflict(f"{path} exists already and stays as it is; name another file with --out") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageFault(f"cannot write {path}: {reason}; name another file with --out") from error


def _count(findings: Any, severity: str) -> int:
    return sum(finding.severity == severity for found in findings for finding in found)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _minutes(sections: Sequence[Section]) -> float:
    return sum(section.time_budget_minutes for section in sections)


def _lint_json(path: Path, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "path": str(path),
        "valid": not _count([findings], "error"),
        "findings": [
            {"severity": item.severity, "line": item.line, "column": item.column, "message": item.message}
            for item in findings
        ],
    }


def _summary(entry: Entry) -> dict[str, Any]:
    rubric = entry.rubric
    return {
        "ref": rubric.ref,
        "id": rubric.id,
        "version": rubric.version,
        "title": rubric.title,
        "role": rubric.role,
        "language": rubric.language,
        "sections": len(rubric.sections),
        "criteria": len(rubric.criteria),
        "minutes": _minutes(rubric.sections),
        "digest": rubric.digest,
        "path": entry.path,
    }


def _put_rich(content: RenderableType) -> None:
    """Prints it: on a terminal styled and at most WIDTH columns wide, elsewhere plain and WIDTH columns wide."""
    console = Console(highlight=False, markup=False, emoji=False, no_color=not colours())
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    with console.capture() as captured:
        console.print(content)
    # rich fills each line with spaces up to the width
    put("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _list_table(entries: Sequence[Entry]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Rubric", overflow="fold")
    table.add_column("Title", overflow="fold")
    for heading in ("Sections", "Criteria", "Minutes"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Digest", no_wrap=True)
    for entry in entries:
        rubric = entry.rubric
        counts = (len(rubric.sections), len(rubric.criteria), _minutes(rubric.sections))
        table.add_row(Text(rubric.ref), Text(rubric.title), *(f"{count:g}" for count in counts), rubric.digest[:12])
    return table


def _rendering(entry: Entry) -> RenderableType:
    rubric = entry.rubric
    criteria = "1 criterion" if len(rubric.criteria) == 1 else f"{len(rubric.criteria)} criteria"
    size = f"{_plural(len(rubric.sections), 'section')} · {criteria}"
    return Group(
        Text.assemble((rubric.ref, "bold cyan"), "  ", (rubric.title, "bold")),
        Text(rubric.role),
        Text(f"{size} · {_minutes(rubric.sections):g} minutes · {rubric.language}", style="dim"),
        Text(f"rationale: {_RATIONALE[rubric.rationale]}", style="dim"),
        Text(f"{entry.path}\nsha256 {rubric.digest}", style="dim", overflow="fold"),
        *_part("Opening", rubric.opening),
        *(part for number, section in enumerate(rubric.sections, 1) for part in _section(number, section, rubric)),
        *_part("Closing", rubric.closing),
    )


_RATIONALE = {"none": "none, levels and evidence only", "short": "short, a sentence of the judge's for each level"}


def _part(heading: str, text: str) -> tuple[RenderableType, ...]:
    return Text(""), Text(heading, style="bold"), _indented(Text(text))


def _indented(content: RenderableType) -> Padding:
    return Padding(content, (0, 0, 0, 2))


def _section(number: int, section: Section, rubric: Rubric) -> list[RenderableType]:
    heading = f"{number} of {len(rubric.sections)}  {section.title}"
    note = f"  ({section.id}, {section.time_budget_minutes:g} min)"
    return [
        Text(""),
        Text.assemble((heading, "bold cyan"), (note, "dim")),
        _indented(Text(f"“{section.intro}”", style="italic")),
        *_asked("Questions", section.questions),
        *_asked("Where an answer is thin", section.follow_ups),
        *(_indented(part) for criterion in section.criteria for part in _criterion(criterion)),
    ]


def _asked(heading: str, questions: Sequence[str]) -> list[RenderableType]:
    rows = _rows([("-", question) for question in questions])
    return [_indented(Text(heading, style="dim")), _indented(rows)] if questions else []


def _criterion(criterion: Criterion) -> list[RenderableType]:
    notes = [criterion.id]
    if criterion.required:
        notes.append("required")
    if criterion.weight != 1:
        notes.append(f"weight {criterion.weight:g}: {criterion.weight_rationale}")
    return [
        Text(""),
        Text.assemble((criterion.name, "bold"), (f"  ({', '.join(notes)})", "dim")),
        Text(criterion.definition),
        _rows([(str(level), criterion.anchors[level]) for level in LEVELS]),
        *_examples(criterion.examples),
    ]


def _examples(examples: Sequence[Example]) -> list[RenderableType]:
    rows = [(str(e.level), f"“{e.answer}”" + (f" {e.why}" if e.why else "")) for e in examples]
    return [Text("Examples that the judge compares with", style="dim"), _rows(rows)] if rows else []


def _rows(rows: Sequence[tuple[str, str]]) -> Table:
    """A mark and a text beside it, wrapped under itself."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(overflow="fold")
    for mark, text in rows:
        table.add_row(Text(mark), Text(text))
    return table
