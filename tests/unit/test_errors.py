"""The error tree: what its drawing says is what the classes are."""

import inspect
import re

import pytest

from evaluator import errors
from evaluator.errors import AnswerInvalid, ContentError, DebriefError, RubricFault, Unavailable, UsageFault
from rubrics.faults import Fault

CLASSES = {
    name: value for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, DebriefError)
}


def drawn() -> dict[str, str]:
    """Each error in the drawing with the one that it hangs on."""
    parents, tree = [("DebriefError", -1)], {}
    for line in inspect.getdoc(errors).splitlines():
        if found := re.match(r"([│ ]*)[├└]── (\w+)", line):
            depth, name = len(found.group(1)), found.group(2)
            while parents[-1][1] >= depth:
                parents.pop()
            tree[name] = parents[-1][0]
            parents.append((name, depth))
    return tree


def test_the_drawing_shows_every_error_where_it_hangs():
    """None is missing, none is invented."""
    expected = {name: kind.__mro__[1].__name__ for name, kind in CLASSES.items() if kind is not DebriefError}

    assert expected == drawn()


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES.keys())
def test_every_error_says_when_it_is_raised_and_has_a_short_code(kind):
    """Codes go into rows and JSON, so they are plain words."""
    assert kind.__doc__.startswith("Raised when ")
    assert re.fullmatch(r"[a-z_]{4,32}", kind.code)


def test_codes_tell_errors_apart():
    """No two share one; an invalid answer's code is what was wrong with it."""
    codes = [kind.code for kind in CLASSES.values() if kind is not AnswerInvalid]

    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize(("code", "kind"), [(2, UsageFault), (4, Unavailable), (1, ContentError), (1, DebriefError)])
def test_exit_codes_hold_for_whole_branches(code, kind):
    """2 for what a person gave, 4 for what is not there, 1 for the rest."""
    below = [k for k in CLASSES.values() if issubclass(k, kind)]
    if kind is DebriefError:
        below = [k for k in below if not issubclass(k, UsageFault | Unavailable)]

    assert {code} == {k.exit_code for k in below}


def test_an_invalid_answer_carries_its_reason_as_code_and_none_of_the_answer():
    """Section and reason are enough to find it."""
    error = AnswerInvalid("design", "cut_answer")

    assert ("cut_answer", "section design: the judge's answer does not count (cut_answer)") == (error.code, str(error))
    assert "content" == AnswerInvalid.code


def test_a_rubrics_faults_stand_one_a_line():
    """And are carried as data."""
    faults = tuple(Fault(path="r.yaml", line=n, column=1, message="no anchor") for n in (3, 9))

    error = RubricFault(faults)

    assert (faults, "r.yaml:3:1: no anchor\nr.yaml:9:1: no anchor") == (error.faults, str(error))
