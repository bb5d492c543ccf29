"""What differs between two rubrics."""

import pytest

from evaluator.commands.rubric_changes import changes_json, judged_differently
from rubrics.changes import changes
from rubrics.model import Example
from tests.factories import a_criterion, a_rubric

OLD = {"design": ("depth", "clarity"), "debugging": ("method",)}


def differences(new, **fields):
    """What a rubric with these sections and fields changes of the old one, in short."""
    rubric = a_rubric(new).model_copy(update=fields)
    return [(c.kind, c.section_id, c.criterion_id, c.what, c.old, c.new) for c in changes(a_rubric(OLD), rubric)]


def test_equal_rubrics_have_no_difference():
    """Also under another version."""
    assert [] == differences(OLD) == differences(OLD, version="2")


@pytest.mark.parametrize("field", ["title", "role", "opening", "closing"])
def test_a_text_of_the_rubric_itself_is_told_with_both_sides(field):
    """What is said to every candidate."""
    was = getattr(a_rubric(), field)

    assert [("changed", None, None, field, was, "Other.")] == differences(OLD, **{field: "Other."})


def test_a_rationale_is_a_difference():
    """The judge writes more."""
    assert [("changed", None, None, "rationale", "none", "short")] == differences(OLD, rationale="short")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"definition": "New."}, ("changed", "definition", "What method looks like in an answer.", "New.")),
        ({"name": "New"}, ("changed", "name", "Method", "New")),
        (
            {"anchors": {**a_criterion("method").anchors, 3: "New."}},
            ("changed", "anchor 3", "Method, behaviour of level 3.", "New."),
        ),
        ({"required": True}, ("changed", "required", "no", "yes")),
        (
            {"examples": (Example(level=2, answer="So.", why="Little."),)},
            ("added", "example 1", None, "level 2: So. (Little.)"),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_change_of_a_criterion_is_told_with_its_place(fields, told):
    """By section, criterion and field."""
    kind, what, old, new = told

    found = differences({**OLD, "debugging": (a_criterion("method", **fields),)})
    assert [(kind, "debugging", "method", what, old, new)] == found


def test_a_weight_comes_with_its_reason():
    """Both are part of the measure."""
    found = differences({**OLD, "debugging": (a_criterion("method", weight=2.0),)})

    assert [("changed", "weight"), ("added", "reason of the weight")] == [
        (kind, what) for kind, _, _, what, _, _ in found
    ]


def test_sections_that_come_and_go_are_told_with_their_criteria():
    """By title and name."""
    found = differences({"design": ("depth", "clarity"), "teamwork": ("feedback",)})

    assert [
        ("added", "teamwork", None, "section", None, "Teamwork"),
        ("added", "teamwork", "feedback", "criterion", None, "Feedback"),
        ("removed", "debugging", None, "section", "Debugging", None),
        ("removed", "debugging", "method", "criterion", "Method", None),
    ] == found


def test_a_criterion_that_moves_is_neither_new_nor_gone():
    """It is the same criterion with other turns before it."""
    found = differences({"design": ("depth",), "debugging": ("method", "clarity")})

    assert [("moved", "debugging", "clarity", "criterion", "design", "debugging")] == found


def test_another_order_is_told_once():
    """The judge reads criteria in order, and candidates hear sections in order."""
    found = differences({"debugging": ("method",), "design": ("clarity", "depth")})

    assert [
        ("moved", None, None, "order of sections", "design, debugging", "debugging, design"),
        ("moved", "design", None, "order of criteria", "depth, clarity", "clarity, depth"),
    ] == found


def test_only_sections_whose_prompt_changes_are_judged_differently():
    """A weight counts after judging, an anchor during it, a rationale everywhere."""
    old = a_rubric(OLD)
    weighed = a_rubric({**OLD, "debugging": (a_criterion("method", weight=2.0),)})
    anchored = a_rubric({**OLD, "debugging": (a_criterion("method", definition="New."),)})
    reasoned = old.model_copy(update={"rationale": "short"})

    assert [[], ["debugging"], ["design", "debugging"]] == [
        judged_differently(old, new) for new in (weighed, anchored, reasoned)
    ]


def test_programs_get_both_digests_and_every_change():
    """One object."""
    old, new = a_rubric(OLD), a_rubric(OLD).model_copy(update={"rationale": "short"})

    told = changes_json(old, new)
    assert (old.digest, new.digest, 1) == (told["old"]["digest"], told["new"]["digest"], len(told["changes"]))
