"""docs/cost-plan.md says what the code says."""

from tests.unit.planning.document import DOCUMENT, renewed


def test_every_table_and_output_is_the_codes_own():
    """To the letter; renewed by `python -m tests.unit.planning.document`."""
    text = DOCUMENT.read_text(encoding="utf-8")

    assert renewed(text) == text
    assert (2, 3) <= (text.count("<!-- made: "), text.count("\n$ debrief "))
