"""What a rubric costs: tokens that add up to the prompt that is sent, and what each option changes."""

import json

import pytest

from evaluator.commands.rubric_cost import (
    RATIONALE_TIME_FACTOR,
    TOKENS_PER_MINUTE,
    Counter,
    cost_json,
    cost_of,
    estimate,
    given_interview,
    typical_interview,
)
from evaluator.judging import Sampling
from evaluator.prompts import judge_request
from rubrics.library import library
from rubrics.model import Example
from tests.factories import MODEL, a_criterion, a_rubric, a_transcript
from tests.fakes import count_words

EXAMPLES = (Example(level=2, answer="We just used what was there."), Example(level=4, answer="We tried two of them."))
RUBRIC = a_rubric({"design": (a_criterion("depth", examples=EXAMPLES), "clarity"), "debugging": ("method",)})
WORDS = Counter(count=count_words, name="words")


def costed(rubric=RUBRIC, interview=None):
    """The cost in words, of a typical interview by default."""
    return cost_of(rubric, WORDS, typical_interview(rubric) if interview is None else interview, basis="typical")


@pytest.mark.parametrize("rationale", ["none", "short"])
def test_the_parts_of_a_section_add_up_to_what_the_judge_reads(rationale):
    """Counted on the very prompt that is sent, with this interview's part."""
    rubric = RUBRIC.model_copy(update={"rationale": rationale})
    transcript = a_transcript()

    found = costed(rubric, given_interview(rubric, transcript, count_words))

    for section, part in zip(rubric.sections, found.sections, strict=True):
        turns = transcript.in_section(section.id)
        request = judge_request(section, turns, model=MODEL, sampling=Sampling(), rationale=rationale)
        assert count_words(request.system) + count_words(request.user) == part.tokens.read


def test_a_typical_interview_follows_the_time_budgets():
    """By the minute, or as many tokens as are given in all."""
    rubric = library().find("backend-eng")

    assert {s.id: s.time_budget_minutes * TOKENS_PER_MINUTE for s in rubric.sections} == typical_interview(rubric)
    assert [6_000, 8_000, 5_000, 4_000, 4_000] == list(typical_interview(rubric, 27_000).values())


def test_examples_cost_what_a_rubric_without_them_saves():
    """Only in the section that has them, and before the interview."""
    found = costed()

    design, debugging = found.sections
    assert (0, True) == (debugging.tokens.examples, design.tokens.examples > 0)
    without = next(option for option in found.options if option.name == "without examples")
    assert (
        design.tokens.examples == found.total.read - without.tokens.read == found.total.prefix - without.tokens.prefix
    )


def test_a_rubric_without_examples_is_not_offered_to_lose_them():
    """Only what would change something is listed."""
    assert ["as it is", "rationale: short"] == [option.name for option in costed(a_rubric()).options]


def test_a_rationale_is_written_for_each_criterion_and_takes_the_measured_time():
    """Turned on or off, the other way is told."""
    plain, short = costed(), costed(RUBRIC.model_copy(update={"rationale": "short"}))

    assert (0, True) == (plain.total.rationale, short.total.rationale > 0)
    assert [("rationale: short", RATIONALE_TIME_FACTOR), ("rationale: none", 1.0)] == [
        (cost.options[-1].name, cost.options[-1].time) for cost in (plain, short)
    ]
    assert short.total == plain.options[-1].tokens
    assert plain.total == short.options[-1].tokens


def test_a_section_that_was_not_reached_costs_nothing():
    """No call is made for it."""
    interview = given_interview(RUBRIC, a_transcript({"debugging": "I bisected it."}), count_words)

    assert ["debugging"] == [section.section_id for section in costed(interview=interview).sections]


def test_an_interview_without_any_section_of_the_rubric_costs_nothing():
    """Nothing is divided by nothing."""
    found = costed(interview=dict.fromkeys(("design", "debugging"), 0))

    assert (0, None) == (found.total.read, cost_json(found)["prefix_share"])


def test_the_share_before_the_interview_is_that_of_the_prefix():
    """Rules, rubric and examples, of all that is read."""
    told = json.loads(json.dumps(cost_json(costed())))

    total = told["total"]
    assert total["rules"] + total["rubric"] + total["examples"] == total["prefix"]
    assert round(total["prefix"] / total["read"], 4) == told["prefix_share"]
    assert total["read"] == sum(section["tokens"]["read"] for section in told["sections"])


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("We split the queue by tenant, then we measured the lag of every shard.", 14, 17),
        ('{"c1":{"evidence":["U12","U47"],"level":3}}', 14, 22),
        ("Мы разделили очередь.", 8, 14),
        ("我们拆分了队列。", 4, 12),
    ],
)
def test_an_estimate_is_of_the_right_size(text, least, most):
    """Words and signs; other scripts take more."""
    assert least <= estimate(text) <= most
