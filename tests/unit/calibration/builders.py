"""Labels and a judge's levels for tests of agreement."""

import random
from collections.abc import Mapping, Sequence

from evaluator.calibration.agreement import JudgedInterview, JudgeLevel
from evaluator.calibration.labels import Label
from evaluator.calibration.measuring import Judge

CRITERIA = ("depth", "clarity")
JUDGE = Judge(rubric="backend@1", criteria=CRITERIA, model="test-judge@r1", prompt_version="2")


def a_label(interview: str = "iv-1", criterion: str = "depth", rater: str = "r1", level: int | None = 3, **fields):
    """One label; without a level it is unscored."""
    defaults = {"status": "unscored" if level is None else "scored"}
    return Label(interview=interview, criterion=criterion, rater=rater, level=level, **{**defaults, **fields})


def a_level(level: int | None = 3, *, value: float | None = None, status: str | None = None) -> JudgeLevel:
    """What the judge said; without a level it had too little evidence."""
    if level is None:
        return JudgeLevel(level=None, value=None, status=status or "insufficient_evidence")
    return JudgeLevel(level=level, value=level if value is None else value, status="scored")


def a_judged(
    levels: Mapping[str, int | None] | int | None = 3, *, overall: int | None = 3, language: str | None = "en"
) -> JudgedInterview:
    """One interview's levels; a number stands for every criterion."""
    of = levels if isinstance(levels, Mapping) else dict.fromkeys(CRITERIA, levels)
    return JudgedInterview(criteria={c: a_level(n) for c, n in of.items()}, overall=a_level(overall), language=language)


def a_study(
    interviews: int = 30, *, raters: Sequence[str] = ("r1", "r2"), seed: int = 1
) -> tuple[list[Label], dict[str, JudgedInterview]]:
    """Labels of every rater for every criterion and overall, by chance around the judge's levels; some without."""
    chance = random.Random(seed)
    labels, judged = [], {}
    for n in range(interviews):
        interview = f"iv-{n}"
        truth = {thing: chance.randint(1, 5) for thing in (*CRITERIA, "overall")}
        group = {"band": chance.choice(["a", "b"])} if chance.random() > 0.2 else {}
        for thing, level in truth.items():
            for rater in raters:
                given = None if chance.random() < 0.1 else min(5, max(1, level + chance.randint(-1, 1)))
                labels.append(a_label(interview, thing, rater, given, groups=group, line=len(labels) + 2))
        said = {c: None if chance.random() < 0.1 else truth[c] for c in CRITERIA}
        judged[interview] = a_judged(said, overall=truth["overall"], language=chance.choice(["en", "de"]))
    return labels, judged
