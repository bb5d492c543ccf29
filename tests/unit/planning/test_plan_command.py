"""`debrief cost plan`: stacks side by side in 80 columns, prices as inputs, and whose figure the evaluation's is."""

import json
from decimal import Decimal

import pytest
import typer
from typer.testing import CliRunner

from evaluator.commands import cost_plan
from evaluator.commands.cost_plan import _in_words, plan
from evaluator.commands.output import out
from evaluator.errors import UsageFault
from evaluator.planning.stack import Measured

app = typer.Typer()
app.command("plan")(plan)


@pytest.fixture
def run(monkeypatch):
    """Runs the command; errors are raised as they are."""

    def invoke(*arguments, as_json=False):
        monkeypatch.setattr(out, "json", as_json)
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert 0 == result.exit_code, result.output
        return json.loads(result.stdout) if as_json else result.stdout

    return invoke


def test_three_stacks_side_by_side(run):
    """A minute, an interview, a month, and the months to break even."""
    lines = run("--minutes-per-month", 30_000).splitlines()

    rows = {line[:26].strip(): line[26:].split() for line in lines if line[:1].isalpha()}
    assert ["0.1390", "0.0850", "0.0440"] == rows["Together"]
    assert ["3.48", "2.13", "1.10"] == rows["An interview"]
    assert ["4,170.00", "2,550.00", "1,320.00"] == rows["A month"]
    assert ["-", "9.3", "to", "18.5", "5.3", "to", "10.5"] == rows["Months to break even"]
    assert ["0.0180", "0.0060", "0.0040"] == rows["Evaluation, not measured"]


@pytest.mark.parametrize("minutes", [1, 30_000, 10**9])
def test_all_of_it_fits_80_columns(run, minutes):
    """With the tables and what does not follow, also where amounts are long."""
    text = run("--minutes-per-month", minutes, "--tables", "--claims", "--evaluation-per-minute", "0.000011")

    assert [] == [line for line in text.splitlines() if len(line) > 80]


def test_prices_and_costs_of_ones_own(run, tmp_path):
    """Each is marked where it stands; maintenance can eat all that is saved."""
    (tmp_path / "p.yaml").write_text("voice: 0.0551\nhybrid:\n  transport: 0.01\n")
    options = ("--prices", tmp_path / "p.yaml", "--engineering-cost", 20_000, "--engineering-cost", "hybrid=9000")

    text = run("--minutes-per-month", 8_000, *options, "--maintenance", 400)

    assert "0.0551*" in text
    assert "0.0100*" in text
    assert "Prices: * given by you; else the reference article" in text
    assert "Break-even: 9,000 to 20,000 once, 400.00 of maintenance a month." in text
    assert "never" in text


def test_json_has_every_amount_in_text(run):
    """Digit by digit; with the tables and the claims where asked for."""
    found = run("--minutes-per-month", 10_000, "--interview-minutes", 30, "--tables", "--claims", as_json=True)

    managed, hybrid, _ = found["stacks"]
    assert ("0.139", "4.170", "1390.000") == tuple(managed[k] for k in ("per_minute", "per_interview", "per_month"))
    assert ("540.000", "hybrid") == (hybrid["saved_per_month"], found["tipping_point"])
    assert 333 == int(Decimal(found["interviews_per_month"]))
    assert ("article", None) == tuple(found["evaluation"][k] for k in ("origin", "per_minute"))
    assert (5, 5, 6) == tuple(len(found["tables"][k]) for k in ("voice", "speech_to_text", "text_to_speech"))
    assert 51 == len(found["claims"])


def test_a_given_evaluation_stands_in_every_stack(run):
    """Marked as given, in place of the article's three."""
    found = run("--minutes-per-month", 100, "--evaluation-per-minute", "0.00002", as_json=True)

    lines = [line for stack in found["stacks"] for line in stack["lines"] if line["key"] == "evaluation"]
    assert [("0.00002", "given")] * 3 == [(line["per_minute"], line["origin"]) for line in lines]


def test_a_measured_evaluation_replaces_the_articles(run, monkeypatch):
    """What it was measured over is said."""
    measured = Measured(per_minute=Decimal("0.00086"), currency="USD", interviews=6_240, minutes=Decimal(156_000))
    monkeypatch.setattr(cost_plan, "_evaluation", lambda _given: _in_words(measured))

    text = run("--minutes-per-month", 100)

    assert 3 == text.count("0.00086m")
    assert "Evaluation: measured here over 6,240 interviews of 156,000 minutes" in text
    assert "Prices: m measured by you; else" in text


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (None, "nothing measured yet"),
        (
            Measured(per_minute=Decimal(1), currency="EUR", interviews=1, minutes=Decimal(1)),
            "measured in EUR, and prices here are in USD: the article's figures stand",
        ),
    ],
)
def test_without_a_measurement_the_articles_figure_stands(measured, told):
    """And it is said why."""
    found = _in_words(measured)

    assert found.figure is None
    assert told in found.words


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--interview-minutes", "0"), "--interview-minutes '0': give minutes above 0"),
        (("--interview-minutes", "x"), "--interview-minutes 'x'"),
        (("--engineering-cost", "managed=3"), "no such stack; it is hybrid or full"),
        (("--engineering-cost", "lots"), "--engineering-cost 'lots': give an amount of USD"),
        (("--maintenance", "-1"), "--maintenance '-1'"),
        (("--evaluation-per-minute", "mesured"), "--evaluation-per-minute 'mesured'"),
        (("--prices", "/nowhere.yaml"), "--prices /nowhere.yaml: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_is_refused(run, options, told):
    """By the option's name."""
    with pytest.raises(UsageFault) as caught:
        run("--minutes-per-month", 100, *options)

    assert told in str(caught.value)
