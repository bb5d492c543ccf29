"""Facts about a prompt that hold whatever was said: one block, lines that parse back, the same rules and schema."""

import json

from evaluator.judging import JudgeRequest, Sampling
from evaluator.prompts import judge_request
from evaluator.transcript import Turn
from evaluator.untrusted import BRACKETS, spoken
from rubrics.model import Section

MODEL = "any-judge@r1"
OPENS, CLOSES = "<interview>", "</interview>"


def request_for(section: Section, turns: tuple[Turn, ...]) -> JudgeRequest:
    """What the product would send."""
    return judge_request(section, turns, model=MODEL, sampling=Sampling())


def faults(section: Section, said: tuple[Turn, ...], base: tuple[Turn, ...]) -> list[str]:
    """What does not hold for this section, against the same one without the payload; nothing when all does."""
    request, plain = request_for(section, said), request_for(section, base)
    lines = request.user.split("\n")
    if lines[0] != OPENS or request.user.count(OPENS) != 1 or request.user.count(CLOSES) != 1 or CLOSES not in lines:
        return ["the block can be forged"]
    block = lines[1 : lines.index(CLOSES)]
    held = {
        "rules or rubric changed": request.system == plain.system,
        "the answer's schema changed": request.answer_schema == plain.answer_schema,
        "what follows the block changed": lines[lines.index(CLOSES) :]
        == plain.user[plain.user.index(CLOSES) :].split("\n"),
        "a bracket or bar stands in a line": not any(c in line for line in block for c in BRACKETS),
        "the lines do not parse back to the turns": _parsed(block) == _told(said),
    }
    return [name for name, holds in held.items() if not holds]


def _parsed(block: list[str]) -> list[tuple[str, str]] | None:
    try:
        rows = [json.loads(line) for line in block]
    except ValueError:
        return None
    return [next(iter(row.items())) for row in rows if len(row) == 1]


def _told(turns: tuple[Turn, ...]) -> list[tuple[str, str]]:
    """Who said what, as the lines should tell it."""
    told: list[tuple[str, str]] = []
    for turn in turns:
        if turn.speaker == "candidate":
            told += [(span.id, spoken(turn.text[span.start : span.end])) for span in turn.utterances]
        elif turn.text.strip():
            told.append((turn.speaker, spoken(turn.text)))
    return told
