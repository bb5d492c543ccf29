"""Training samples: the product's own strings, with the answer that its own parser takes for right."""

import json

import pytest
from jinja2 import Environment

from evaluator.embedded.demo_judge import BEGIN, CHAT_TEMPLATE, END, ID_TOKENS
from evaluator.judging import Sampling
from evaluator.prompts import judge_request
from evaluator.transcript import segmented
from evaluator.verdict import Unscored, Verdict, parse_verdicts
from live_agent.simulate.interview import simulate
from live_agent.training.__main__ import seen, shipped_rubrics, training_rubrics, unseen
from live_agent.training.samples import Truth, answer_of, samples, truths_of
from live_agent.training.tokenizer import chat, frames, train_tokenizer
from tests.factories import a_completion

RUBRICS = shipped_rubrics()


def some(number: int = 1, **more):
    """The samples of one interview."""
    return samples(RUBRICS, seed=1, number=number, **{"allowed": seen, **more})


@pytest.fixture(scope="module")
def tokenizer():
    """Learned from a few interviews."""
    made = [s for n in range(40) for s in some(n)]
    return train_tokenizer((chat(s.system, s.user) + s.answer + END for s in made), RUBRICS[0].sections[0])


def test_same_arguments_give_the_same_samples():
    """A training run can be repeated."""
    assert some() == some()


def test_prompt_is_the_products():
    """What the judge learns is what it is asked, to the byte."""
    rubric = RUBRICS[0]
    section = rubric.sections[0]
    interview = simulate(rubric, seed=4, interview_id="one")
    turns = segmented(interview.turns)
    own = tuple(t for t in turns if t.section_id == section.id)

    request = judge_request(section, own, model="any@1", sampling=Sampling())

    every = [s for n in range(30) for s in some(n)]
    rules = request.system.partition("# Section")[0]
    assert {rules} == {s.system.partition("# Section")[0] for s in every}


def test_right_answer_is_taken_by_the_parser():
    """Levels and evidence come back as they were meant."""
    for sample in (s for n in range(20) for s in some(n)):
        criteria = tuple(c for r in RUBRICS for c in r.criteria)
        by_id = {c.id: c for c in criteria}
        section = (
            RUBRICS[0].sections[0].model_copy(update={"criteria": tuple(by_id[t.criterion_id] for t in sample.truths)})
        )
        shown = [key for line in sample.user.splitlines()[1:-2] for key in json.loads(line) if key.startswith("U")]
        results = parse_verdicts(a_completion(text=sample.answer), section, shown)

        assert [t.level for t in sample.truths] == [r.level if isinstance(r, Verdict) else 0 for r in results]
        assert all(t.level == 0 for t, r in zip(sample.truths, results, strict=True) if isinstance(r, Unscored))


def test_what_was_cut_short_has_no_truth():
    """Half an answer stands for no level."""
    rubric = RUBRICS[0]
    interview = simulate(rubric, seed=2, interview_id="short", time_budget_s=500)
    cut_short = [c for c, why in interview.unscored.items() if why == "cut_short"]

    truths = truths_of(interview, segmented(interview.turns), rubric.criteria)

    assert not set(cut_short) & set(truths)


def test_focus_leaves_one_criterion_and_its_words():
    """That is where learning begins."""
    focused = [s for n in range(20) for s in some(n, focus=1.0)]

    assert {1} == {len(s.truths) for s in focused}
    assert not any(line.startswith('{"interviewer"') for s in focused for line in s.user.splitlines()[1:-2])


def test_splits_share_no_phrasing():
    """What is kept for the last evaluation is never trained on."""
    ids = [
        f"{r.id}/{c.id}/{level}/{story}" for r in RUBRICS for c in r.criteria for level in (1, 5) for story in "abgh"
    ]

    assert all(seen(i) != unseen(i) for i in ids)
    assert {"g", "h"} == {i[-1] for i in ids if unseen(i)}


def test_training_roles_share_no_criterion_with_the_shipped():
    """They teach to read criteria, not these criteria."""
    shipped = {c.id for r in RUBRICS for c in r.criteria}
    own = [c.id for r in training_rubrics() for c in r.criteria]

    assert not shipped & set(own)
    assert len(set(own)) == len(own)


def test_levels_and_ids_are_one_token_each(tokenizer):
    """So that a level's probability can be read, and an id be looked at."""
    words = [*(str(n) for n in range(6)), *(f"U{n}" for n in range(1, ID_TOKENS + 1))]

    assert {1} == {len(tokenizer.encode(word, add_special_tokens=False).ids) for word in words}


def test_tokens_spell_the_text_again(tokenizer):
    """Nothing is lost, whatever the frames."""
    (sample, *_) = some()
    text = chat(sample.system, sample.user) + sample.answer + END

    ids = tokenizer.encode(text, add_special_tokens=False).ids

    assert text == tokenizer.decode(ids, skip_special_tokens=False)


def test_frames_stand_in_every_prompt():
    """Each is one token, or it would be none."""
    (sample, *_) = some()

    assert [f for f in frames(RUBRICS[0].sections[0]) if f not in chat(sample.system, sample.user)] == []


def test_chat_is_what_the_template_renders():
    """The engine renders the prompt by the template; training renders it by hand."""
    (sample, *_) = some()
    messages = [{"role": "system", "content": sample.system}, {"role": "user", "content": sample.user}]

    rendered = (
        Environment().from_string(CHAT_TEMPLATE).render(messages=messages, bos_token=BEGIN, add_generation_prompt=True)
    )

    assert rendered == chat(sample.system, sample.user)


def test_answer_names_three_ids_at_most():
    """As the schema has it."""
    truth = Truth(criterion_id="c", level=3, evidence=("U1", "U2", "U3", "U4"))

    assert '{"c1":{"evidence":["U1","U2","U3"],"level":3}}' == answer_of([truth])
