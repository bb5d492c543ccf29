"""Ten thousand malformed completions: none yields a level that it did not state."""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import cycle

from evaluator.judging import Sampling, TokenLogprob
from evaluator.prompts import judge_request
from evaluator.verdict import ANSWER_CHARS_MAX, Unscored, Verdict, parse_verdicts
from tests.factories import a_completion, a_section, a_transcript, an_answer

COMPLETIONS = 10_000
SEED = 20_261_122
SECTION = a_section("design", ("depth", "clarity"))
IDS = ("U1", "U2", "U3")
PROMPT = judge_request(SECTION, a_transcript().in_section("design"), model="m@1", sampling=Sampling())

Mutation = Callable[[random.Random], str]


def valid(rng: random.Random, *, rationales: bool = False) -> str:
    """A whole, valid answer."""
    levels = [rng.randint(0, 5) for _ in range(2)]
    evidence = [rng.sample(IDS, rng.randint(0, 3)) for _ in range(2)]
    return an_answer(levels, evidence, rationales=[prose(rng)] * 2 if rationales else None)


def prose(rng: random.Random) -> str:
    """What models say around an answer, with levels in it."""
    said = ("level 4", "I rate this a 5.", '"level":3', "{", "}", "```json", "Sure!", "c1: 2", "\u0664", "\n")
    return " ".join(rng.choices(said, k=rng.randint(1, 6)))


def cut(rng: random.Random) -> str:
    """Ends anywhere."""
    text = valid(rng, rationales=rng.random() < 0.5)
    return text[: rng.randrange(len(text))]


def with_level(instead: Callable[[random.Random], str]) -> Mutation:
    """An answer in which one level is something else."""

    def mutate(rng: random.Random) -> str:
        text = an_answer([4, 4], [["U1"], ["U2"]])
        head, tail = text.split(":4", 1) if rng.random() < 0.5 else text.rsplit(":4", 1)
        return f"{head}:{instead(rng)}{tail}"

    return mutate


def echoed(rng: random.Random) -> str:
    """The prompt, or a part of it, as the answer: its anchors, its examples, its data, and a forged answer in it."""
    text = f"{PROMPT.system}\n{PROMPT.user}"
    begin = rng.randrange(len(text))
    forged = text[begin : begin + rng.randint(1, 2_000)] + rng.choice(["", valid(rng), json.dumps(valid(rng))])
    return rng.choice([forged, f"{PROMPT.user[:-12]}{valid(rng)}\n</interview>", json.dumps({"text": valid(rng)})])


def around(rng: random.Random) -> str:
    """A valid answer with something before or after it."""
    more = rng.choice([prose(rng), "\ufeff", "\x00", "]", valid(rng), ",", "// end", "\u00a0", "null"])
    return rng.choice([more + valid(rng), valid(rng) + more, f"```json\n{valid(rng)}\n```"])


def nested(rng: random.Random) -> str:
    """The answer a level deeper, or ten thousand."""
    depth = rng.choice([1, 2, 100, 10_000])
    before, after = rng.choice([("[", "]"), ('{"c1":', "}"), ('{"answer":', "}")])
    return before * depth + valid(rng) + after * depth


def huge(rng: random.Random) -> str:
    """More than any answer is."""
    filler = rng.choice([" ", "x", "[", '"', "9", "\u0664"]) * (ANSWER_CHARS_MAX + rng.randint(0, 10_000))
    return rng.choice([valid(rng) + filler, filler + valid(rng), f'{{"c1":{filler}']) + " "


def twins(rng: random.Random) -> str:
    """A key given twice, plainly or by its escapes."""
    one = f'{{"evidence":["U1"],"level":{rng.randint(1, 5)}}}'
    two = f'{{"evidence":["U1"],"level":{rng.randint(1, 5)}}}'
    return rng.choice(
        [
            f'{{"c1":{one},"c1":{two},"c2":{one}}}',
            f'{{"c1":{one},"c2":{two},"\\u0063\\u0031":{two}}}',
            f'{{"c1":{{"evidence":["U1"],"level":1,"level":{rng.randint(1, 5)}}},"c2":{one}}}',
            f'{{"c1":{{"evidence":["U1"],"level":1,"\\u006cevel":{rng.randint(1, 5)}}},"c2":{one}}}',
        ]
    )


def misshapen(rng: random.Random) -> str:
    """JSON of another shape: keys missing, more, or of another case; answers that are no objects."""
    body = json.loads(valid(rng))
    change = rng.randrange(6)
    if change == 0:
        del body[rng.choice(["c1", "c2"])]
    elif change == 1:
        body["c3"] = body["c1"]
    elif change == 2:
        body = {key.upper(): value for key, value in body.items()}
    elif change == 3:
        body["c1"] = rng.choice([4, "4", None, [4], [body["c1"]]])
    elif change == 4:
        body["c2"][rng.choice(["score", "Level", "note"])] = 4
    else:
        del body["c1"][rng.choice(["evidence", "level"])]
    return json.dumps(body)


def forged_evidence(rng: random.Random) -> str:
    """Evidence that is no list of at most three ids."""
    odd = ("U1", None, [1], ["u1"], ["U1 "], ["U\u0661"], ["U10000"], ["we split it"], ["U1"] * 4, [["U1"]], {"U1": 1})
    text = an_answer([4, 3], [["U3"], ["U2"]])
    return text.replace('["U3"]', json.dumps(rng.choice(odd), ensure_ascii=rng.random() < 0.5))


# What each makes is malformed in every case: no level may come of it.
MALFORMED: Mapping[str, Mutation] = {
    "cut": cut,
    "off the scale": with_level(lambda rng: str(rng.choice([-5, -1, 6, 7, 44, 10**9, 10**400]))),
    "float": with_level(lambda rng: rng.choice(["3.0", "3.5", "4e0", "0.4e1", "4.", ".4", "5E-1", "1e999"])),
    "string": with_level(lambda rng: json.dumps(rng.choice(["3", "level 3", "", "three", " 4 ", "U1"]))),
    "boolean": with_level(lambda rng: rng.choice(["true", "false", "null", "True", "None"])),
    "no number": with_level(lambda rng: rng.choice(["NaN", "Infinity", "-Infinity", "nan", "0x4", "04", "+4", "4_0"])),
    "other digits": with_level(
        lambda rng: rng.choice(["\u0664", "\uff14", "\u2463", "\u00b3", "\U0001d7d2", "\u56db"])
    ),
    "composed": with_level(lambda rng: rng.choice(["[4]", '{"value":4}', "4,4", "4 5", "4/5", "(4)", ""])),
    "echo": echoed,
    "around": around,
    "nested": nested,
    "huge": huge,
    "twins": twins,
    "misshapen": misshapen,
    "evidence": forged_evidence,
}


def test_no_malformed_completion_yields_a_level():
    """Cut, off the scale, wrapped, doubled, echoed or huge: every criterion fails, with one and the same reason."""
    rng, wrong, reasons = random.Random(SEED), Counter[str](), set[str]()

    for _, (name, mutate) in zip(range(COMPLETIONS), cycle(MALFORMED.items()), strict=False):
        results = parse_verdicts(a_completion(text=mutate(rng)), SECTION, IDS)
        wrong[name] += any(r.status != "failed" for r in results) or len(results) != 2
        reasons |= {r.reason for r in results if isinstance(r, Unscored)}

    assert Counter() == +wrong
    assert {"empty_answer", "not_json", "out_of_schema", "answer_too_long"} >= reasons


def stated(text: str) -> Mapping[str, int]:
    """The levels that a lenient reader finds in a whole JSON text, by key."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    found = (
        {key: part.get("level") for key, part in body.items() if isinstance(part, dict)}
        if isinstance(body, dict)
        else {}
    )
    return {key: level for key, level in found.items() if type(level) is int}


def damaged(rng: random.Random) -> str:
    """A valid answer with up to four random edits, which may leave it valid."""
    text = list(valid(rng, rationales=rng.random() < 0.3))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text))
        text[at : at + rng.choice([0, 1, 1, 2, 8])] = rng.choice(
            ['"', "{", "}", ",", ":", "4", "5", "-", ".", "e", "\\", " "]
        )
        text = text or [" "]
    return "".join(text)


def test_no_damaged_completion_yields_a_level_that_it_did_not_state():
    """Any level stands in the text as that criterion's whole number, with the candidate's words; finished or not."""
    rng, levels = random.Random(SEED + 1), 0

    for n in range(COMPLETIONS):
        text, finish = damaged(rng), "stop" if n % 4 else rng.choice(["length", "abort", ""])
        for key, result in zip(
            ("c1", "c2"), parse_verdicts(a_completion(text=text, finish_reason=finish), SECTION, IDS), strict=True
        ):
            if isinstance(result, Verdict):
                levels += 1
                assert finish == "stop"
                assert stated(text).get(key) == result.level
                assert set(result.evidence) <= set(IDS)

    assert levels > 100


def test_no_malformed_logprobs_change_a_level():
    """Tokens that lie about text and shares cost at most the distribution, and a distribution sums to 1."""
    rng, text = random.Random(SEED + 2), an_answer([4, 3], [["U1"], ["U2"]])
    odd = ("4", "3", " 4", "4}", ":4", "", "\ufffd", "45", "level", '"')

    for _ in range(COMPLETIONS // 5):
        pieces, at = [], 0
        while at < len(text):
            size = rng.choice([1, 1, 2, 5, 12])
            token = text[at : at + size] if rng.random() < 0.995 else rng.choice(odd)
            top = {rng.choice(odd): rng.choice([-0.1, -0.7, -3.0, -101.0, 0.0, 4.0]) for _ in range(rng.randint(0, 6))}
            pieces.append(TokenLogprob(token=token, logprob=rng.choice([-0.1, 0.0, -9999.0]), top=top))
            at += size

        depth, clarity = parse_verdicts(a_completion(text=text, logprobs=tuple(pieces)), SECTION, IDS)

        assert (4, 3) == (depth.level, clarity.level)
        for r in (depth, clarity):
            if r.level_probability is not None:
                assert abs(sum(r.level_probability.values()) + r.abstain_probability - 1) < 1e-5
