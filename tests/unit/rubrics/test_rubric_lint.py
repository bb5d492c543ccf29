"""What lint says about rubrics that are valid but poor measures."""

import json

import pytest

from rubrics.library import shipped
from rubrics.lint import FORBIDDEN, lint
from rubrics.loader import parse
from rubrics.model import LEVELS
from rubrics.template import template


@pytest.fixture
def findings(tmp_path):
    """Lints a text as small@1.yaml."""

    def run(text, name="small@1.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return lint(path)

    return run


def line_of(text, needle):
    """Line, from 1, of the first occurrence."""
    return text.count("\n", 0, text.index(needle)) + 1


def test_clean_rubric_has_no_finding(small, findings):
    """The rubric that the other tests change is clean."""
    assert () == findings(small)


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.name)
def test_shipped_rubric_has_no_finding(file):
    """What is shipped passes its own check."""
    assert () == lint(file)


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.name)
def test_shipped_rubric_is_complete(file):
    """Four or five sections in 20 to 30 minutes, 8 to 12 criteria, one to three of them required."""
    rubric = parse(file.read_bytes(), file.name)
    minutes = sum(section.time_budget_minutes for section in rubric.sections)

    assert len(rubric.sections) in (4, 5)
    assert 20 <= minutes <= 30
    assert 8 <= len(rubric.criteria) <= 12
    assert 1 <= sum(criterion.required for criterion in rubric.criteria) <= 3
    assert all(2 <= len(section.questions) <= 4 and section.follow_ups for section in rubric.sections)


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.name)
def test_shipped_texts_are_short_enough_to_be_read_for_every_candidate(file):
    """Each anchor has 8 to 30 words, each definition 15 to 40 and says what to leave aside."""
    for criterion in parse(file.read_bytes(), file.name).criteria:
        assert 15 <= len(criterion.definition.split()) <= 40, criterion.id
        assert "Leave aside" in criterion.definition, criterion.id
        assert all(8 <= len(criterion.anchors[level].split()) <= 30 for level in LEVELS), criterion.id


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.name)
def test_shipped_opening_says_how_long_it_takes(file):
    """The announced length is the sum of the sections."""
    words = {25: "twenty-five", 27: "twenty-seven"}
    rubric = parse(file.read_bytes(), file.name)

    assert words[round(sum(s.time_budget_minutes for s in rubric.sections))] + " minutes" in rubric.opening


def test_shipped_intros_are_all_different():
    """No intro marks two sections, in any rubric."""
    intros = [s.intro for file in shipped() for s in parse(file.read_bytes(), file.name).sections]

    assert len(intros) == len(set(intros))


def test_faults_are_errors_with_their_place(small, findings):
    """An invalid file gives errors only."""
    (finding,) = findings(small.replace("title: Small", "title: no"))

    assert ("error", 3, 8) == (finding.severity, finding.line, finding.column)


def test_missing_file_is_an_error(tmp_path):
    """Lint does not raise."""
    (finding,) = lint(tmp_path / "none.yaml")

    assert ("error", True) == (finding.severity, "cannot be read" in finding.message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("4: Tests a suspicion that could have turned out wrong.", "4: Tests it.", "anchor 4 has 2 words"),
        ("4: Tests a suspicion", "4: " + "word " * 50 + "Tests a suspicion", "45 are enough"),
        ("4: Tests a suspicion", "4: Confidently tests a suspicion", "`Confidently` is about confidence"),
        ("4: Tests a suspicion", "4: Without an accent tests a suspicion", "`accent` is about how someone speaks"),
        ("4: Tests a suspicion", "4: Being young tests a suspicion", "`young` is about age"),
        ("4: Tests a suspicion", "4: In a polished way tests a suspicion", "`polished` is about style"),
        ("4: Tests a suspicion", "4: As a good fit tests a suspicion", "`good fit` is about culture fit"),
        ("name: Cause", "name: Enthusiasm", "`Enthusiasm` is about personality"),
        ("How did you notice?", "What is your age?", "`age` is about age"),
        ("to the cause of it.", "to the cause of it, and how fluent that is.", "`fluent` is about language skill"),
        ("How the candidate got from a symptom to the cause of it.", "The cause.", "the definition has fewer than 8"),
        ("I am an AI interviewer and this is", "I am Robin and this is", "does not say that an AI leads"),
        ("interviewer and this is recorded", "interviewer", "does not say that the interview is recorded"),
        ("intro: Now tell me about a fault that you found.", "intro: Now.", "the intro has fewer than 5 words"),
        (
            "intro: Now tell me about a fault that you found.",
            "intro: Let us begin, then, with something that you built.",
            "the intro is almost that of section `one`",
        ),
        ("What was the cause?", "TODO", "still the skeleton's"),
        ('version: "1"', 'version: "2"', "only under the name small@2.yaml"),
    ],
)  # fmt: skip
def test_each_weakness_has_its_own_warning(small, findings, old, new, message):
    """One change, one warning, at the line of the change."""
    text = small.replace(old, new)

    (finding,) = findings(text)

    assert ("warning", line_of(text, new)) == (finding.severity, finding.line)
    assert message in finding.message


def with_examples(text, *examples):
    """The small rubric, its first criterion with these examples."""
    lines = [f"          - {{level: {level}, answer: {json.dumps(answer)}}}" for level, answer in examples]
    anchor = "          5: Tells how the outcome was measured and what followed.\n"
    return text.replace(anchor, anchor + "        examples:\n" + "\n".join(lines) + "\n")


def test_good_examples_have_no_finding(small, findings):
    """Two levels, said as people say it."""
    assert () == findings(with_examples(small, (2, "I wrote the import."), (4, "I tried both, and took the faster.")))


@pytest.mark.parametrize(
    ("examples", "line", "message"),
    [
        (((3, "I did it."), (3, "We had a plan.")), 1, "all examples are of level 3, which draws a judge to it"),
        (((3, "word " * 61),), 1, "the example has 61 words; 60 are enough"),
        (((3, "He lists own steps in order, with their outcome!"),), 1, "repeats anchor 3 word for word"),
        (((2, "I did it all by hand."), (3, "I did it all, by hand.")), 2, "almost the one before"),
        (((2, "Ask ann.example@firm.example about it."),), 1, "a mail address or telephone number"),
        (((2, "Then they called +44 20 7946 0958 again."),), 1, "a mail address or telephone number"),
    ],
)
def test_each_weakness_of_examples_has_its_own_warning(small, findings, examples, line, message):
    """At the example, or at the first of the list where it is about all."""
    text = with_examples(small, *examples)

    (finding,) = findings(text)

    assert ("warning", line_of(text, "examples:") + line) == (finding.severity, finding.line)
    assert message in finding.message


def test_an_examples_reason_must_not_be_about_the_person(small, findings):
    """What earns a level in an example earns it in an interview."""
    text = with_examples(small, (2, "I was very confident.")).replace('nt."}', 'nt.", why: Sounds confident}')

    (finding,) = findings(text)

    assert "`confident` is about confidence" in finding.message


def test_more_than_three_examples_are_an_error(small, findings):
    """Each is read for every candidate."""
    (finding,) = findings(with_examples(small, *((n, f"Answer {n}.") for n in (1, 2, 3, 4))))

    assert ("error", "`examples` has 4 items; at most 3 are allowed") == (finding.severity, finding.message)


def test_levels_that_differ_only_in_degree_are_one_warning(small, findings):
    """Poorly, well and very well describe nothing that can be heard."""
    text = small.replace(
        "4: Tests a suspicion that could have turned out wrong.",
        "4: Reports very clearly an excellent observation that pointed to the culprit.",
    )

    (finding,) = findings(text)

    assert line_of(text, "4: Reports") == finding.line
    assert "anchors 3 and 4 differ mainly in words of degree; name what is heard at each level" == finding.message


def test_levels_with_nearly_the_same_words_are_a_warning(small, findings):
    """Anchors that share almost all words cannot be told apart."""
    text = small.replace(
        "4: Tests a suspicion that could have turned out wrong.",
        "4: Reports an observation, that pointed to the culprit.",
    )

    (finding,) = findings(text)

    assert "anchors 3 and 4 use nearly the same words; name what is new at level 4" == finding.message


def test_interview_longer_than_an_hour_is_a_warning(small, findings):
    """The sum is reported at the section that passes the hour."""
    (finding,) = findings(small.replace("time_budget_minutes: 5", "time_budget_minutes: 31"))

    assert "the sections take 62 minutes in all" in finding.message


def test_definition_may_name_what_is_left_aside(small, findings):
    """To exclude accent and confidence they must be named."""
    text = small.replace("to the cause of it.", "to the cause of it. Leave aside accent, fluency and confidence.")

    assert () == findings(text)


@pytest.mark.parametrize(
    "text", ["a race condition", "the average of a page", "confidence interval", "managed", "shyly"]
)
def test_words_that_only_look_alike_are_left_alone(text):
    """Whole words count, and terms of a trade are known."""
    assert not any(pattern.search(text) for pattern, _ in FORBIDDEN)


def test_word_lists_are_for_english(small, findings):
    """A rubric in another language is not held against English words."""
    text = small.replace("role: Anyone", "role: Anyone\nlanguage: de").replace("I am an AI interviewer and", "Dialekt,")

    assert () == findings(text.replace("4: Tests a suspicion", "4: Age accent tests a suspicion"))


def test_findings_come_in_the_order_of_the_file(small, findings):
    """A person works through them from top to bottom."""
    text = small.replace("4: ", "4: Charismatic ").replace("this is recorded", "so on")

    lines = [finding.line for finding in findings(text)]

    assert (4, sorted(lines)) == (len(lines), lines)


def test_finding_reads_like_a_compiler_message(small, findings):
    """path:line:column: severity: message."""
    (finding,) = findings(small.replace("this is recorded", "so on"))

    assert f"{finding.path}:5:10: warning: the opening does not say" in str(finding)


def test_skeleton_is_valid_and_says_what_is_left_to_do(findings):
    """A new rubric has no error, and one warning for each placeholder."""
    found = findings(template("data-analyst", "Data analyst"), "data-analyst@1.yaml")

    assert {"warning"} == {finding.severity for finding in found}
    assert all("TODO" in finding.message for finding in found)


@pytest.mark.parametrize(
    "title", ['A "quoted": title # not a comment', "no", "1.10", "Entwickler:in für Größeres", "{}", "'"]
)
def test_any_title_survives_the_skeleton(title):
    """A title is text, whatever it looks like in YAML."""
    assert title == parse(template("x", title), "x").title


@pytest.mark.parametrize("rubric_id", ["no", "1", "1.10", "null", "a-b_c.d"])
def test_any_allowed_id_survives_the_skeleton(rubric_id):
    """An id is text, whatever it looks like in YAML."""
    assert rubric_id == parse(template(rubric_id, "T"), "x").id


@pytest.mark.parametrize(
    ("rubric_id", "title"), [("", "T"), ("a b", "T"), ("a@1", "T"), ("a\n", "T"), ("a", " "), ("a", "x" * 201)]
)
def test_unusable_id_or_title_is_refused(rubric_id, title):
    """The skeleton is never written under a name that the loader would refuse."""
    with pytest.raises(ValueError, match=r"cannot be a rubric's id|the title must be"):
        template(rubric_id, title)


def test_the_skeletons_examples_are_valid_once_they_are_used():
    """Only the comment signs have to go."""
    lines = template("x", "X").splitlines()
    start = lines.index("        # examples:")
    used = [line.replace("        # ", "        ", 1) for line in lines[start : start + 6]]

    rubric = parse("\n".join([*lines[:start], *used, *lines[start + 6 :]]), "x")

    assert [2, 4] == [example.level for example in rubric.criteria[0].examples]
    assert "none" == rubric.rationale
