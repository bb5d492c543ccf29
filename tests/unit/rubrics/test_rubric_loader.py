"""Rubric files: what is read, and every way in which one can be refused."""

import io
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from rubrics.document import BYTES_MAX, NODES_MAX
from rubrics.faults import FAULTS_MAX, RubricError
from rubrics.loader import load, parse
from rubrics.model import Rubric


def faults_of(text, path="r.yaml"):
    """All faults of a text that must be refused."""
    with pytest.raises(RubricError) as raised:
        parse(text, path)
    return raised.value.faults


def only_fault(text):
    """The fault of a text that must have exactly one."""
    faults = faults_of(text)
    assert len(faults) == 1, "\n".join(map(str, faults))
    return faults[0]


def place(text, needle):
    """Line and column, from 1, of the first occurrence."""
    index = text.index(needle)
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def where(fault):
    """Line and column of a fault."""
    return fault.line, fault.column


def test_valid_file_becomes_a_rubric(small, tmp_path):
    """A valid file is read whole."""
    path = tmp_path / "small@1.yaml"
    path.write_text(small)

    rubric = load(path)

    assert ("small@1", ("steps", "reasons", "cause")) == (rubric.ref, tuple(c.id for c in rubric.criteria))


def test_text_and_bytes_read_alike(small):
    """Bytes, with or without a byte order mark, give what their text gives."""
    assert parse(small, "x") == parse(small.encode(), "x") == parse(b"\xef\xbb\xbf" + small.encode(), "x")


def test_missing_file_is_a_fault(tmp_path):
    """A file that is not there is named."""
    with pytest.raises(RubricError, match=r"nope\.yaml:1:1: cannot be read: No such file"):
        load(tmp_path / "nope.yaml")


def test_folder_is_a_fault(tmp_path):
    """A folder is not taken for a file."""
    with pytest.raises(RubricError, match="not a file"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"# only a comment\n", "empty"),
        (b"\x00\x01\x02", "U\\+0000 is not allowed"),
        (b"id: caf\xe9\n", "0xe9 is not UTF-8"),
        (b"- a\n- b\n", "a rubric is a mapping"),
        (b"just text", "a rubric is a mapping"),
        (b"a: [1, 2", "not valid YAML"),
        (b"a: 'x", "not valid YAML"),
        (b"\ta: b", "not valid YAML"),
        (b'a: "\\UFFFFFFFF"', "not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "a second document"),
        (b"[" * 20_000, "nested deeper"),
        (b"- " * 20_000, "nested deeper"),
        (b"? " * 20_000, "single word"),
        (b"? [a]\n: b\n", "single word"),
        (b"- a\n" * (NODES_MAX + 1), "more than 5000 values"),
        (b"#" * (BYTES_MAX + 1), "more than 128 KiB"),
    ],
)
def test_what_is_not_a_rubric_at_all_is_one_clear_fault(content, message):
    """Files of another kind are refused with one fault that says why."""
    assert re.search(message, only_fault(content).message)


def test_place_of_a_byte_that_is_not_utf8():
    """The fault points at the byte, counted in characters."""
    assert (2, 5) == where(only_fault("é: 1\nü: ".encode() + b"x\xff"))


def test_place_of_a_syntax_error():
    """The fault points where YAML gave up."""
    assert 2 == only_fault("a: 1\nb: c: d\n").line


def test_unquoted_version_is_told_to_be_quoted(small):
    """1.10 without quotes would be 1.1."""
    text = small.replace('version: "1"', "version: 1.10")

    fault = only_fault(text)

    assert (2, 10) == where(fault)
    assert '`version` must be text; put it in quotes: "1.10" (without them YAML reads 1.1)' == fault.message


@pytest.mark.parametrize("version", ["1.", "01", "1.2.3.4", "v1", "12345", ""])
def test_version_of_another_form_is_refused(small, version):
    """A version is one to three numbers without leading zeros."""
    assert where(only_fault(small.replace('"1"', f'"{version}"'))) == (2, 10)


@pytest.mark.parametrize("word", ["no", "Yes", "on", "2024-01-01", "12:30:00", "0x1F", "1_000", "010", ".inf"])
def test_words_that_yaml_readers_disagree_on_must_be_quoted(small, word):
    """Text that another YAML reader would take for something else needs quotes."""
    text = small.replace("title: Small", f"title: {word}")

    fault = only_fault(text)

    assert where(fault) == (3, 8)
    assert f'write "{word}" in quotes' in fault.message


@pytest.mark.parametrize("word", ["no", "2024-01-01", "1.10", "null", "true"])
def test_quoted_words_are_text(small, word):
    """In quotes every word is text."""
    assert word == parse(small.replace("title: Small", f"title: '{word}'"), "x").title


def test_yes_is_no_switch(small):
    """A switch is true or false."""
    fault = only_fault(small.replace("required: true", "required: yes"))

    assert "true or false if it is a switch" in fault.message


def test_repeated_key_names_the_first_line(small):
    """A field given twice is a fault at the second place."""
    text = small.replace("role: Anyone\n", "role: Anyone\ntitle: Again\n")

    fault = only_fault(text)

    assert (place(text, "title: Again"), "`title` is given twice; it is already on line 3") == (
        where(fault),
        fault.message,
    )


def test_unknown_field_suggests_the_known_one(small):
    """A misspelt field is named with the field that was meant."""
    text = small.replace("    intro: Now", "    follow_up: [a]\n    intro: Now")

    fault = only_fault(text)

    assert place(text, "follow_up") == where(fault)
    assert "unknown field `follow_up`; did you mean `follow_ups`?" == fault.message


def test_unknown_field_without_likeness_lists_the_fields(small):
    """Where nothing comes close, the fields of that place are listed."""
    fault = only_fault(small.replace("role: Anyone\n", "role: Anyone\nzzz: 1\n"))

    assert "unknown field `zzz`; the fields here are id, version, title" in fault.message


def test_missing_field_points_at_its_section(small):
    """A missing field is reported where its section begins."""
    text = small.replace("    intro: Now tell me about a fault that you found.\n", "")

    fault = only_fault(text)

    assert (place(text, "id: two"), "the field `intro` is missing") == (where(fault), fault.message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title: Small", "title:", "`title` is empty; it must be text"),
        ("title: Small", "title: ''", "`title` is empty"),
        ("title: Small", "title: [a]", "`title` must be text, not a list"),
        ("title: Small", "title: {a: b}", "`title` must be text, not a mapping of fields"),
        ("title: Small", "title: 7", '`title` must be text; put it in quotes: "7"'),
        ("title: Small", f"title: {'x' * 201}", "`title` has 201 characters; at most 200 are allowed"),
        ("title: Small", 'title: "a\\e[31m"', "character U+001B is not allowed"),
        ("title: Small", 'title: "a\\u202eb"', "character U+202E is not allowed"),
        ("title: Small", 'title: "\\ud800"', "character U+D800 is not allowed"),
        ("id: small", "id: a b", "`id` may hold letters"),
        ("id: small", 'id: "../x"', "`id` may hold letters"),
        ("role: Anyone", "role: Anyone\nlanguage: English", "`language` is a language code"),
        ("time_budget_minutes: 5", 'time_budget_minutes: "5"', "`time_budget_minutes` must be a number"),
        ("time_budget_minutes: 5", "time_budget_minutes: 0", "`time_budget_minutes` must be greater than 0"),
        ("time_budget_minutes: 5", "time_budget_minutes: 61", "`time_budget_minutes` must be less than or equal to 60"),
        ("required: true", "required: 1", "`required` must be true or false"),
        ("required: true", "weight: -1\n        weight_rationale: so", "`weight` must be greater than 0"),
        ("required: true", "weight: 2", "a weight other than 1 needs a `weight_rationale`"),
        ("      - What was the cause?\n      - How did you notice?\n", "      []\n", "`questions` is empty"),
        ("      - What was the cause?\n", "      - \n", "item 1 of `questions` is empty"),
        ("          4: Tests", '          "4": Tests', "a level is a whole number from 1 to 5, without quotes"),
        ("          4: Tests a", "          6: Tests a", "no anchor for level 4"),
        ("          5: Excludes", "          6: Excludes", "no anchor for level 5"),
        ("          2: States a cause out of nowhere at all.\n", "", "no anchor for level 2"),
        ("role: Anyone", "role: &a Anyone", "`&a` marks text for reuse"),
        ("role: Anyone", "role: !!str Anyone", "the tag `tag:yaml.org,2002:str` is not allowed"),
        ("role: Anyone", "role: !python/object:os.system Anyone", "is not allowed; write plain text"),
        ("id: small", "%YAML 1.1\n---\nid: small", "%YAML and %TAG lines are not allowed"),
        ("id: two", "id: one", "the section id `one` is already used on line 8"),
        ("id: cause", "id: steps", "the criterion id `steps` is already used on line 15"),
    ],
)
def test_each_fault_has_its_own_message(small, old, new, message):
    """One change, one fault, said in the words of the file."""
    assert old in small

    fault = only_fault(small.replace(old, new, 1))

    assert message in fault.message


EXAMPLES = """\
        examples:
          - level: 2
            answer: I wrote the import, and it ran.
            why: A task, no step.
          - level: 0
            answer: What do you mean?
"""
LAST = "          5: Admits what was lost by choosing this way.\n"


def test_examples_are_read_in_file_order(small):
    """Level, answer and, where it is given, the reason."""
    rubric = parse(small.replace(LAST, LAST + EXAMPLES), "x")

    assert [
        (2, "I wrote the import, and it ran.", "A task, no step."),
        (0, "What do you mean?", None),
    ] == [(e.level, e.answer, e.why) for e in rubric.criteria[1].examples]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level: 2", "level: 6", "`level` must be less than or equal to 5"),
        ("level: 2", "level: -1", "`level` must be greater than or equal to 0"),
        ("level: 2", 'level: "2"', "`level` must be a whole number"),
        ("level: 2", "level: true", "`level` must be a whole number"),
        ("level: 2", "level: 2.5", "`level` must be a whole number"),
        ("          - level: 2\n            answer", "          - answer", "the field `level` is missing"),
        ("            answer: I wrote the import, and it ran.\n", "", "the field `answer` is missing"),
        ("answer: I wrote the import, and it ran.", "anwser: x", "unknown field `anwser`; did you mean `answer`?"),
        ("answer: I wrote", "answer: As said in U12 I wrote", "`U12` looks like the id of something said"),
        ("why: A task", "why: U3 is a task", "`U3` looks like the id of something said"),
        (EXAMPLES, "        examples: none\n", "`examples` must be a list"),
        (EXAMPLES, "        examples: [x]\n", "item 1 of `examples` must be a mapping"),
    ],
)
def test_each_fault_of_an_example_has_its_own_message(small, old, new, message):
    """In the words of the file, as for every other field."""
    text = small.replace(LAST, LAST + EXAMPLES)
    assert old in text

    assert any(message in fault.message for fault in faults_of(text.replace(old, new, 1)))


def test_rationale_is_none_or_short(small):
    """Anything else is refused with what there is."""
    given = small.replace("title: Small", "title: Small\nrationale: short")

    assert ("none", "short") == (parse(small, "x").rationale, parse(given, "x").rationale)
    assert "`rationale` must be 'none' or 'short'" == only_fault(given.replace("short", "long")).message


def test_digests_of_rubrics_without_the_later_fields_stay_as_they_were(small):
    """Written out as their defaults, examples and rationale are the same as left out."""
    explicit = small.replace("title: Small", "title: Small\nrationale: none").replace(
        LAST, LAST + "        examples: []\n"
    )

    assert "4012de20a7cdceaccaf2d7cc02261784e4ab874696d10e0a8688e3b312715265" == parse(small, "x").digest
    assert parse(small, "x").digest == parse(explicit, "x").digest


def test_examples_and_rationale_are_part_of_the_digest(small):
    """What the judge reads or writes makes another rubric."""
    given = small.replace(LAST, LAST + EXAMPLES)
    texts = (small, given, given.replace("level: 2", "level: 3"), small.replace("role:", "rationale: short\nrole:"))

    assert 4 == len({parse(text, "x").digest for text in texts})
    assert all(parse(t, "x") == Rubric.model_validate_json(parse(t, "x").canonical_json()) for t in texts)


def test_alias_is_refused_once(small):
    """Text that stands elsewhere is refused, without complaints about what it would have held."""
    text = small.replace("role: Anyone", "role: &a Anyone").replace("title: Second", "title: *a")

    faults = faults_of(text)

    assert [place(text, "&a"), place(text, "*a")] == [where(fault) for fault in faults]


def test_aliases_that_multiply_cost_nothing():
    """The thousand million laughs are never expanded."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

    faults = faults_of("\n".join(lines))

    assert any("`*a0` refers to text elsewhere" in fault.message for fault in faults)


def test_all_faults_are_reported_at_once_in_file_order(small):
    """Faults of YAML, fields, types and ids come together, by line."""
    text = (
        small.replace('version: "1"', "version: 1.10")
        .replace("title: Small", "titel: Small")
        .replace("id: two", "id: one")
        .replace("required: true", "required: yes")
        .replace("          5: Excludes rivals by evidence before repairing the thing.\n", "")
    )

    faults = faults_of(text)

    assert [2, 3, 33, 44, 45] == sorted({fault.line for fault in faults} - {1})
    assert list(faults) == sorted(faults, key=where)
    assert "the field `title` is missing" in {fault.message for fault in faults}


def test_a_flood_of_faults_is_cut_and_counted():
    """No more than the limit is listed, and the rest is a number."""
    faults = faults_of("\n".join(f"x{n}: 1" for n in range(500)))

    assert FAULTS_MAX == len(faults)
    assert re.fullmatch(r"and \d+ more faults", faults[-1].message)


def test_error_text_is_one_line_per_fault(small):
    """The error's text has file, line and column."""
    with pytest.raises(RubricError) as raised:
        parse(small.replace("title: Small", "title: no"), "dir/r.yaml")

    assert str(raised.value).startswith("dir/r.yaml:3:8: some YAML readers take `no`")


def test_digest_does_not_depend_on_how_the_yaml_is_laid_out(small):
    """Order of fields, quotes, folding and comments leave the digest as it is."""
    yaml = YAML(typ="safe", pure=True)
    reordered = dict(reversed(yaml.load(small).items()))
    stream = io.StringIO()
    flow = YAML(typ="safe", pure=True)
    flow.default_flow_style = True
    flow.width = 40
    flow.dump(reordered, stream)
    folded = small.replace(
        "closing: Thank you. People decide.", "# said last\nclosing: |\n  Thank you.\n  People decide."
    )

    assert {parse(small, "a").digest} == {parse(stream.getvalue(), "b").digest, parse(folded, "c").digest}


def test_digest_changes_with_one_letter_of_an_anchor(small):
    """Another anchor is another rubric."""
    assert parse(small, "a").digest != parse(small.replace("Tests a suspicion", "Tests a suspicions"), "a").digest


def test_whole_and_broken_numbers_have_one_digest(small):
    """5 minutes and 5.0 minutes are the same time."""
    other = small.replace("minutes: 5", "minutes: 5.0").replace("required: true", "required: true\n        weight: 1")

    assert parse(small, "a").digest == parse(other, "a").digest


def test_rubric_survives_its_canonical_json(small):
    """What is stored is what was read, to the digest."""
    rubric = parse(small, "a")

    again = Rubric.model_validate_json(rubric.canonical_json())

    assert (rubric, rubric.digest) == (again, again.digest)


def refused_or_read(content):
    """True when the parser keeps its promise: a rubric with a digest, or RubricError with places."""
    try:
        assert 64 == len(parse(content, "f").digest)
    except RubricError as error:
        assert error.faults
        assert all(fault.line >= 1 and fault.column >= 1 and "\n" not in fault.message for fault in error.faults)
    return True


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_refused_or_read(content):
    """Bytes never raise anything but RubricError."""
    assert refused_or_read(content)


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_is_refused_or_read(content):
    """Text never raises anything but RubricError."""
    assert refused_or_read(content)


YAML_PIECES = st.sampled_from(
    [
        *"[]{}:,-?&*!|>'\"%@`#\n\t ~<=",
        *("- ", ": ", "? ", "\n  ", "\n- ", "--- ", "...\n", "%YAML 1.1\n", "%TAG ! a\n", "&a ", "*a", "<<: "),
        *("!!int ", "!<x> ", "!x!y ", "|2\n", ">-\n", '"\\x', '"\\U', "\ud800", "\r", "\u2028", "\x85"),
        *(
            "id",
            "version",
            "sections",
            "criteria",
            "anchors",
            "1",
            "1.10",
            "no",
            "null",
            "0x",
            ".nan",
            "1e999",
            "9" * 30,
        ),
    ]
)


@given(st.lists(YAML_PIECES, max_size=60).map("".join))
@settings(max_examples=400, deadline=None)
def test_any_yaml_like_text_is_refused_or_read(content):
    """Text made of YAML's own signs never raises anything but RubricError."""
    assert refused_or_read(content)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_edit_of_a_valid_file_is_refused_or_read(data):
    """A valid file with a piece cut out and something else put in never raises anything but RubricError."""
    start = data.draw(st.integers(0, len(VALID)))
    length = data.draw(st.integers(0, 40))
    piece = data.draw(st.one_of(YAML_PIECES, st.text(string.printable, max_size=10), st.text(max_size=5)))

    assert refused_or_read(VALID[:start] + piece + VALID[start + length :])


VALID = """\
id: v
version: "1"
title: T
role: R
opening: O
closing: C
sections:
  - id: s
    title: T
    intro: I
    questions: [Q]
    time_budget_minutes: 1
    criteria:
      - {id: c, name: N, definition: D, required: true, weight: 1.0, anchors: {1: a, 2: b, 3: c, 4: d, 5: e}}
"""
