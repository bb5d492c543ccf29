"""docs/cost-plan.md: the code makes its tables and outputs; `python -m tests.unit.planning.document` renews them."""

import re
import shlex
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from typer.testing import CliRunner

from evaluator.cli import application
from evaluator.planning.article import MANAGED, TIERS
from evaluator.planning.claims import findings
from evaluator.planning.stack import change, rounded, stack_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "cost-plan.md"
VERDICTS = {"disagrees": "does not follow", "rounding": "rounded", "open": "open", "holds": "holds"}

_MADE = re.compile(r"(?P<open><!-- made: (?P<name>[a-z]+) -->\n).*?(?P<close><!-- end -->)", re.DOTALL)
_RUN = re.compile(
    r"(?P<open>^```\n\$ (?P<line>debrief (?:cost plan|engine fit)[^\n]*)\n).*?(?P<close>^```$)",
    re.DOTALL | re.MULTILINE,
)


def renewed(text: str) -> str:
    """The document with each made part as the code makes it now."""
    text = _MADE.sub(lambda found: found["open"] + "\n".join(_PARTS[found["name"]]()) + "\n" + found["close"], text)
    return _RUN.sub(lambda found: found["open"] + output(found["line"]) + found["close"], text)


def output(line: str) -> str:
    """What the command prints."""
    arguments = shlex.split(line)[1:]
    return CliRunner().invoke(application(arguments), arguments).stdout


def _tiers() -> Iterator[str]:
    yield "| A minute of interview | " + " | ".join(f"{tier.title} | " for tier in TIERS) + " |"
    yield "|---|" + "--:|--:|" * len(TIERS)
    stacks = tuple(stack_of(tier) for tier in TIERS)
    for line in stacks[0].lines:
        cells = [f"${stack.line(line.key).per_minute} | {_beside(stack.key, line.key)}" for stack in stacks]
        yield f"| {line.title} | " + " | ".join(cells) + " |"
    totals = [f"**${stack.per_minute}** | {_total(stack.key)}" for stack in stacks]
    yield "| **Together** | " + " | ".join(totals) + " |"
    yield "| 25 minutes | " + " | ".join(f"${stack.cost(25).normalize():.3f} | " for stack in stacks) + " |"
    yield "| 30 minutes | " + " | ".join(f"${stack.cost(30).normalize():.3f} | " for stack in stacks) + " |"


def _beside(stack: str, component: str) -> str:
    """The share of the managed stack, or the change against it."""
    price = {tier.key: tier for tier in TIERS}[stack].price(component)
    if stack == MANAGED.key:
        return f"{rounded(price / MANAGED.per_minute * 100, 2)} %"
    percent = rounded((change(price, MANAGED.price(component)) or Decimal(0)) * 100, 1)
    return f"{percent:+} %" if percent else "as before"


def _total(stack: str) -> str:
    tier = {tier.key: tier for tier in TIERS}[stack]
    if tier is MANAGED:
        return "100 %"
    return f"{rounded((change(tier.per_minute, MANAGED.per_minute) or Decimal(0)) * 100, 2):+} %"


def _claims() -> Iterator[str]:
    yield "| Section | The text says | By its own tables | |"
    yield "|---|---|---|---|"
    for finding in findings():
        said, checked = finding.statement, finding.checked
        yield f"| {said.where} | {said.says} | {checked.sums} | {VERDICTS[checked.verdict]} |"


_PARTS = {"tiers": _tiers, "claims": _claims}


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    sys.exit(0)
