"""A comparison on a terminal: 80 columns at most, whatever stands in it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from evaluator.commands.compare_text import WIDTH, rendered
from evaluator.comparison import compare
from tests.factories import a_rubric
from tests.unit.comparing import a_body, a_final, a_noise, a_review, a_state, an_entrant

RUBRIC = a_rubric()


def lines_of(entrants, **more):
    """The whole answer, line by line."""
    console = Console(highlight=False, markup=False, emoji=False, no_color=True, width=WIDTH)
    with console.capture() as captured:
        for part in rendered(compare(entrants, RUBRIC, **more)):
            console.print(part)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_level_word_and_difference_stand_in_one_line():
    """For up to three candidates."""
    lines = lines_of([an_entrant(1, a_body({"depth": 4})), an_entrant(2)], noise=a_noise())

    (depth,) = [line for line in lines if "Depth" in line]
    assert ["Depth", "4", "Strong", "3", "Meets", "≈", "1,", "within"] == depth.split()[:8]


def test_a_persons_level_is_marked():
    """With the judge's beside it where they differ."""
    state = a_state(a_review(), a_final(new=5))
    text = " ".join(lines_of([an_entrant(1, state=state), an_entrant(2)]))

    assert "H" in text
    assert "(AI 3)" in text


@pytest.mark.parametrize("count", [2, 3, 4, 7, 12])
def test_all_candidates_are_there(count):
    """Some below the others."""
    text = " ".join(lines_of([an_entrant(n) for n in range(1, count + 1)]))

    assert all(f"C-{n:04}" in text for n in range(1, count + 1))


names = st.text(st.characters(categories=("Lu", "Ll", "Nd")), min_size=1, max_size=64).map(lambda t: "C" + t)


@settings(max_examples=40)
@given(st.lists(names, min_size=2, max_size=12), st.sampled_from(["final", "ai", "human"]))
def test_no_line_is_wider_than_the_terminal(refs, mode):
    """Long names are folded."""
    entrants = [an_entrant(n, candidate_ref=ref) for n, ref in enumerate(refs, 1)]

    from rich.cells import cell_len

    assert all(cell_len(line) <= WIDTH for line in lines_of(entrants, mode=mode, noise=a_noise()))
