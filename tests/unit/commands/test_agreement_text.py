"""Agreement on an 80-column terminal."""

from dataclasses import replace

from evaluator.calibration.measuring import measure
from evaluator.commands.agreement_text import WIDTH, lines_of
from tests.unit.calibration.builders import JUDGE, a_judged, a_label, a_study


def text_of(labels, judged, **options) -> str:
    """What is printed."""
    return "\n".join(lines_of(measure(labels, judged, JUDGE, **{"resamples": 100, "seed": 0, **options})))


def test_everything_fits_80_columns():
    """With every table there is."""
    labels, judged = a_study(60, raters=("r1", "r2", "a-rater-whose-id-is-longer-than-the-column-is"))

    told = text_of(labels, judged, by=["band", "band+language"])

    assert max(map(len, told.splitlines())) <= WIDTH
    for words in ("weighted kappa", "people", "person with person", "by language", "by band", "impact by band"):
        assert words in told


def test_wide_figures_fit_80_columns():
    """Full agreement has the longest percentages."""
    labels = [
        a_label(f"iv-{n}", c, r, 1 + n % 5) for n in range(20) for c in ("depth", "clarity") for r in ("r1", "r2")
    ]
    told = text_of(labels, {f"iv-{n}": a_judged(1 + n % 5) for n in range(20)})

    assert "100% (100-100)" in told
    assert max(map(len, told.splitlines())) <= WIDTH


def test_standing_comes_first():
    """Right below what was measured."""
    assert "not calibrated: 1 of 200 human labels" == text_of([a_label()], {"iv-1": a_judged(3)}).splitlines()[1]


def test_undefined_is_said_in_words():
    """Never nan, and never 0."""
    told = text_of([a_label(f"iv-{n}") for n in range(20)], {f"iv-{n}": a_judged(3) for n in range(20)})

    assert "undefined (no variation)" in told
    assert "nan" not in told


def test_no_labels_compared_is_said_in_words():
    """Nothing but what is missing, and why."""
    told = text_of([a_label(level=None, status="not_asked")], {"iv-1": a_judged(3)})

    assert "undefined (no labels)" in told
    assert "people: not_asked 1" in told
    assert max(map(len, told.splitlines())) <= WIDTH


def test_small_groups_are_named():
    """With their size and without figures."""
    labels = [a_label(f"iv-{n}", groups={"band": "rare" if n < 3 else "often"}) for n in range(20)]

    told = text_of(labels, {f"iv-{n}": a_judged(3) for n in range(20)}, by=["band"])

    assert "Too few to say (under 10 interviews): rare (3 interviews)" in told


def test_judge_notice_stands_with_the_figures():
    """The demonstration judge's agreement means nothing for real interviews."""
    judge = replace(JUDGE, notice="demo judge: trained on simulated interviews only, meaningless for real ones")

    assert "!! demo judge" in "\n".join(
        lines_of(measure([a_label()], {"iv-1": a_judged(3)}, judge, resamples=0, seed=0))
    )
