"""How the differences between two rubrics are told: to people within 80 columns, and to programs."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from evaluator.prompts import answer_schema, system_prompt
from rubrics.changes import Change, changes
from rubrics.model import Rubric, Section


def changes_json(old: Rubric, new: Rubric) -> dict[str, Any]:
    """Both names, every difference, and the sections in which the judge reads or writes something else."""
    return {
        "old": {"ref": old.ref, "digest": old.digest},
        "new": {"ref": new.ref, "digest": new.digest},
        "changes": [asdict(change) for change in changes(old, new)],
        "judged_differently": judged_differently(old, new),
    }


def changes_rendering(old: Rubric, new: Rubric) -> RenderableType:
    """Each difference under the section and criterion it belongs to."""
    found = changes(old, new)
    count = "no difference" if not found else "1 difference" if len(found) == 1 else f"{len(found)} differences"
    parts: list[RenderableType] = [Text.assemble((f"{old.ref} -> {new.ref}", "bold cyan"), f"  {count}")]
    for place, group in groupby(found, key=_place):
        parts += [Text(""), Text(place, style="bold"), *(_change(change) for change in group)]
    return Group(*parts, Text(""), Text(_consequence(old, new)))


def judged_differently(old: Rubric, new: Rubric) -> list[str]:
    """Sections of the new rubric for which the judge reads other words, or is asked for something else."""
    before = {section.id: _asked(section, old) for section in old.sections}
    return [section.id for section in new.sections if before.get(section.id) != _asked(section, new)]


def _asked(section: Section, rubric: Rubric) -> tuple[str, dict[str, Any]]:
    prompt = system_prompt(section, rationale=rubric.rationale)
    return prompt, answer_schema(len(section.criteria), rationale=rubric.rationale == "short")


def _consequence(old: Rubric, new: Rubric) -> str:
    if old.digest == new.digest:
        return "The two are the same rubric."
    sections = judged_differently(old, new)
    if not sections:
        return "The judge reads the same words in every section; scores are still kept apart by version."
    return (
        f"The judge reads other words in: {', '.join(sections)}. Another version is another measure: its scores are "
        "not compared with those of the old one."
    )


def _place(change: Change) -> str:
    if change.section_id is None:
        return "Rubric"
    return change.section_id if change.criterion_id is None else f"{change.section_id} · {change.criterion_id}"


def _change(change: Change) -> RenderableType:
    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for mark, text, style in _sides(change):
        lines.add_row(Text(mark, style=style), Text(text, style=style))
    return Group(Padding(Text(f"{change.what} {change.kind}"), (0, 0, 0, 2)), Padding(lines, (0, 0, 0, 4)))


def _sides(change: Change) -> Sequence[tuple[str, str, str]]:
    sides = (("-", change.old, "red"), ("+", change.new, "green"))
    return [(mark, text, style) for mark, text, style in sides if text is not None]
