"""A sample as numbers: the parts of a prompt fit together, and each of the candidate's lines says what it expresses."""

import pytest
from tokenizers import Tokenizer

from evaluator.embedded import demo_judge
from live_agent.training.__main__ import seen, shipped_rubrics, training_rubrics
from live_agent.training.encoding import IGNORED, LATER, NOTHING, Encoder, Panel
from live_agent.training.samples import Sample, panels
from live_agent.training.tokenizer import chat

RUBRICS = (*shipped_rubrics(), *training_rubrics())
CRITERIA = [criterion.id for rubric in RUBRICS for criterion in rubric.criteria]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """That of the judge that ships."""
    return Tokenizer.from_file(str(demo_judge.TOKENIZER))


@pytest.fixture(scope="module")
def encoder(tokenizer: Tokenizer) -> Encoder:
    """As the training makes it."""
    return Encoder(tokenizer, 10.0, CRITERIA)


@pytest.fixture(scope="module")
def made(encoder: Encoder) -> list[tuple[list[Sample], Panel]]:
    """Some panels, in words and in numbers."""
    found = (p for n in range(3) for p in panels(RUBRICS, seed=7, number=n, size=3, allowed=seen) if p)
    return [(panel, encoder.panel(panel)) for panel in found]


def test_members_of_a_panel_share_their_system_prompt(made):
    """So that it is read once."""
    assert all(1 == len({sample.system for sample in samples}) for samples, _ in made)


def test_prefix_and_member_are_the_whole_conversation(made, tokenizer):
    """The same tokens as the engine reads and writes, wherever the prompt is cut."""
    for samples, panel in made:
        for sample, member in zip(samples, panel.members, strict=True):
            whole = tokenizer.encode(chat(sample.system, sample.user) + sample.answer + demo_judge.END)

            assert list(whole.ids) == [*panel.prefix, *member.ids]


def test_every_line_of_the_candidate_is_found(made):
    """One for each utterance id that the prompt shows."""
    for samples, panel in made:
        for sample, member in zip(samples, panel.members, strict=True):
            shown = sum(line.startswith('{"U') for line in sample.user.splitlines())

            assert shown == len(member.lines)


def test_lines_say_what_the_truth_says(made, tokenizer):
    """Which of the criteria that are asked about, and at which level; or none."""
    for samples, panel in made:
        for sample, member in zip(samples, panel.members, strict=True):
            for line in member.lines:
                expressed = sample.expressed.get(tokenizer.id_to_token(line.own_id))

                kind = line.kind - LATER if line.kind > LATER else line.kind
                assert (kind, line.level) == ((expressed[0] + 1, expressed[1] - 1) if expressed else (NOTHING, IGNORED))


def test_first_line_of_each_criterion_is_told_from_later_ones(made):
    """It is the one that the answer begins with."""
    for samples, panel in made:
        for sample, member in zip(samples, panel.members, strict=True):
            firsts = [line.kind for line in member.lines if NOTHING < line.kind <= LATER]

            assert sorted(firsts) == [n for n, truth in enumerate(sample.truths, 1) if truth.evidence]


def test_choices_know_the_lines_that_they_rest_on(made, tokenizer):
    """An id its own line, a level those of its criterion."""
    for samples, panel in made:
        for sample, member in zip(samples, panel.members, strict=True):
            own = {line.end: tokenizer.id_to_token(line.own_id) for line in member.lines}
            cited = [own[choice.line] for choice in member.choices if choice.line is not None]
            levels = [tuple(own[end] for end in choice.lines) for choice in member.choices if choice.line is None]

            assert cited == [i for truth in sample.truths for i in truth.evidence[:3]]
            assert levels == [truth.evidence for truth in sample.truths if truth.evidence]


def test_choices_weigh_more(made, tokenizer):
    """Ids and levels of the answer; what is the same in every answer teaches little."""
    for samples, panel in made:
        for sample, member in zip(samples, panel.members, strict=True):
            heavy = [tokenizer.id_to_token(i) for i, w in zip(member.ids, member.weights, strict=True) if w > 1]

            assert sum(len(t.evidence[:3]) + 1 for t in sample.truths) == len(heavy)
