"""The agent's harness in its quick size, and that it can fail."""

import json

import pytest

from tests.agent_eval import __main__ as harness
from tests.agent_eval.remembering import conversations


def test_every_persona_is_led_as_it_should(capsys, tmp_path):
    """Every question asked, nothing given away, every end the right one, whatever the models say."""
    code = harness.main(["--quick", "--data", str(tmp_path / "none")])

    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (0, []) == (code, report["broken"])
    assert report["models"]["good"]["turns_with_a_models_words"] > 100


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ended_well", 0.99),
        ("questions_asked", 0.9),
        ("sections_covered", 0.9),
        ("in_time", 0.9),
        ("follow_ups_given", 9),
        ("leaks", 1),
    ],
)
def test_a_broken_promise_is_told(name, value):
    """Each of them."""
    held = {"ended_well": 1, "questions_asked": 1, "sections_covered": 1, "in_time": 1, "leaks": 0}
    held |= {"follow_ups_due": 10, "follow_ups_given": 10}

    assert [] == harness._broken(held)
    assert 1 == len(harness._broken({**held, name: value}))


def test_real_interviews_are_read(shared_data):
    """Their turns, by turns."""
    found = list(conversations(shared_data / "interviews"))

    assert sum(said.speaker == "candidate" for turns in found for said in turns) > 1_000
