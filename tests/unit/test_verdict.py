"""Verdicts: a level counts only when a whole, valid answer states it and the candidate's words stand behind it."""

import json
import math
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.judging import TokenLogprob
from evaluator.values import canonical
from evaluator.verdict import (
    ANSWER_CHARS_MAX,
    RATIONALE_CHARS_MAX,
    Unscored,
    Verdict,
    answer_keys,
    invalid_reason,
    level_distribution,
    parse_verdicts,
    unscored,
)
from tests.factories import MASKED, VLLM_LEVEL_TOPS, a_completion, a_section, a_verdict, a_vllm_completion, an_answer

SECTION = a_section("design", ("depth", "clarity"))
IDS = ("U1", "U2", "U3")
VALID = an_answer([4, 3], [["U1"], ["U2", "U3"]])
C1 = '{"evidence":["U1"],"level":4}'
C2 = '{"evidence":["U2"],"level":3}'
SETTINGS = settings(max_examples=300, deadline=None)


def parse(text: str, **fields) -> tuple[Verdict | Unscored, ...]:
    """The verdicts of an answer with this text."""
    return parse_verdicts(a_completion(text=text, **fields), SECTION, IDS)


def levels(results: tuple[Verdict | Unscored, ...]) -> list[int | None]:
    """The level of each criterion; None where it is unscored."""
    return [r.level if isinstance(r, Verdict) else None for r in results]


def test_a_valid_answer_gives_each_criterion_its_level_and_evidence():
    """The levels, the evidence and the criteria's ids arrive in rubric order."""
    depth, clarity = parse(VALID)

    assert ("depth", 4, ("U1",)) == (depth.criterion_id, depth.level, depth.evidence)
    assert ("clarity", 3, ("U2", "U3")) == (clarity.criterion_id, clarity.level, clarity.evidence)


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("empty_answer", ""),
        ("empty_answer", " \n\t\u00a0"),
        ("not_json", "The candidate shows depth: level 4, clarity: level 3."),
        ("not_json", "```json\n" + VALID + "\n```"),
        ("not_json", VALID + " I hope this helps."),
        ("not_json", VALID + VALID),
        ("not_json", "\ufeff" + VALID),
        ("not_json", VALID.replace('"', "'")),
        ("not_json", VALID[:-1]),
        ("not_json", VALID.replace("}}", "},}")),
        ("not_json", VALID.replace(":4", ":NaN")),
        ("not_json", VALID.replace(":4", ":Infinity")),
        ("not_json", VALID.replace(":4", ":-Infinity")),
        ("not_json", VALID.replace(":4", ":04")),
        ("not_json", VALID.replace(":4", ":+4")),
        ("not_json", VALID.replace(":4", ":" + "4" * 5_000)),
        ("not_json", "[" * 10_000 + "]" * 10_000),
        ("not_json", '{"c1":' * 3_000),
        ("not_json", f'{{"c1":{C1},"c1":{C1},"c2":{C2}}}'),
        ("not_json", f'{{"c1":{C1},"\\u00631":{C1},"c2":{C2}}}'),
        ("not_json", f'{{"c1":{{"evidence":["U1"],"level":2,"level":4}},"c2":{C2}}}'),
        ("out_of_schema", "null"),
        ("out_of_schema", "4"),
        ("out_of_schema", f"[{C1},{C2}]"),
        ("out_of_schema", "{}"),
        ("out_of_schema", json.dumps(VALID)),
        ("out_of_schema", f'{{"c1":{C1}}}'),
        ("out_of_schema", f'{{"c1":{C1},"c2":{C2},"c3":{C2}}}'),
        ("out_of_schema", f'{{"c1":{C1},"c3":{C2}}}'),
        ("out_of_schema", f'{{"C1":{C1},"C2":{C2}}}'),
        ("out_of_schema", f'{{"c1":{C1},"c2":null}}'),
        ("out_of_schema", f'{{"c1":{C1},"c2":4}}'),
        ("out_of_schema", f'{{"c1":{C1},"c2":{{"level":4}}}}'),
        ("out_of_schema", f'{{"c1":{C1},"c2":{{"evidence":["U1"]}}}}'),
        ("out_of_schema", f'{{"c1":{C1},"c2":{{"evidence":["U1"],"level":4,"score":4}}}}'),
        ("out_of_schema", VALID.replace(":4", ":true")),
        ("out_of_schema", VALID.replace(":4", ":4.0")),
        ("out_of_schema", VALID.replace(":4", ":4e0")),
        ("out_of_schema", VALID.replace(":4", ':"4"')),
        ("out_of_schema", VALID.replace(":4", ":null")),
        ("out_of_schema", VALID.replace(":4", ":[4]")),
        ("out_of_schema", VALID.replace(":4", ":6")),
        ("out_of_schema", VALID.replace(":4", ":-1")),
        ("out_of_schema", VALID.replace(":4", ":44")),
        ("out_of_schema", VALID.replace('["U1"]', '"U1"')),
        ("out_of_schema", VALID.replace('["U1"]', "null")),
        ("out_of_schema", VALID.replace('["U1"]', "[1]")),
        ("out_of_schema", VALID.replace('["U1"]', '[["U1"]]')),
        ("out_of_schema", VALID.replace('["U1"]', '{"U1":1}')),
        ("out_of_schema", VALID.replace('["U1"]', '["U1","U2","U3","U1"]')),
        ("out_of_schema", VALID.replace('"U1"', '"we split the queue"')),
        ("out_of_schema", VALID.replace('"U1"', '"u1"')),
        ("out_of_schema", VALID.replace('"U1"', '"U1\\n"')),
        ("out_of_schema", VALID.replace('"U1"', '"U\u0661"')),
        ("out_of_schema", VALID.replace('"U1"', '"U10000"')),
        ("out_of_schema", VALID.replace('"level":4', '"level":4,"rationale":5')),
        ("answer_too_long", VALID + " " * ANSWER_CHARS_MAX),
        ("answer_too_long", "[" * 1_000_000),
    ],
    ids=lambda value: value if len(value) < 16 else f"{len(value)}-{value[:24]!a}",
)
def test_an_answer_that_is_not_wholly_valid_gives_no_level(reason, text):
    """One fault anywhere fails every criterion of the section, with the fault's code."""
    results = parse(text)

    assert unscored(SECTION, "failed", reason) == results
    assert reason == invalid_reason(a_completion(text=text), SECTION)


@pytest.mark.parametrize(
    ("reason", "finish_reason"),
    [
        ("cut_answer", "length"),
        ("unfinished_answer", "tool_calls"),
        ("unfinished_answer", "content_filter"),
        ("unfinished_answer", "abort"),
        ("unfinished_answer", "error"),
        ("unfinished_answer", ""),
        ("unfinished_answer", "none"),
        ("unfinished_answer", "STOP"),
    ],
)
def test_an_answer_that_did_not_stop_by_itself_gives_no_level(reason, finish_reason):
    """Even a body that reads as whole does not count."""
    results = parse(VALID, finish_reason=finish_reason)

    assert unscored(SECTION, "failed", reason) == results


@pytest.mark.parametrize("end", range(len(VALID)))
def test_no_beginning_of_a_valid_answer_gives_a_level(end):
    """An answer that is cut anywhere fails, even where the endpoint says that it stopped."""
    results = parse(VALID[:end])

    assert {"failed"} == {r.status for r in results}


def test_white_space_around_and_inside_a_valid_answer_changes_nothing():
    """JSON's own white space is allowed."""
    spaced = "\n " + json.dumps(json.loads(VALID), indent=2) + "\n"

    assert parse(VALID) == parse(spaced)


def states(text: str, key: str, level: int) -> bool:
    """Whether the text, read leniently, states that level for that key."""
    try:
        said = json.loads(text)[key]["level"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return type(said) is int and said == level


def assert_only_stated_levels(text: str, finish_reason: str = "stop") -> None:
    """One result a criterion, in order; each level is stated for its own criterion and has the candidate's words."""
    results = parse(text, finish_reason=finish_reason)
    assert ["depth", "clarity"] == [r.criterion_id for r in results]
    for key, result in zip(answer_keys(2), results, strict=True):
        if isinstance(result, Verdict):
            assert finish_reason == "stop"
            assert states(text, key, result.level)
            assert set(result.evidence) <= set(IDS)
            assert result.evidence


@SETTINGS
@given(
    text=st.text() | st.text(st.sampled_from('{}[]":,c12U345levidn \\')), finish_reason=st.sampled_from(["stop", "x"])
)
def test_no_text_whatever_makes_the_parser_raise(text, finish_reason):
    """Any text gives one result for each criterion, and a level only where it is stated."""
    assert_only_stated_levels(text, finish_reason)


@SETTINGS
@given(
    at=st.integers(0, len(VALID)),
    width=st.integers(0, 12),
    instead=st.text(st.sampled_from('0123456789.eE-+truefalsnNaI{}[]":, cU\\'), max_size=8),
)
def test_a_changed_valid_answer_gives_only_levels_that_it_states(at, width, instead):
    """Wherever a valid answer is damaged, no level comes from anything but its own statement."""
    assert_only_stated_levels(VALID[:at] + instead + VALID[at + width :])


ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 7) | st.floats() | st.sampled_from(["U1", "U9", "U0001", "x", "3"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["evidence", "level", "x"]), inner),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {"evidence": st.lists(st.sampled_from(["U1", "U2", "U7", "U0001"]), max_size=4) | ODD, "level": ODD},
    optional={"rationale": ODD, "why": ODD},
)


@pytest.mark.long
@SETTINGS
@given(body=st.dictionaries(st.sampled_from(["c1", "c2", "c3", "level"]), FIELDS | ODD, max_size=4))
def test_json_of_any_shape_gives_only_levels_that_it_states(body):
    """Numbers that look like levels, lists, nulls and more never become one."""
    assert_only_stated_levels(json.dumps(body))


def test_ids_that_are_not_the_candidates_in_this_section_are_dropped_and_counted():
    """The interviewer's, another section's and invented ids go; what remains carries the level."""
    depth, _ = parse(an_answer([4, 3], [["U2", "U44", "U9999"], ["U1"]]))

    assert ("U2",) == depth.evidence
    assert 2 == depth.evidence_dropped


def test_another_spelling_of_an_id_is_not_that_utterance():
    """U001 is not U1: ids are compared as they are written."""
    depth, _ = parse(an_answer([4, 3], [["U001", "U1"], ["U1"]]))

    assert (("U1",), 1) == (depth.evidence, depth.evidence_dropped)


def test_evidence_stands_in_the_order_of_the_transcript():
    """Not in the order in which the judge named it."""
    depth, _ = parse_verdicts(a_completion((4, 3), [["U10", "U2", "U1"], ["U1"]]), SECTION, ["U1", "U2", "U9", "U10"])

    assert ("U1", "U2", "U10") == depth.evidence


def test_an_id_that_is_cited_twice_counts_once():
    """Also among those that are dropped."""
    depth, clarity = parse(an_answer([4, 3], [["U1", "U1", "U1"], ["U2", "U9", "U9"]]))

    assert (("U1",), 0) == (depth.evidence, depth.evidence_dropped)
    assert (("U2",), 1) == (clarity.evidence, clarity.evidence_dropped)


@pytest.mark.parametrize(
    ("reason", "dropped", "level", "cited"),
    [
        ("evidence_not_the_candidates", 1, 5, ["U77"]),
        ("evidence_not_the_candidates", 3, 1, ["U77", "U78", "U0"]),
        ("no_evidence_cited", 0, 5, []),
        ("judge_abstained", 0, 0, ["U1"]),
        ("judge_abstained", 0, 0, []),
        ("judge_abstained", 1, 0, ["U77"]),
    ],
)
def test_a_level_without_evidence_and_an_abstention_are_no_level(reason, dropped, level, cited):
    """They become insufficient evidence with their reason; the other criterion keeps its level."""
    depth, clarity = parse(an_answer([level, 3], [cited, ["U1"]]))

    expected = Unscored(status="insufficient_evidence", criterion_id="depth", reason=reason, evidence_dropped=dropped)
    assert expected == depth
    assert 3 == clarity.level


def test_minus_zero_is_an_abstention():
    """It is the whole number 0 in JSON."""
    depth, _ = parse(VALID.replace(":4", ":-0"))

    assert "judge_abstained" == depth.reason


def test_a_section_without_utterances_gives_no_level():
    """Nothing that the judge cites can be the candidate's."""
    results = parse_verdicts(a_completion(text=VALID), SECTION, [])

    assert {"evidence_not_the_candidates"} == {r.reason for r in results}


def test_keys_in_another_order_reach_their_own_criteria():
    """The answer's order of keys means nothing."""
    assert parse(an_answer([4, 3])) == parse(an_answer([4, 3], order=(1, 0)))


@SETTINGS
@given(rationale=st.text(st.characters()))
def test_any_rationale_can_be_kept(rationale):
    """It is cut to its limit, and what neither UTF-8 nor PostgreSQL can hold is replaced."""
    depth, _ = parse(an_answer([4, 3], rationales=[rationale, ""]))

    assert len(depth.rationale) <= RATIONALE_CHARS_MAX
    assert b"\\u0000" not in canonical(depth.model_dump(mode="json"))


def test_a_rationale_of_half_characters_and_nul_is_kept_readable():
    """Escapes may spell what no store can keep."""
    text = VALID.replace('"level":4', '"level":4,"rationale":"a\\ud800b\\u0000c"')

    depth, _ = parse(text)

    assert "a\ufffdb\ufffdc" == depth.rationale


def test_a_verdict_cannot_be_made_without_evidence_or_off_the_scale():
    """The value itself refuses: evidence is never empty, levels are 1 to 5."""
    good = a_verdict().model_dump()

    for bad in ({"evidence": ()}, {"level": 0}, {"level": 6}, {"evidence": ("U1", "U2", "U3", "U4")}):
        with pytest.raises(ValidationError):
            Verdict(**{**good, **bad})


# The distribution at the level token


def shares_of(logprobs: tuple[float, ...]) -> list[float]:
    """Probabilities of 0..5 by the textbook."""
    mass = [math.exp(p) if p > -100 else 0.0 for p in logprobs]
    return [m / sum(mass) for m in mass]


def test_the_distribution_of_a_real_vllm_answer_is_read_at_each_level_token():
    """Whatever way the key is cut into tokens, and although digits of keys and ids have alternatives too."""
    section = a_section("design", ("a", "b", "c", "d"))

    results = parse_verdicts(a_vllm_completion(), section, ["U7", "U007", "U0"])

    b, c = results[1], results[2]
    for verdict, logprobs in ((b, VLLM_LEVEL_TOPS[1]), (c, VLLM_LEVEL_TOPS[2])):
        told = [verdict.abstain_probability, *verdict.level_probability.values()]
        assert pytest.approx(shares_of(logprobs), abs=1e-5) == told
    assert ["no_evidence_cited"] * 2 == [results[0].reason, results[3].reason]


def test_six_probabilities_sum_to_one_and_a_masked_token_has_none():
    """What the grammar masked is reported at -9999 and is no probability."""
    depth, _ = parse_verdicts(a_completion((4, 3), shares=[{4: 0.75, 0: 0.25}, {3: 1.0}]), SECTION, IDS)

    assert {1: 0.0, 2: 0.0, 3: 0.0, 4: 0.75, 5: 0.0} == depth.level_probability
    assert 0.25 == depth.abstain_probability


@SETTINGS
@given(weights=st.tuples(*[st.floats(1e-6, 1) | st.just(0.0)] * 6).filter(any))
def test_any_alternatives_that_are_all_told_give_probabilities_that_sum_to_one(weights):
    """Each is a share, however small, and all six sum to 1 as far as six digits go."""
    shares = [w / math.fsum(weights) for w in weights]

    p = level_distribution(a_token(weights.index(max(weights)), dict(enumerate(shares))), 0)

    assert pytest.approx(shares, abs=1e-6) == list(p.values())
    assert pytest.approx(1.0, abs=1e-5) == sum(p.values())


def a_token(token: object, top: Mapping[object, float]) -> TokenLogprob:
    """A token with the shares of its alternatives."""
    told = {str(text): math.log(share) if share > 0 else MASKED for text, share in top.items()}
    return TokenLogprob(token=str(token), logprob=told.get(str(token), MASKED), top=told)


@pytest.mark.parametrize(
    ("expected", "token", "digit_at", "top"),
    [
        ({3: 0.5, 4: 0.5}, ":3", 1, {":3": 0.5, ":4": 0.5}),
        ({3: 0.5, 4: 0.5}, "3}", 0, {"3}": 0.5, "4}": 0.5}),
        ({3: 0.5, 4: 0.5}, " 3", 1, {" 3": 0.5, "4": 0.5}),
        ({3: 0.5, 4: 0.5}, " 3", 1, {" 3": 0.25, "3": 0.25, " 4": 0.25, "\n4": 0.25}),
        ({3: 0.5, 4: 0.5}, '3},"', 0, {'3},"': 0.2, "3": 0.1, " 3": 0.2, "4}": 0.2, "4": 0.3}),
        ({3: 0.5, 4: 0.5}, '3,"', 0, {'3,"': 0.5, '4,"rationale': 0.5}),
        ({3: 0.5, 4: 0.5}, '":3', 2, {'":3': 0.5, '": 4': 0.5}),
        ({3: 0.5, 0: 0.5}, 'level":3},', 7, {'level":3},': 0.5, 'level": 0}': 0.5}),
        ({3: 1.0}, "3", 0, {"3": 0.4, "}": 0.3, "\u00b3": 0.2, "\u0663": 0.1}),
        ({3: 1.0}, "3", 0, {"3": 0.4, "6": 0.2, "-": 0.2, "<|eot_id|>": 0.2}),
        ({3: 1.0}, "3", 0, {"3": 0.4, "12": 0.1, "45": 0.2, "4.5": 0.2, "4e": 0.1}),
        ({3: 1.0}, ":3", 1, {":3": 0.5, "4": 0.3, ",4": 0.2}),
        ({3: 0.5, 2: 0.5}, "3", 0, {"3": 0.4975, "2": 0.4975}),
        ({3: 0.5, 2: 0.5}, "3", 0, {"3": 0.4975, "2": 0.4975, " ": 0.005}),
    ],
)
def test_alternatives_that_state_the_same_level_are_added_up(expected, token, digit_at, top):
    """Glued and spaced tokens go to the level that they state; what states none, or another number, is left out."""
    p = level_distribution(a_token(token, top), digit_at)

    assert expected == {level: share for level, share in p.items() if share}


@pytest.mark.parametrize(
    ("token", "digit_at", "top"),
    [
        ("4}", 0, {"4}": 0.6, "4": 0.1, "3": 0.05}),
        (" 4", 1, {" 4": 0.6, "0": 0.0, "1": 0.0, "2": 0.0, "3": 0.0, "4": 0.0, "5": 0.0}),
        ("4", 0, {"4": 0.6, "3": 0.2}),
        ("4", 0, {"4": 0.6, "3": 0.2, " ": 0.2}),
        ("4", 0, {"4": 0.6, "3": 0.2, "": 0.2}),
        (":4", 1, {":4": 0.6, ":3": 0.2, ":": 0.2}),
        (":4", 1, {":4": 0.6, ":3": 0.2, ": ": 0.2}),
        ('":4', 2, {'":4': 0.6, '":3': 0.2, '"': 0.2}),
        ("4", 0, {"4": 0.9, "3": 0.9}),
    ],
    ids=["glued", "spaced", "unreported", "blank", "empty", "colon", "colon blank", "quote", "more than all"],
)
def test_alternatives_that_leave_levels_untold_give_no_distribution(token, digit_at, top):
    """What was not reported, or states no level yet, may hide any level: not available rather than wrong."""
    assert level_distribution(a_token(token, top), digit_at) is None


@pytest.mark.parametrize(
    "token",
    [
        TokenLogprob(token="3", logprob=-0.1),
        TokenLogprob(token="3", logprob=MASKED, top={"3": MASKED, "4": MASKED}),
        TokenLogprob(token="3", logprob=-100.0, top={"4": -100.0}),
    ],
)
def test_without_a_usable_alternative_there_is_no_distribution(token):
    """The sampled token alone, and masked ones, say nothing of how sure the judge was."""
    assert level_distribution(token, 0) is None


@pytest.mark.parametrize("glue", [(" ", ""), ("", "}"), (":", ""), ('":', ""), ("", ',"'), (" ", '},"')])
def test_a_tokenizer_that_glues_gives_the_true_distribution_or_none(glue):
    """A judge of known mind, read through tokens that hold more than the level: exact when all is told."""
    before, after = glue
    mind = {0: 0.05, 3: 0.25, 4: 0.7}
    token = f"{before}4{after}"
    told = {f"{before}{level}{after}": share for level, share in mind.items()}

    whole = level_distribution(a_token(token, told), len(before))
    cut = level_distribution(a_token(token, dict(list(told.items())[1:])), len(before))

    assert pytest.approx(mind) == {level: share for level, share in whole.items() if share}
    assert cut is None


@pytest.mark.parametrize("spelled", [["\ufffd", "\ufffd"], ["<0xC3>", "<0xBC>"], ["\u00c3", "\u00bc"], ["u"], []])
def test_tokens_of_bytes_that_do_not_spell_the_text_give_no_distribution(spelled):
    """Half characters, as tokenizers with byte fallback tell them: where the level stands cannot be counted."""
    head, tail = an_answer([4, 3], rationales=["\u00fc", "ok"]).split("\\u00fc")
    at = [a_token(c, {4: 0.5, 3: 0.5} if c in "43" else {c: 1.0}) for c in head]
    tokens = (*at, *(TokenLogprob(token=t, logprob=0.0) for t in spelled), *(a_token(c, {c: 1.0}) for c in tail))

    results = parse(head + "\u00fc" + tail, logprobs=tokens)

    assert [(4, None), (3, None)] == [(r.level, r.level_probability) for r in results]


def test_a_token_that_holds_two_levels_tells_each_its_own():
    """The second level's alternatives are those that agree up to its digit."""
    glued = '4},"c2":{"evidence":["U2"],"level":3'
    text = '{"c1":{"evidence":["U1"],"level":' + glued + "}}"
    top = {glued: 0.5, glued.replace(":3", ":2"): 0.25, '5},"': 0.25}
    head, tail = text.split(glued)
    tokens = (a_token(head, {head: 1.0}), a_token(glued, top), a_token(tail, {tail: 1.0}))

    depth, clarity = parse(text, logprobs=tokens)

    assert (0.75, 0.25) == (depth.level_probability[4], depth.level_probability[5])
    assert pytest.approx((2 / 3, 1 / 3), abs=1e-6) == (clarity.level_probability[3], clarity.level_probability[2])


def test_a_logprob_above_zero_counts_as_certain():
    """Rounding in an engine may give a little more than 0; it cannot make a share above 1."""
    p = level_distribution(TokenLogprob(token="3", logprob=50.0, top={"3": 50.0, "4": -9.0}), 0)

    assert (0.999877, 0.000123) == (p[3], p[4])


def test_each_criterion_has_the_distribution_of_its_own_token_when_keys_change_places():
    """c2 stands first in the text, so the first level token is c2's."""
    completion = a_completion((4, 3), shares=[{3: 0.9, 2: 0.1}, {4: 0.8, 5: 0.2}], order=(1, 0))

    depth, clarity = parse_verdicts(completion, SECTION, IDS)

    assert (4, 0.8) == (depth.level, depth.level_probability[4])
    assert (3, 0.9) == (clarity.level, clarity.level_probability[3])


@pytest.mark.parametrize(
    "rationale", ['"level":5', '\\"level\\": 1', 'level":2', '{"c2":{"level":5}}', "4 of 5 at level 3", "\\", '"level"']
)
def test_a_rationale_that_spells_a_level_does_not_shift_the_distributions(rationale):
    """The level token is the one after the key, whatever the judge wrote before it."""
    text = an_answer([4, 3], rationales=[rationale, rationale])
    pieces = [TokenLogprob(token=c, logprob=0.0) for c in text]
    for level, other in ((4, 5), (3, 2)):
        at = text.index(f'"level":{level},"rationale":') + len('"level":')
        pieces[at] = TokenLogprob(
            token=str(level), logprob=math.log(0.8), top={str(level): math.log(0.8), str(other): math.log(0.2)}
        )

    depth, clarity = parse(text, logprobs=tuple(pieces))

    assert (0.8, 0.2) == (depth.level_probability[4], depth.level_probability[5])
    assert (0.8, 0.2) == (clarity.level_probability[3], clarity.level_probability[2])


def test_a_level_key_that_is_spelled_with_escapes_gives_no_distribution_to_anyone():
    """Its place cannot be told, so neither can which criterion the other places belong to."""
    plain = a_completion((4, 3), shares=[{4: 1.0}, {3: 0.5, 2: 0.5}])
    text = plain.text.replace('"level"', '"lev\\u0065l"', 1)
    spelled = tuple(
        TokenLogprob(token="lev\\u0065l" if t.token == "level" and n < 20 else t.token, logprob=t.logprob, top=t.top)
        for n, t in enumerate(plain.logprobs)
    )

    results = parse(text, logprobs=spelled)

    assert text == "".join(t.token for t in spelled)
    assert [4, 3] == levels(results)
    assert [None, None] == [r.level_probability for r in results]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tokens: None,
        lambda tokens: (),
        lambda tokens: tokens[:-1],
        lambda tokens: tokens[1:],
        lambda tokens: (*tokens, TokenLogprob(token="<|eot_id|>", logprob=0.0)),
        lambda tokens: (TokenLogprob(token=" ", logprob=0.0), *tokens),
        lambda tokens: tuple(t.model_copy(update={"token": t.token.replace("U", "V")}) for t in tokens),
        lambda tokens: tuple(t.model_copy(update={"top": {}}) for t in tokens),
    ],
    ids=["none", "empty", "last-missing", "first-missing", "one-more", "shifted", "other-text", "no-alternatives"],
)
def test_logprobs_that_do_not_spell_the_text_are_not_available(spoil):
    """The level stands; its distribution is missing, never a fallback such as certainty."""
    good = a_completion((4, 3), shares=[{4: 0.6, 5: 0.4}, {3: 1.0}])

    results = parse_verdicts(good.model_copy(update={"logprobs": spoil(good.logprobs)}), SECTION, IDS)

    assert [4, 3] == levels(results)
    for result in results:
        assert (None, None) == (result.level_probability, result.abstain_probability)
        assert (None, None) == (result.expected_level, result.spread)


def test_white_space_after_the_answer_does_not_cost_the_distribution():
    """Some engines tell a last newline in the text only, or in the tokens only."""
    good = a_completion((4, 3), shares=[{4: 0.6, 5: 0.4}, {3: 1.0}])

    depth, _ = parse_verdicts(good.model_copy(update={"text": good.text + "\n"}), SECTION, IDS)

    assert 0.6 == depth.level_probability[4]


@SETTINGS
@given(
    tokens=st.lists(
        st.tuples(
            st.text(max_size=4),
            st.floats(-2e4, 10),
            st.dictionaries(st.text(max_size=3), st.floats(-2e4, 10), max_size=4),
        ),
        max_size=12,
    )
)
def test_no_logprobs_whatever_make_the_parser_raise(tokens):
    """Hostile tokens cost at most the distribution, never the level."""
    logprobs = tuple(TokenLogprob(token=t, logprob=p, top=top) for t, p, top in tokens)

    assert [4, 3] == levels(parse(VALID, logprobs=logprobs))


@SETTINGS
@given(cuts=st.sets(st.integers(1, len(VALID) - 1)), tops=st.dictionaries(st.text(max_size=5), st.floats(-200, 0)))
def test_however_the_text_is_cut_into_tokens_the_levels_stand(cuts, tops):
    """Any tokens that spell the text give a distribution whose shares are shares, or none."""
    edges = [0, *sorted(cuts), len(VALID)]
    logprobs = tuple(TokenLogprob(token=VALID[a:b], logprob=-0.5, top=tops) for a, b in pairwise(edges))

    results = parse(VALID, logprobs=logprobs)

    assert [4, 3] == levels(results)
    for result in results:
        p = result.level_probability
        assert p is None or pytest.approx(1.0, abs=1e-5) == sum(p.values()) + result.abstain_probability


def test_the_expected_level_is_the_mean_over_the_levels_without_the_abstention():
    """sum(l p(l)) / sum(p(l)) over 1-5, and the standard deviation of the same."""
    verdict = a_verdict(level=4, shares={0: 0.2, 3: 0.2, 4: 0.4, 5: 0.2})

    assert pytest.approx((3 * 0.2 + 4 * 0.4 + 5 * 0.2) / 0.8) == verdict.expected_level
    assert pytest.approx(math.sqrt(0.5)) == verdict.spread


def test_all_mass_on_the_abstention_leaves_no_expected_level():
    """Nothing is divided by zero."""
    verdict = a_verdict(shares={0: 1.0})

    assert (None, None) == (verdict.expected_level, verdict.spread)


@SETTINGS
@given(shares=st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda p: sum(p) > 1e-3))
def test_the_expected_level_lies_on_the_scale(shares):
    """Whatever the distribution, 1 to 5; and the spread is at most half the scale."""
    verdict = a_verdict(shares=dict(zip(range(1, 6), shares, strict=True)))

    assert 1 - 1e-9 <= verdict.expected_level <= 5 + 1e-9
    assert 0 <= verdict.spread <= 2 + 1e-9
