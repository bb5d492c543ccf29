"""Promises, sums and the exit code of a bench."""

import json

import pytest

from tests.bench.reporting import Report, at_least, at_most, exactly, finish, middle, paired_ratio, slope


@pytest.mark.parametrize(
    ("promise", "held"),
    [
        (at_least("ratio", 0.9, 0.9), True),
        (at_least("ratio", 0.8999, 0.9), False),
        (at_most("ms", 12.0, 12.0), True),
        (at_most("ms", 12.01, 12.0), False),
        (exactly("done", 60_000, 60_000), True),
        (exactly("done", 59_999, 60_000), False),
        (at_least("share", None, 0.0), False),
        (at_most("bytes", None, 5_120), False),
    ],
)
def test_a_promise_holds_up_to_its_aim(promise, held):
    """The aim itself is still good; what could not be measured is not."""
    assert held is promise.held


def test_a_promise_that_fails_gives_exit_1(tmp_path, capsys):
    """One among many is enough, and the line of JSON names it."""
    good = Report(bench="one", figures={}, promises=(exactly("done", 5, 5),))
    bad = Report(bench="two", figures={}, promises=(exactly("done", 5, 5), at_most("idle", 0.2, 0.1)))

    code = finish([good.told(), bad.told()], tmp_path)
    told = json.loads(capsys.readouterr().out)

    assert (1, False) == (code, told["held"])
    assert [("idle", False)] == [(p["name"], p["held"]) for p in told["benches"][1]["promises"] if not p["held"]]


def test_all_held_gives_exit_0_and_a_file_each(tmp_path, capsys):
    """Stdout has one line."""
    reports = [Report(bench=name, figures={"n": 1}).told() for name in ("one", "two")]

    code = finish(reports, tmp_path)

    assert (0, 1) == (code, len(capsys.readouterr().out.splitlines()))
    assert ["one", "two"] == sorted(json.loads(file.read_text())["bench"] for file in tmp_path.iterdir())


def test_a_ratio_is_of_what_was_measured_side_by_side():
    """A machine that is three times slower in one round hits both arms of it."""
    raw, ours = [10.0, 30.0, 10.0], [20.0, 60.0, 10.0]

    assert 0.5 == paired_ratio(raw, ours)


def test_medians_come_with_all_runs():
    """In the order in which they were made."""
    assert {"median": 2.0, "all": [3.0, 1.0, 2.0]} == middle([3.0, 1.0, 2.0])


def test_slope_is_growth_per_step():
    """Bytes per section, for example."""
    assert 5.0 == pytest.approx(slope([0, 10, 20, 30], [100, 150, 200, 250]))


def test_too_few_points_have_no_slope():
    """Rather no figure than one made of two looks."""
    assert (None, None) == (slope([1, 2], [1, 2]), slope([1, 1, 1], [1, 2, 3]))
