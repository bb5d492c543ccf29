"""A comparison on an 80-column terminal: a few candidates beside each other, the others below them."""

from collections.abc import Iterator
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from evaluator.comparison import Cell, Comparison, Difference, MeanCell
from evaluator.words import ADVICE, UNSCORED

WIDTH = 80  # columns of the terminal
BESIDE = 3  # candidates that one table holds beside the differences
ALONE = 4  # candidates that one table holds where the differences stand in a table of their own

_CRITERION, _APART = 20, 16  # columns


def rendered(comparison: Comparison) -> Iterator[RenderableType]:
    """All of it, for rich's console."""
    count = len(comparison.columns)
    yield Text(f"{count} candidates · {comparison.rubric_title} ({comparison.rubric})", style="bold")
    for note in comparison.notes:
        yield Text(f"! {note}")
    together = count <= BESIDE
    for start in range(0, count, BESIDE if together else ALONE):
        yield _table(comparison, slice(start, start + (BESIDE if together else ALONE)), with_difference=together)
    if not together:
        yield _differences(comparison)
    yield from _gaps(comparison)
    yield Text(comparison.noise_words)
    if any(cell.source == "human" for row in comparison.rows for cell in row.cells):
        yield Text("H: a level that a person set.")
    yield Text(ADVICE)


def _table(comparison: Comparison, part: slice, *, with_difference: bool) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, width=WIDTH if with_difference else None)
    table.add_column("", width=_CRITERION, overflow="fold")
    for column in comparison.columns[part]:
        name = Text(column.candidate_ref, style="bold")
        if column.pinned:
            name.append(" (pinned)", style="not bold")
        table.add_column(name, overflow="fold", width=None if with_difference else 12)
    if with_difference:
        table.add_column("Apart", width=_APART, overflow="fold")
    recommendations = [Text(r.words or "") for r in comparison.recommendations[part]]
    table.add_row("Recommendation", *recommendations, *([Text("–")] if with_difference else []))
    apart = [_apart(comparison.mean_difference, comparison)] if with_difference else []
    table.add_row(Text("Weighted score"), *(_mean(cell) for cell in comparison.means[part]), *apart, end_section=True)
    for _, rows in groupby(comparison.rows, key=lambda row: row.section_id):
        for n, row in enumerate(rows):
            if n == 0:
                table.add_row(Text(row.section, style="dim italic"))
            apart = [_apart(row.difference, comparison)] if with_difference else []
            table.add_row(Text(row.name), *(_cell(cell) for cell in row.cells[part]), *apart)
    return table


def _differences(comparison: Comparison) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, width=WIDTH)
    table.add_column("", width=_CRITERION, overflow="fold")
    table.add_column("Apart", overflow="fold")
    table.add_row(Text("Weighted score"), _apart(comparison.mean_difference, comparison))
    for row in comparison.rows:
        table.add_row(Text(row.name), _apart(row.difference, comparison))
    return table


def _cell(cell: Cell) -> Text:
    if cell.level is None:
        words = UNSCORED.get(cell.status or "", (cell.reason or "").partition(".")[0])
        return Text(words, style="dim")
    by_person = " H" if cell.source == "human" else ""
    judged = f" (AI {cell.judged})" if cell.judged is not None and cell.judged != cell.level else ""
    return Text(f"{cell.level} {cell.word}{by_person}{judged}")


def _mean(cell: MeanCell) -> Text:
    coverage = f" ({cell.scored}/{cell.of})" if cell.value is not None else ""
    return Text(f"{cell.words}{coverage}", style="bold" if cell.value is not None else "dim")


def _apart(difference: Difference, comparison: Comparison) -> Text:
    words = f"≈ {difference.words}" if difference.standing == "tie" else difference.words
    if difference.ties and difference.standing != "tie":
        names = {c.scorecard_id: c.candidate_ref for c in comparison.columns}
        words += "; " + ", ".join(f"{names[a]} ≈ {names[b]}" for a, b in difference.ties)
    return Text(words)


_WAYS = {"ask": "to ask in the next round", "rescore": "to be judged again"}


def _gaps(comparison: Comparison) -> Iterator[Text]:
    """What is still to be asked, candidate by candidate."""
    for (candidate, way), gaps in groupby(comparison.gaps, key=lambda gap: (gap.candidate_ref, gap.way_out)):
        yield Text(f"{candidate}, {_WAYS[way]}: {', '.join(gap.criterion for gap in gaps)}.")
