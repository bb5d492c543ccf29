"""`debrief rubric`: data on stdout, messages on stderr, errors by name."""

import json

import pytest
from tokenizers import Tokenizer, models
from typer.testing import CliRunner

from evaluator.commands.rubric import app
from evaluator.commands.rubric_files import rubric_folders
from evaluator.errors import Conflict, NotFound, RubricFault, UsageFault
from rubrics.loader import parse


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs a command in an empty folder, with that folder as DEBRIEF_RUBRICS; errors are raised as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEBRIEF_RUBRICS", str(tmp_path))

    def invoke(*arguments, exit_code=0):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert exit_code == result.exit_code, result.output
        return result

    return invoke


def test_folders_come_from_the_environment(monkeypatch):
    """DEBRIEF_RUBRICS holds any number of folders."""
    monkeypatch.setenv("DEBRIEF_RUBRICS", "a::b")

    assert ["a", "b"] == [str(folder) for folder in rubric_folders()]


def test_lint_of_a_clean_file_exits_with_0(run, small, tmp_path):
    """Nothing is printed on stdout, the count on stderr."""
    (tmp_path / "small@1.yaml").write_text(small)

    result = run("lint", "small@1.yaml")

    assert ("", "1 file: 0 errors, 0 warnings\n") == (result.stdout, result.stderr)


def test_lint_warnings_exit_with_0(run, small, tmp_path):
    """A warning does not stop a pipeline."""
    (tmp_path / "small@1.yaml").write_text(small.replace("this is recorded", "so on"))

    assert "small@1.yaml:5:10: warning: " in run("lint", "small@1.yaml").stdout


def test_strict_lint_warnings_exit_with_2(run, small, tmp_path):
    """Unless it is asked to."""
    (tmp_path / "small@1.yaml").write_text(small.replace("this is recorded", "so on"))

    run("lint", "--strict", "small@1.yaml", exit_code=2)


def test_lint_errors_exit_with_2_and_name_every_file(run, small, tmp_path):
    """All files are checked before it ends."""
    (tmp_path / "small@1.yaml").write_text(small.replace("title: Small", "title: no"))

    result = run("lint", "small@1.yaml", "absent.yaml", exit_code=2)

    assert ["small@1.yaml:3:8: error", "absent.yaml:1:1: error"] == [
        line.partition(": some")[0].partition(": cannot")[0] for line in result.stdout.splitlines()
    ]


def test_lint_as_json(run, small, tmp_path):
    """Programs get one object."""
    (tmp_path / "small@1.yaml").write_text(small.replace("this is recorded", "so on"))

    told = json.loads(run("lint", "--json", "small@1.yaml").stdout)

    assert (0, 1, True, 5) == (
        told["errors"],
        told["warnings"],
        told["files"][0]["valid"],
        told["files"][0]["findings"][0]["line"],
    )


def test_new_writes_a_valid_file_and_prints_its_name(run, tmp_path):
    """The skeleton can be listed at once."""
    result = run("new", "data-analyst")

    assert "data-analyst@1.yaml\n" == result.stdout
    assert "Data analyst" == parse((tmp_path / "data-analyst@1.yaml").read_bytes(), "x").title


def test_new_to_stdout(run, tmp_path):
    """A dash writes no file."""
    assert "T" == parse(run("new", "x", "--title", "T", "--out", "-").stdout, "x").title
    assert [] == list(tmp_path.iterdir())


def test_new_never_overwrites(run, tmp_path):
    """A file that is there stays as it is."""
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(Conflict, match=r"mine\.txt exists already and stays as it is"):
        run("new", "x", "--out", "mine.txt")

    assert "mine" == (tmp_path / "mine.txt").read_text()


def test_new_refuses_a_name_that_is_taken(run):
    """A shipped rubric's name cannot be used again."""
    with pytest.raises(Conflict, match="backend-eng@1 exists already in "):
        run("new", "backend-eng")


def test_new_names_a_folder_that_is_missing(run):
    """The message says what could not be written and what to do."""
    with pytest.raises(UsageFault, match=r"cannot write no/x\.yaml: No such file or directory; name another file"):
        run("new", "x", "--out", "no/x.yaml")


def test_new_refuses_an_unusable_id(run):
    """An id becomes a file name, so it is checked first."""
    with pytest.raises(UsageFault, match="cannot be a rubric's id"):
        run("new", "../x")


def test_list_shows_shipped_and_own(run, small, tmp_path):
    """Own folders come beside the package."""
    (tmp_path / "small@1.yaml").write_text(small)

    refs = [row["ref"] for row in json.loads(run("list", "--json").stdout)]

    assert ["ai-at-work@1", "backend-eng@1", "customer-sales@1", "small@1"] == refs


def test_list_is_plain_and_narrow_without_a_terminal(run):
    """No colours, no trailing blanks, at most 80 columns."""
    lines = run("list").stdout.splitlines()

    assert "backend-eng@1" in lines[2]
    assert all(len(line) <= 80 and line == line.rstrip() and "\x1b" not in line for line in lines)


def test_list_shows_the_sound_ones_before_it_fails(run, tmp_path):
    """A faulty file does not hide the others, and is not passed over."""
    (tmp_path / "bad@1.yaml").write_text("id: [")
    result = CliRunner().invoke(app, ["list"])

    assert "backend-eng@1" in result.stdout
    assert isinstance(result.exception, RubricFault)


def test_show_prints_every_text_within_80_columns(run):
    """A hiring manager can read the whole measure."""
    text = run("show", "customer-sales").stdout

    words = " ".join(text.split())
    told = json.loads(run("show", "customer-sales@1", "--json").stdout)
    criteria = [c for s in told["rubric"]["sections"] for c in s["criteria"]]
    assert all(" ".join(anchor.split()) in words for c in criteria for anchor in c["anchors"].values())
    assert max(map(len, text.splitlines())) <= 80


def test_show_keeps_brackets_of_a_rubric(run, small, tmp_path):
    """A rubric's text is never taken for markup."""
    (tmp_path / "small@1.yaml").write_text(small.replace("title: Small", 'title: "[bold]x[/] :smile:"'))

    assert "[bold]x[/] :smile:" in run("show", "small").stdout


def test_show_takes_a_file(run, small, tmp_path):
    """A draft can be read before it has its place."""
    (tmp_path / "draft.yaml").write_text(small)

    assert "small@1" == json.loads(run("show", "draft.yaml", "--json").stdout)["ref"]


def test_show_of_an_unknown_name_suggests_one(run):
    """The error says what was meant."""
    with pytest.raises(NotFound, match="did you mean customer-sales"):
        run("show", "customer-sale")


def test_show_of_a_faulty_rubric_raises_all_its_faults(run, small, tmp_path):
    """The faults keep their places."""
    (tmp_path / "small@1.yaml").write_text(small.replace("title: Small", "title: no").replace("role: Anyone\n", ""))

    with pytest.raises(RubricFault) as raised:
        run("show", "small")

    assert [(1, 1), (3, 8)] == [(fault.line, fault.column) for fault in raised.value.faults]


def test_missing_folder_is_named(run, monkeypatch):
    """A wrong setting is a fault of the user's, not a crash."""
    monkeypatch.setenv("DEBRIEF_RUBRICS", "nowhere")

    with pytest.raises(RubricFault, match="nowhere:1:1: the rubric folder cannot be read"):
        run("list")


EXEMPLIFIED = """\
        examples:
          - {level: 2, answer: I wrote the import., why: A task and no step.}
"""


def test_show_prints_examples_and_what_the_judge_writes(run, small, tmp_path):
    """The rest of what a judge reads."""
    anchor = "          5: Tells how the outcome was measured and what followed.\n"
    text = small.replace(anchor, anchor + EXEMPLIFIED).replace("role: Anyone", "role: Anyone\nrationale: short")
    (tmp_path / "small@1.yaml").write_text(text)

    shown = " ".join(run("show", "small").stdout.split())

    assert "Examples that the judge compares with 2 “I wrote the import.” A task and no step." in shown
    assert "rationale: short" in shown


def test_cost_says_what_it_assumes_and_that_it_estimates(run):
    """Without a tokenizer at hand, and within 80 columns."""
    text = run("cost", "backend-eng").stdout

    assert "Counted by an estimate" in text
    assert "assumed 200 tokens a minute for 27 minutes" in " ".join(text.replace(",", "").split())
    assert max(map(len, text.splitlines())) <= 80


def test_cost_as_json_takes_the_tokens_of_an_interview(run):
    """As many as are given, however they are counted."""
    told = json.loads(run("cost", "backend-eng", "--interview-tokens", "27000", "--json").stdout)

    assert (27_000, True, "2") == (told["total"]["interview"], told["estimate"], told["prompt_version"])


def test_cost_counts_with_the_judges_tokenizer(run, monkeypatch, tmp_path):
    """The file that the settings name; the figures are its own."""
    Tokenizer(models.WordLevel({"?": 0}, unk_token="?")).save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setenv("DEBRIEF_TOKENIZER", str(tmp_path / "tokenizer.json"))

    told = json.loads(run("cost", "backend-eng", "--json").stdout)

    assert ("the judge's tokenizer.json", False) == (told["counted_by"], told["estimate"])
    assert 1 == told["sections"][0]["tokens"]["rules"]  # it knows no word and cuts nothing


def test_cost_falls_back_to_an_estimate_where_the_engine_is_away(run, monkeypatch):
    """And says why."""
    monkeypatch.setenv("DEBRIEF_ENGINE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("DEBRIEF_MODEL", "judge@1")

    result = run("cost", "backend-eng")

    assert "Counted by an estimate" in result.stdout
    assert "Going on with an estimate." in result.stderr


def test_cost_refuses_two_kinds_of_interview(run):
    """One real, one assumed."""
    with pytest.raises(UsageFault, match="not both"):
        run("cost", "backend-eng", "--interview", "iv-1", "--interview-tokens", "5")


def test_diff_tells_each_change_in_words(run, small, tmp_path):
    """Both sides, under the place, and what follows from it."""
    (tmp_path / "a.yaml").write_text(small)
    (tmp_path / "b.yaml").write_text(small.replace('"1"', '"2"').replace("Tests a suspicion", "Checks a suspicion"))

    told = run("diff", "a.yaml", "b.yaml").stdout

    assert "two · cause\n  anchor 4 changed\n    - Tests a suspicion" in told
    assert "    + Checks a suspicion" in told
    assert "The judge reads other words in: two." in told


def test_diff_of_the_same_rubric_says_so(run):
    """And exits with 0."""
    told = run("diff", "backend-eng", "backend-eng@1").stdout

    assert ["backend-eng@1 -> backend-eng@1  no difference", "", "The two are the same rubric."] == told.splitlines()


def test_diff_as_json(run, small, tmp_path):
    """One object for programs."""
    (tmp_path / "a.yaml").write_text(small)

    told = json.loads(run("diff", "a.yaml", "a.yaml", "--json").stdout)

    assert ("small@1", [], []) == (told["new"]["ref"], told["changes"], told["judged_differently"])
