"""What the documents name exists: commands with their options, make targets, settings, pages, files and headings."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from evaluator.cli import COMMANDS, application
from evaluator.commands.output import GLOBAL_FLAGS
from evaluator.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = tuple(sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]))
TEMPLATES = tuple(sorted((ROOT / "evaluator" / "web" / "templates").glob("*.html")))
NOT_SETTINGS = {"DEBRIEF_TOKEN", "DEBRIEF_TEST_BROWSER", "DEBRIEF_FUZZ_EXAMPLES"}  # an example's, and the tests'
BYTES_MAX = 250_000  # of a picture

_FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


def _names(paths):
    return [path.relative_to(ROOT).as_posix() for path in paths]


def _commands_of(text: str) -> Iterator[str]:
    """Each command that a document tells somebody to give."""
    for block in _FENCE.findall(text):
        for line in block.splitlines():
            if line.lstrip("$ ").startswith("debrief ") and not re.match(r"debrief \S+:", line):
                yield re.split(r"\s#|\s>|\s\|\s", line.lstrip("$ "))[0]
    for span in _SPAN.findall(_FENCE.sub("", text)):
        if span.startswith("debrief "):
            yield re.sub(r"\s*\\?\|\s*", "|", " ".join(span.split()))


def _commands_of_template(text: str) -> Iterator[str]:
    yield from re.findall(r"""(?:["']|<code>)(debrief [a-z][^"'<{]*)""", text)


def _wrong(line: str, group: Any) -> str | None:
    """What of this line does not exist."""
    nodes, words = [group], line.split()[1:]
    while words and all(hasattr(node, "commands") for node in nodes) and not words[0].startswith(("-", "[")):
        names = words.pop(0).split("|")
        if missing := [name for name in names if not all(name in node.commands for node in nodes)]:
            return f"no command {missing}"
        nodes = [node.commands[name] for node in nodes for name in names]
    known = {name for node in nodes for option in node.params for name in (*option.opts, *option.secondary_opts)}
    asked = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", " ".join(words)))
    unknown = asked - known - set(GLOBAL_FLAGS) - {"--help", "--version"}
    return f"no option {sorted(unknown)}" if unknown else None


def _slug(heading: str) -> str:
    words = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def _headings(path: Path) -> set[str]:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    return {_slug(found) for found in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


@pytest.fixture(scope="module")
def tree() -> Any:
    """The whole command line."""
    return typer.main.get_command(application(()))


@pytest.mark.parametrize("path", DOCUMENTS, ids=_names(DOCUMENTS))
def test_every_command_exists(path, tree):
    """With each option that it is given."""
    found = list(_commands_of(path.read_text(encoding="utf-8")))

    assert [] == [(line, fault) for line in found if (fault := _wrong(line, tree))]


def test_every_command_of_a_page_exists(tree):
    """What a page says to do next can be done."""
    found = [line for path in TEMPLATES for line in _commands_of_template(path.read_text(encoding="utf-8"))]

    assert found
    assert [] == [(line, fault) for line in found if (fault := _wrong(line, tree))]


def test_the_readme_names_every_command():
    """Whoever reads its table knows what there is."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Commands")[2]

    assert [] == [name for name in COMMANDS if not re.search(rf"`debrief {name}\b", table)]


@pytest.mark.parametrize("path", DOCUMENTS, ids=_names(DOCUMENTS))
def test_every_link_leads_somewhere(path):
    """To a file that is there, and to a heading that it has; pictures say in words what they show."""
    faults = []
    for picture, words, target in _LINK.findall(_FENCE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        found = path.parent / name if name else path
        if not found.exists() or (heading and heading not in _headings(found)) or (picture and len(words) < 20):
            faults.append(target)

    assert [] == faults


def test_every_document_is_on_the_map():
    """The README leads to each; and no picture lies about unused, or weighs too much."""
    linked = {target for _, _, target in _LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    texts = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    pictures = sorted((ROOT / "docs" / "pictures").glob("*"))

    assert [] == [path.name for path in ROOT.glob("docs/*.md") if f"docs/{path.name}" not in linked]
    assert [] == [path.name for path in pictures if f"pictures/{path.name})" not in texts]
    assert [] == [path.name for path in pictures if path.suffix != ".png" or path.stat().st_size > BYTES_MAX]


@pytest.mark.parametrize("path", DOCUMENTS, ids=_names(DOCUMENTS))
def test_every_setting_exists(path):
    """By the name that the settings read."""
    known = {f"DEBRIEF_{name.upper()}" for name in Settings.model_fields} | NOT_SETTINGS
    named = set(re.findall(r"\bDEBRIEF_[A-Z0-9_]*[A-Z0-9]\b(?!_)", path.read_text(encoding="utf-8")))

    assert set() == named - known


@pytest.mark.parametrize("path", DOCUMENTS, ids=_names(DOCUMENTS))
def test_every_make_target_exists(path):
    """As the Makefile has it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|\$ )make ([a-z-]+)", text, re.MULTILINE))

    assert [] == sorted(name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE))
