"""`debrief import` tells sections by intros, by the judge or by a person, says which, and never guesses."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from evaluator.storage.database import Database
from evaluator.transcript import Transcript, parse_transcript
from tests.commands import Finished, debrief
from tests.stub_engine import StubEngine

USAGE, SOME_FAILED, UNAVAILABLE = 2, 3, 4
INTRO = "Let us begin with your work and the place that AI has in it."
MARKED = f"AI: Hello.\n\nUser: Hi.\n\nAI: {INTRO} What is your work?\n\nUser: I write tests with it.\n"
UNMARKED = (
    "AI: Quokka greetings, and thank you for coming.\n\nUser: Hello.\n\n"
    "AI: Which quokka task do you give to a model?\n\nUser: Reading papers, mostly.\n\n"
    "AI: How do you check what comes back?\n\nUser: I compare it with the source.\n"
)
SECTIONS = ["tasks", "delegation", "verification", "limits", "outlook"]


@pytest.fixture
def stub() -> Iterator[StubEngine]:
    """An engine that answers by the schema, at random but always the same."""
    with StubEngine(seed=3) as engine:
        yield engine


@pytest.fixture
def env(database_url: str, stub: StubEngine, tmp_path: Path) -> dict[str, str]:
    """A database and a folder store of this test's own, and the stub as the judge."""
    return {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
        "DEBRIEF_BROKER_URL": "redis://127.0.0.1:1/0",
        "DEBRIEF_ENGINE_URL": stub.url,
        "DEBRIEF_MODEL": stub.model,
    }


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    """One interview with an intro of the rubric, one without."""
    path = tmp_path / "talks.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), ("marked", MARKED), ("unmarked", UNMARKED)])
    return path


def imported(*options: str, env: dict[str, str], source: Path) -> Finished:
    """The import of one file for ai-at-work."""
    return debrief("import", str(source), "--rubric", "ai-at-work", *options, env=env, cwd=source.parent)


def manifests(database: Database) -> dict[str, dict[str, Any]]:
    """What the database knows of each interview, by the name of its row."""
    with database.begin() as db:
        rows = db.execute(text("SELECT id, manifest FROM interview ORDER BY id")).all()
    return {one.id.rpartition("-")[0]: one.manifest for one in rows}


def transcript(env: dict[str, str], manifest: dict[str, Any]) -> Transcript:
    """The interview's transcript in the store."""
    return parse_transcript((Path(env["DEBRIEF_STORE_URL"][7:]) / manifest["transcript"]["key"]).read_bytes())


def test_the_judge_is_asked_only_where_no_intro_is_found(
    env: dict[str, str], stub: StubEngine, talks: Path, database: Database
) -> None:
    """By default intros count; the interview without any goes to the judge, and both facts are said and kept."""
    done = imported(env=env, source=talks)

    assert 0 == done.code, done.err
    assert 1 == stub.calls["judged"]
    assert "the judge stub-judge@1 assigns the questions of 1 interview (calls: 1)" in done.err
    assert "Sections of 1 interview by the rubric's intros." in done.out
    assert "Sections of 1 interview by the judge stub-judge@1." in done.out
    assert ", nothing for: delegation, verification, limits, outlook" in done.out
    kept = manifests(database)
    assert {"source": 0, "intro": 2, "judge": 0, "correction": 0, "model": None} == kept["marked"]["sections_by"]
    assert (3, "stub-judge@1") == (kept["unmarked"]["sections_by"]["judge"], kept["unmarked"]["sections_by"]["model"])
    turns = transcript(env, kept["unmarked"]).turns
    assert {turn.section_id for turn in turns} <= {None, *SECTIONS}
    assert [q.section_id for q in turns[::2]] == [a.section_id for a in turns[1::2]]


def test_no_judge_is_asked_where_intros_alone_are_wanted(env: dict[str, str], stub: StubEngine, talks: Path) -> None:
    """--sections marked refuses an interview without intros, and nothing is imported."""
    done = imported("--sections", "marked", env=env, source=talks)

    assert (USAGE, 0) == (done.code, stub.calls["judged"])
    assert "no section intro of rubric ai-at-work@1 was found in unmarked" in done.err
    assert "nothing was imported" in done.err


def test_without_an_engine_auto_refuses_and_says_why(env: dict[str, str], talks: Path) -> None:
    """An engine that does not answer is named, with the ways that need none."""
    done = imported(env=env | {"DEBRIEF_ENGINE_URL": "http://127.0.0.1:1"}, source=talks)

    assert USAGE == done.code
    assert "the judge could not be asked: engine http://127.0.0.1:1 cannot be reached" in done.err
    assert "--sections whole" in done.err


def test_without_an_engine_a_judge_that_was_asked_for_is_an_outage(env: dict[str, str], talks: Path) -> None:
    """It can be tried again when the engine is back."""
    done = imported("--sections", "judge", env=env | {"DEBRIEF_ENGINE_URL": "http://127.0.0.1:1"}, source=talks)

    assert UNAVAILABLE == done.code


@pytest.mark.parametrize("consent", ["refused", "withdrawn"])
def test_no_model_reads_an_interview_without_consent(
    env: dict[str, str], stub: StubEngine, talks: Path, consent: str
) -> None:
    """Neither by default nor on request; also where unknown consent counts as none."""
    strict = env | {"DEBRIEF_REQUIRE_CONSENT": "1"}

    auto = imported("--consent", consent, env=env, source=talks)
    judge = imported("--consent", consent, "--sections", "judge", env=env, source=talks)
    unknown = imported("--sections", "judge", env=strict, source=talks)

    assert (USAGE, USAGE, USAGE, 0) == (auto.code, judge.code, unknown.code, stub.calls["/v1/chat/completions"])
    assert f"the judge is not asked: consent is {consent}" in auto.err
    assert f"consent is {consent}, so no model reads it" in judge.err


def test_a_denial_that_is_recorded_already_counts_too(
    env: dict[str, str], stub: StubEngine, talks: Path, database: Database
) -> None:
    """An interview whose consent was withdrawn is not read by a model because it is imported again."""
    imported("--sections", "whole", "--consent", "withdrawn", env=env, source=talks)

    done = imported("--sections", "judge", "--skip-faulty", env=env, source=talks)

    assert (USAGE, 0) == (done.code, stub.calls["/v1/chat/completions"])
    assert "unmarked: its consent is recorded as withdrawn, so no model reads it" in done.err


def test_auto_does_not_ask_a_judge_whose_answers_are_noise(env: dict[str, str], stub: StubEngine, talks: Path) -> None:
    """The demonstration judge sorts questions only when it is asked to by name."""
    stub.model = "demo-judge@1"
    noisy = env | {"DEBRIEF_MODEL": stub.model}

    auto = imported("--dry-run", env=noisy, source=talks)
    judge = imported("--dry-run", "--sections", "judge", env=noisy, source=talks)

    assert (USAGE, 0) == (auto.code, judge.code)
    assert "meaningless for real ones; --sections judge asks it all the same" in auto.err
    assert "meaningless for real ones, and so are the sections that it assigns" in judge.err


@pytest.mark.parametrize(("fault", "reason"), [("truncated", "cut_answer"), ("reject:400", "answers 400")])
def test_an_answer_that_does_not_count_refuses_the_interview(
    env: dict[str, str], stub: StubEngine, talks: Path, database: Database, fault: str, reason: str
) -> None:
    """It is named with the reason; nothing is guessed and nothing imported."""
    stub.faults = [fault]

    done = imported(env=env, source=talks)

    assert USAGE == done.code
    assert "unmarked: the judge" in done.err
    assert reason in done.err
    assert {} == manifests(database)


def test_the_sound_interviews_of_a_faulty_import_can_be_had(
    env: dict[str, str], stub: StubEngine, talks: Path, database: Database
) -> None:
    """--skip-faulty leaves out a row that cannot be read and one that the judge cannot sort, and lists both."""
    stub.faults = ["truncated"]
    with talks.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(("broken", "nobody speaks here"))

    done = imported("--skip-faulty", "--json", env=env, source=talks)

    assert SOME_FAILED == done.code, done.err
    assert ["marked"] == list(manifests(database))
    faulty = done.json()["faulty"]
    assert ["talks.csv: line", "unmarked: the j"] == [line[:15] for line in faulty]
    assert "Left out as faulty: 2" in done.err


def test_one_faulty_row_refuses_all_unless_asked_otherwise(
    env: dict[str, str], talks: Path, database: Database
) -> None:
    """An import is whole or not at all by default; and one without a sound interview is no import."""
    with talks.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(("broken", "nobody speaks here"))
    broken = talks.with_name("broken.csv")
    broken.write_text("id,text\nbroken,nobody speaks here\n", encoding="utf-8")

    whole = imported(env=env, source=talks)
    nothing = imported("--skip-faulty", env=env, source=broken)

    assert (USAGE, USAGE) == (whole.code, nothing.code)
    assert "nothing was imported; --skip-faulty leaves out what is faulty" in whole.err
    assert {} == manifests(database)


def test_a_dry_run_shows_each_question_with_its_section(env: dict[str, str], talks: Path) -> None:
    """80 columns; the interviewer's words stand on stdout, which was asked for, and nowhere else."""
    done = imported("--dry-run", env=env, source=talks)

    assert 0 == done.code, done.err
    lines = done.out.splitlines()
    assert any(line.startswith("T3    tasks") and line.endswith("What is your work?") for line in lines)
    assert any(line.split()[2:3] == ["judge"] and "Which quokka task do you give" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert "quokka" not in done.err.casefold()
    assert lines[-1].endswith("Nothing was written.")


def test_a_corrected_file_decides_and_asks_no_judge(
    env: dict[str, str], stub: StubEngine, talks: Path, database: Database
) -> None:
    """What --sections-out wrote and a person changed is what --sections-from imports; the change is told apart."""
    file = talks.with_name("sections.csv")
    first = imported("--dry-run", "--sections-out", str(file), env=env, source=talks)
    table = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    mine = [row for row in table if row["interview"].startswith("unmarked")]
    moved = next(section for section in SECTIONS if section != mine[1]["section"])
    mine[1]["section"] = moved
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)

    second = imported("--sections-from", str(file), env=env, source=talks)

    assert (0, 0, 1) == (first.code, second.code, stub.calls["judged"]), second.err
    kept = manifests(database)["unmarked"]
    assert (2, 1) == (kept["sections_by"]["judge"], kept["sections_by"]["correction"])
    assert [row["section"] or None for row in mine for _ in "qa"] == [
        turn.section_id for turn in transcript(env, kept).turns
    ]
    assert "your corrections." in second.out


def test_a_json_file_of_sections_is_for_the_owners_eyes(env: dict[str, str], talks: Path) -> None:
    """It holds the interviewer's words, so others of the machine cannot read it; another one is not overwritten."""
    file = talks.with_name("sections.json")
    done = imported("--dry-run", "--sections-out", str(file), env=env, source=talks)
    again = imported("--dry-run", "--sections-out", str(file), env=env, source=talks)

    assert (0, 0o600) == (done.code, file.stat().st_mode & 0o777)
    assert ["interview", "questions"] == list(json.loads(file.read_text(encoding="utf-8"))["interviews"][0])
    assert USAGE == again.code
    assert "exists already and stays as it is" in again.err


def test_a_faulty_file_of_sections_is_refused_before_the_judge_costs_anything(
    env: dict[str, str], stub: StubEngine, talks: Path
) -> None:
    """Rows are named by line."""
    file = talks.with_name("sections.csv")
    file.write_text("interview,turn,section\nunmarked-1,T1,tasks\n", encoding="utf-8")

    done = imported("--sections-from", str(file), "--sections", "judge", env=env, source=talks)

    assert (USAGE, 0) == (done.code, stub.calls["judged"])
    assert "sections.csv: line 2: interview unmarked-1 is not among these files'" in done.err


def test_sections_that_nobody_wants_cannot_be_corrected(env: dict[str, str], talks: Path) -> None:
    """--sections whole and a file of sections contradict each other."""
    done = imported("--sections", "whole", "--sections-out", "x.csv", env=env, source=talks)

    assert USAGE == done.code
    assert "--sections whole has no sections" in done.err


def test_consent_is_recorded_with_its_date(env: dict[str, str], talks: Path, database: Database) -> None:
    """Where a date is named it is kept; without one a note says what that means."""
    dated = imported("--consent", "granted", "--consent-at", "2026-11-18", env=env, source=talks)
    consent = manifests(database)["marked"]["consent"]
    undated = imported("--consent", "granted", "--dry-run", env=env, source=talks)

    assert (0, "granted", "2026-11-18T00:00:00Z") == (dated.code, consent["status"], consent["at"])
    assert "without a date: a refusal that is recorded already stays in force" in undated.err
    assert "without a date" not in dated.err
