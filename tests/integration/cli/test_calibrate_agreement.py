"""`debrief calibrate agreement`: labels against the scorecards of a real database, and what is stored of it."""

from pathlib import Path

import pytest

from evaluator.calibration.agreement import Agreement
from evaluator.storage.calibrations import calibration_history
from evaluator.storage.evaluations import finalize
from tests.commands import debrief
from tests.factories import MODEL
from tests.integration.storage.builders import a_claim, a_scorecard, change, prepared

USAGE = 2
INTERVIEWS = 12
HEADER = "interview,criterion,rater,level"


@pytest.fixture
def run(database_url: str, tmp_path: Path):
    """Runs `calibrate agreement` on this test's database, with this file of labels."""
    env = {"DEBRIEF_HOME": str(tmp_path / "home"), "DEBRIEF_DATABASE_URL": database_url, "COLUMNS": "80"}

    def command(labels: str | None, *options: str, rubric: str = "backend@1"):
        if labels is not None:
            (tmp_path / "labels.csv").write_text(labels, encoding="utf-8")
        return debrief("calibrate", "agreement", "labels.csv", "--rubric", rubric, *options, env=env, cwd=tmp_path)

    return command


@pytest.fixture
def scored(database) -> None:
    """iv-1 ... iv-12, with levels that go from 1 to 5."""
    prepared(database, INTERVIEWS)
    for n in range(INTERVIEWS):
        claim = a_claim(database)
        with database.begin() as db:
            finalize(db, claim, a_scorecard(claim, levels=1 + n % 5), {})


def labels_of(interviews: int = INTERVIEWS, *, shift: int = 0, group: bool = False) -> str:
    """Two raters for `depth` and the whole; the judge's level, plus the shift where the scale allows."""
    header = f"{HEADER},band" if group else HEADER
    rows = [
        f"iv-{n + 1},{criterion},{rater},{min(5, 1 + n % 5 + shift)}" + (f",{'ab'[n % 2]}" if group else "")
        for n in range(interviews)
        for criterion in ("depth", "overall")
        for rater in ("r1", "r2")
    ]
    return "\n".join([header, *rows]) + "\n"


def stored(database):
    """The measurements of agreement."""
    with database.begin() as db:
        return calibration_history(db, kind="agreement")


def test_agreement_is_measured_and_stored(database, scored, run):
    """The object that programs read is the one that is stored, under rubric, model and prompt version."""
    done = run(labels_of(), "--json", "--bootstrap", "100")
    (kept,) = stored(database)
    result = Agreement.model_validate(done.json())

    assert (0, done.json()) == (done.code, kept.body)
    assert ("backend", "1", MODEL, result.prompt_version) == (
        kept.rubric_id,
        kept.rubric_version,
        kept.model,
        kept.prompt_version,
    )
    assert [("criterion", 1.0), ("all_criteria", 1.0), ("overall", 1.0)] == [
        (s.kind, s.each.kappa.value) for s in result.slices
    ]
    assert "not calibrated: 48 of 200 human labels" == result.standing


def test_a_stricter_judge_has_a_negative_bias(scored, run):
    """People gave a level more wherever the scale allows."""
    done = run(labels_of(shift=1), "--json", "--bootstrap", "0")
    result = Agreement.model_validate(done.json())

    assert pytest.approx(-10 / 12) == result.slices[0].each.bias.value


def test_tables_are_read_by_people(scored, run):
    """Within 80 columns, the standing on top, and only what was asked for is told on stdout."""
    done = run(labels_of(group=True), "--by", "band", "--bootstrap", "100")

    assert 0 == done.code
    assert "not calibrated: 48 of 200 human labels" == done.out.splitlines()[1]
    assert 80 >= max(map(len, done.out.splitlines()))
    assert "by band" in done.out
    assert "Stored" in done.err


def test_the_same_seed_measures_the_same(scored, run):
    """Whatever the order of the lines, but for the digest of the file."""
    first = run(labels_of(shift=1), "--json", "--bootstrap", "100", "--seed", "7").json()
    header, *rows = labels_of(shift=1).splitlines()
    again = run("\n".join([header, *reversed(rows)]), "--json", "--bootstrap", "100", "--seed", "7").json()

    assert first | {"labels_sha256": None} == again | {"labels_sha256": None}


def test_dry_run_stores_nothing(database, scored, run):
    """It measures and says so."""
    done = run(labels_of(), "--dry-run", "--bootstrap", "0")

    assert (0, []) == (done.code, list(stored(database)))
    assert "Not stored" in done.err


def test_faults_are_told_by_line(database, scored, run):
    """Those of the file first, then what fits nothing here; nothing is stored."""
    broken = run(f"{HEADER}\niv-1,depth,r1,9\niv-1,depth,,3\n")
    misfits = run(f"{HEADER}\niv-1,depht,r1,3\niv-99,depth,r1,3\n")

    assert (USAGE, USAGE) == (broken.code, misfits.code)
    assert ("line 2: level" in broken.err, "line 3: rater" in broken.err) == (True, True)
    assert "line 2: backend@1 has no criterion" in misfits.err
    assert "line 3: there is no interview iv-99 here" in misfits.err
    assert [] == list(stored(database))


def test_another_rubric_version_is_named(database, scored, run):
    """An interview under other anchors cannot be compared."""
    change(database, "UPDATE evaluation SET rubric_version = '2' WHERE interview_id = 'iv-2'")
    change(database, "UPDATE interview SET rubric_version = '2' WHERE id = 'iv-2'")

    done = run(f"{HEADER}\niv-1,depth,r1,3\niv-2,depth,r1,3\n")

    assert USAGE == done.code
    assert "line 3: interview iv-2 is under backend@2, not backend@1" in done.err


def test_unknown_rubric_version_is_named(scored, run):
    """And one without a version."""
    assert "backend@7 is not known here" in run(labels_of(), rubric="backend@7").err
    assert "names no version" in run(labels_of(), rubric="backend").err


def test_several_judges_must_be_chosen_from(database, scored, run):
    """Each is named with the option that means it."""
    change(database, "UPDATE evaluation SET model = 'another@r2' WHERE interview_id = 'iv-2'")

    unclear, chosen = run(labels_of()), run(labels_of(), "--model", MODEL, "--bootstrap", "0", "--json")

    assert USAGE == unclear.code
    assert f"--model {MODEL} --prompt-version" in unclear.err
    assert "--model another@r2 --prompt-version" in unclear.err
    assert (0, MODEL, ["iv-2"]) == (chosen.code, chosen.json()["model"], chosen.json()["interviews_not_judged"])
    assert "no scorecard of iv-2" in chosen.err


def test_a_judge_that_is_not_there_is_told(scored, run):
    """With those that are."""
    done = run(labels_of(), "--model", "nobody@r1")

    assert USAGE == done.code
    assert f"--model {MODEL}" in done.err


def test_no_scorecards_yet(database, run):
    """What to do next is told."""
    prepared(database)

    done = run(f"{HEADER}\niv-1,depth,r1,3\n")

    assert USAGE == done.code
    assert "debrief run start" in done.err


@pytest.mark.parametrize("options", [("--by", "sex"), ("--bootstrap", "7"), ("--bootstrap", "-1"), ("--seed", "x")])
def test_bad_options_are_refused(scored, run, options):
    """In a line that names them."""
    done = run(labels_of(), *options)

    assert USAGE == done.code
    assert options[0].lstrip("-") in done.err


def test_a_file_that_is_not_there(scored, run):
    """Is named."""
    done = run(None)

    assert USAGE == done.code
    assert "labels.csv" in done.err
