"""What is made of the calls' times and tokens."""

import pytest

from evaluator.embedded import demo_judge
from tests.bench import planted
from tests.bench.calls import Call, cached_share, filled, prefix_of, tokens_of


def a_call(began, ended, *, section="one", cached=0):
    """A call of that time."""
    return Call(
        interview_id="i",
        section_id=section,
        began=began,
        ended=ended,
        prompt_tokens=500,
        completion_tokens=20,
        cached_tokens=cached,
    )


def test_idle_is_when_no_call_is_under_way():
    """From the first call's end (2) to the last one's beginning (10): two seconds of eight are empty."""
    calls = [a_call(0, 2), a_call(1, 5), a_call(6, 8), a_call(9, 12), a_call(10, 11)]

    found = filled(calls, at_once=2)

    assert (8.0, pytest.approx(2 / 8)) == (found.window_s, found.idle_share)


def test_short_is_when_the_engine_could_take_more():
    """One under way where two fit is short, though not idle."""
    calls = [a_call(0, 1), a_call(0, 3), a_call(1, 5), a_call(5, 6)]

    found = filled(calls, at_once=2)

    assert (0.0, pytest.approx(2 / 4), pytest.approx(6 / 4)) == (found.idle_share, found.short_share, found.mean)


def test_no_time_between_ramp_and_tail():
    """Calls that all begin before one ends have no middle to look at."""
    assert (None, None) == (filled([a_call(0, 2), a_call(1, 3)], at_once=2), filled([], at_once=2))


def test_cached_share_counts_whole_blocks_of_the_rubric():
    """Of 300 tokens 256 can be cached in blocks of 128; what is cached beyond is the interview's, and no merit."""
    calls = [a_call(0, 1, cached=0), a_call(1, 2, cached=256), a_call(2, 3, cached=384), a_call(3, 4, cached=128)]

    assert (256 + 256 + 128) / (4 * 256) == cached_share(calls, {"one": 300}, block=128)


def test_an_engine_that_does_not_tell_has_no_share():
    """And neither has a prefix below one block."""
    silent, short = a_call(0, 1, cached=None), a_call(0, 1, cached=0)

    assert (None, None) == (
        cached_share([silent], {"one": 300}, block=128),
        cached_share([short], {"one": 100}, block=128),
    )


def test_the_prefix_is_what_all_prompts_begin_with():
    """Rendered by the judge's own template, with two candidates' words behind it."""
    jinja2 = pytest.importorskip("jinja2")
    template = jinja2.Environment(autoescape=False).from_string(demo_judge.CHAT_TEMPLATE)
    system = planted.requests(planted.simulated(1), model="any@1", sampling=planted.Sampling())[0].system

    rendered = template.render(
        bos_token=demo_judge.BEGIN,
        messages=[{"role": "system", "content": system}, {"role": "user", "content": "said"}],
        add_generation_prompt=True,
    )

    assert rendered.startswith(prefix_of(system) + "said")
    assert 128 < tokens_of(prefix_of(system), demo_judge.TOKENIZER) < 1_024
