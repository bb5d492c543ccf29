"""The training reads a shared prompt once, learns, and goes on where it stopped."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from evaluator.embedded import demo_judge
from live_agent.training.__main__ import seen, shipped_rubrics
from live_agent.training.encoding import Panel
from live_agent.training.learning import hidden_states, looks
from live_agent.training.samples import panels
from live_agent.training.train import FILES, Learner, Recipe, export

RUBRICS = shipped_rubrics()
SMALL = Recipe(hidden=64, layers=2, heads=2, key_value_heads=2, feed_forward=96, lines_layer=1, learning_rate=5e-3)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """That of the judge that ships."""
    return Tokenizer.from_file(str(demo_judge.TOKENIZER))


@pytest.fixture
def learner(tokenizer: Tokenizer) -> Learner:
    """A model small enough for a test."""
    torch.manual_seed(1)
    return Learner(SMALL, tokenizer, [c.id for r in RUBRICS for c in r.criteria], "cpu")


@pytest.fixture
def panel(learner: Learner) -> Panel:
    """Three interviews' answers to one section."""
    return learner.encoder.panel(panels(RUBRICS, seed=7, number=2, size=3, allowed=seen)[0])


def test_shared_prompt_changes_nothing(learner: Learner, panel: Panel):
    """Each member's hidden states are those of its whole prompt read on its own."""
    with torch.no_grad():
        shared = hidden_states(learner.model, panel, learner.encoder.pad)[1][-1]
        for row, member in enumerate(panel.members):
            whole = torch.tensor([[*panel.prefix, *member.ids]])
            alone = learner.model.model(input_ids=whole).last_hidden_state[0, len(panel.prefix) :]

            torch.testing.assert_close(alone, shared[row, : len(member.ids)], rtol=1e-3, atol=1e-4)


def test_heads_are_taught_by_where_they_really_look(learner: Learner, panel: Panel):
    """The attention that the loss works out is the model's own."""
    learner.model.set_attn_implementation("eager")
    row, member = next((row, m) for row, m in enumerate(panel.members) if m.choices)
    with torch.no_grad():
        shared, states = hidden_states(learner.model, panel, learner.encoder.pad)
        queries, keys = looks(learner.model, 1, shared[1], states[1])
        whole = torch.tensor([[*panel.prefix, *member.ids]])
        real = learner.model.model(input_ids=whole, output_attentions=True).attentions[1][0, :2]
    choice = member.choices[0]
    at = len(panel.prefix) + choice.at
    found = (queries[row, :, choice.at, None] * keys[row, :, : at + 1]).sum(-1).softmax(-1)

    torch.testing.assert_close(real[:, at, : at + 1], found, rtol=1e-3, atol=1e-5)


def test_loss_falls(learner: Learner, panel: Panel):
    """Both of it, when the same panel comes again and again."""
    first = learner.step([panel], 1.0)
    for _ in range(30):
        last = learner.step([panel], 1.0)

    assert all(after < before / 2 for before, after in zip(first, last, strict=True))


def test_checkpoint_is_taken_up(learner: Learner, panel: Panel, tokenizer: Tokenizer, tmp_path: Path):
    """The next step after it is the one that would have come anyway."""
    learner.step([panel], 1.0)
    learner.keep(tmp_path / "checkpoint.pt", {"step": 1.0})
    other = Learner(SMALL, tokenizer, [c.id for r in RUBRICS for c in r.criteria], "cpu")

    assert {"step": 1.0} == other.resumed(tmp_path / "checkpoint.pt")
    torch.manual_seed(2)
    expected = learner.step([panel], 1.0)
    torch.manual_seed(2)
    assert pytest.approx(expected, rel=1e-3) == other.step([panel], 1.0)


def test_export_is_what_the_engine_loads(learner: Learner, tokenizer: Tokenizer, tmp_path: Path):
    """All files, and transformers reads the same weights back."""
    from transformers import AutoModelForCausalLM

    export(learner.model, tokenizer, SMALL, tmp_path, facts={"step": 0})
    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)

    assert set(FILES) == {f.name for f in tmp_path.iterdir()}
    torch.testing.assert_close(
        learner.model.model.embed_tokens.weight.detach().to(torch.bfloat16), again.model.embed_tokens.weight.detach()
    )
