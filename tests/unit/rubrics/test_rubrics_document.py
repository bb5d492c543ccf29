"""docs/rubrics.md shows what a judge really reads."""

from pathlib import Path

import pytest

from evaluator.prompts import PROMPT_VERSION, REMINDER, system_prompt
from rubrics.library import library
from rubrics.model import EXAMPLES_MAX, Criterion

DOCUMENT = (Path(__file__).parents[3] / "docs" / "rubrics.md").read_text(encoding="utf-8")


def test_the_document_shows_the_prompt_as_it_is():
    """Word for word, with the reminder and the version."""
    section = library().find("ai-at-work@1").section("verification")
    first = section.model_copy(update={"criteria": section.criteria[:1]})

    assert system_prompt(first).rstrip() in DOCUMENT
    assert f"</interview>\n{REMINDER}\n" in DOCUMENT
    assert f"`PROMPT_VERSION` ({PROMPT_VERSION})" in DOCUMENT


@pytest.mark.parametrize("field", sorted(set(Criterion.model_fields) - {"id", "name"}))
def test_the_document_names_each_field_of_a_criterion(field):
    """What is not named is not used."""
    assert f"`{field}`" in DOCUMENT


def test_the_shipped_rubrics_have_examples_where_the_document_says():
    """Two for each required criterion, one on either side of the bar, none elsewhere."""
    levels = {
        (criterion.required, tuple(example.level for example in criterion.examples))
        for entry in library().entries
        for criterion in entry.rubric.criteria
    }

    assert {(True, (2, 4)), (False, ())} == levels
    assert EXAMPLES_MAX == 3
