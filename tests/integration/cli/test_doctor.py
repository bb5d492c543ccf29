"""`debrief doctor` and the judge: what is served, and how level probabilities come."""

import pytest

from evaluator.commands.doctor import _engine
from evaluator.settings import Settings
from evaluator.wiring import Services
from tests.stub_engine import Abilities, StubEngine


@pytest.mark.parametrize(
    ("abilities", "told"),
    [
        (Abilities(), "by token ids"),
        (Abilities(glue="brace"), "by top 20: a level's token takes in what follows it"),
        (Abilities(logprobs=False), "not available: the endpoint tells no 20 alternatives of a token"),
    ],
)
def test_doctor_says_how_level_probabilities_come(tmp_path, abilities, told):
    """Learned from the served model by trial, with what a better way lacks; nothing is judged for it."""
    with StubEngine(abilities=abilities) as stub:
        services = Services(settings=Settings(home=tmp_path, engine_url=stub.url, model=stub.model))

        assert f"{stub.url} serves {stub.model}; level probabilities: {told}" == _engine(services)
        assert 0 == stub.calls["judged"]
