"""Whether a valid rubric is also a fair measure: levels that can be told apart, and nothing about the person."""

import re
from collections.abc import Iterator
from pathlib import Path

from rubrics.document import Document
from rubrics.document import Path as NodePath
from rubrics.faults import Finding, RubricError
from rubrics.library import file_name
from rubrics.loader import parse_document, read_bytes
from rubrics.model import LEVELS, Criterion, Rubric

ANCHOR_WORDS_MIN = 6  # fewer say no behaviour
ANCHOR_WORDS_MAX = 45  # more cost tokens in every prompt of the section
DEFINITION_WORDS_MIN = 8
EXAMPLE_WORDS_MAX = 60  # about 80 tokens, read for every candidate; a real answer's telling part is shorter
INTRO_WORDS_MIN = 5  # fewer cannot mark a section in a transcript
SIMILARITY_MAX = 0.8  # Jaccard index of two texts' words: shared / all
INTERVIEW_MINUTES_MAX = 60.0
PLACEHOLDER = "TODO"

# Words that say how much, not what: levels that differ only in these are one level in five volumes.
DEGREE_WORDS = frozenset(
    word
    for line in (
        "absolutely acceptable acceptably adequate adequately advanced all almost always any average awesome bad",
        "badly barely basic basically best better brilliant brilliantly clear clearly competent competently",
        "complete completely deep deeply detailed effective effectively exceptional exceptionally excellent",
        "excellently expert extensive extensively extraordinary extremely fair fairly few fine full fully",
        "generally good great greatly hardly high highly ideal impressive in-depth inadequate inadequately",
        "insufficient insufficiently lacking lacks largely limited little low many minimal minimally moderate",
        "moderately more most mostly much no none not often outstanding outstandingly partial partially partly",
        "perfect perfectly poor poorly quite rarely really reasonable reasonably satisfactory seldom several",
        "significant significantly slight slightly solid solidly some sometimes somewhat sound strong strongly",
        "substantial substantially sufficient sufficiently superb superficial superficially thorough thoroughly",
        "truly usually utterly vague vaguely very weak weakly well",
    )
    for word in line.split()
)

# What a score must not rest on; each is a whole word or phrase, any case.
_ABOUT_THE_PERSON = {
    "how someone speaks": r"accents?|accented|dialects?|pronunciation|native speakers?|mother tongue",
    "language skill": (r"fluency|fluent(?:ly)?|eloquen(?:t|tly|ce)|articulate[sd]?|well[- ]spoken|grammar|vocabulary"),
    "age": r"age|aged|young(?:er)?|youthful|elderly|mature|maturity|digital natives?|energetic",
    "confidence": (
        r"confiden(?:t|tly|ce)(?! intervals?)|self[- ](?:assured|confiden(?:t|ce))|poised?|assertive(?:ly|ness)?"
        r"|nervous(?:ly|ness)?|shy"
    ),
    "personality": (
        r"charism(?:a|atic)|enthusias(?:m|tic|tically)|passion(?:ate|ately)?|like?ab(?:le|ility)|cheerful"
        r"|personality|(?:extro|extra|intro)vert(?:ed)?|positive attitude"
    ),
    "style": (
        r"(?:speaking|speech|communication|presentation|personal|writing) style|tone of voice|polished|smooth(?:ly)?"
        r"|hesita(?:tes?|tions?|nt|ntly)|filler words?"
    ),
    "culture fit": r"culture fit|cultural(?:ly)? fit|team fit|good fit|fits? in(?:to)? the team|one of us",
    "a protected characteristic": (
        r"gender|masculin(?:e|ity)|feminin(?:e|ity)|pregnan(?:t|cy)|married|marital|children|ethnic(?:ity)?"
        r"|nationality|religio(?:n|us)|race(?! conditions?)|disab(?:led|ility|ilities)|sexual orientation"
    ),
    "looks": r"appearance|attractive(?:ness)?|well[- ]dressed|body language|eye contact|facial expressions?",
}
FORBIDDEN = tuple((re.compile(rf"\b(?:{words})\b", re.IGNORECASE), theme) for theme, words in _ABOUT_THE_PERSON.items())

# A sentence that says what to leave aside may name it.
_LEAVES_ASIDE = re.compile(
    r"\b(?:leav(?:e|es|ing) aside|left aside|set aside|ignor(?:e|es|ing)|disregard(?:s|ing)?|regardless of"
    r"|do(?:es)? not (?:judge|count|consider|score|matter)|not judged|never judge)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_CONTACT = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|\+?\d[\d ()/.-]{6,}\d")  # a mail address, or a telephone number
_WORD = re.compile(r"[^\W_]+(?:[-'’][^\W_]+)*")


def lint(path: Path) -> tuple[Finding, ...]:
    """What is wrong (errors) or unwise (warnings) in that file, by line; empty when it is clean. Never raises."""
    try:
        rubric, document = parse_document(read_bytes(path), str(path))
    except RubricError as error:
        return tuple(
            Finding(severity="error", path=fault.path, line=fault.line, column=fault.column, message=fault.message)
            for fault in error.faults
        )
    warnings = [_warning(document, where, message) for where, message in _remarks(rubric, path.name)]
    return tuple(sorted(set(warnings), key=lambda finding: (finding.line, finding.column, finding.message)))


Remark = tuple[NodePath, str]


def _warning(document: Document, where: NodePath, message: str) -> Finding:
    fault = document.fault(where, message)
    return Finding(severity="warning", path=fault.path, line=fault.line, column=fault.column, message=message)


def _remarks(rubric: Rubric, name: str) -> Iterator[Remark]:
    if name != file_name(rubric):
        yield ("version",), f"a rubric folder takes this file only under the name {file_name(rubric)}"
    yield from _placeholders(rubric)
    yield from _time(rubric)
    yield from _intros(rubric)
    english = rubric.language.startswith("en")
    if english:
        yield from _opening(rubric)
        yield from _questions_about_the_person(rubric)
    for where, criterion in _criteria(rubric):
        yield from _lengths(where, criterion)
        yield from _twins(where, criterion, degree_words=DEGREE_WORDS if english else frozenset())
        yield from _examples(where, criterion)
        if english:
            yield from _about_the_person(where, criterion)


def _criteria(rubric: Rubric) -> Iterator[tuple[NodePath, Criterion]]:
    for number, section in enumerate(rubric.sections):
        for index, criterion in enumerate(section.criteria):
            yield ("sections", number, "criteria", index), criterion


def _placeholders(rubric: Rubric) -> Iterator[Remark]:
    for where, text in _texts((), rubric.model_dump()):
        if PLACEHOLDER in text:
            yield where, f"{PLACEHOLDER}: this text is still the skeleton's; write your own"


def _texts(where: NodePath, value: object) -> Iterator[tuple[NodePath, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts((*where, key), item)
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from _texts((*where, index), item)


def _time(rubric: Rubric) -> Iterator[Remark]:
    total = 0.0
    for number, section in enumerate(rubric.sections):
        before, total = total, total + section.time_budget_minutes
        if before <= INTERVIEW_MINUTES_MAX < total:
            whole = sum(part.time_budget_minutes for part in rubric.sections)
            message = f"the sections take {whole:g} minutes in all; more than {INTERVIEW_MINUTES_MAX:g} tires people"
            yield ("sections", number, "time_budget_minutes"), message


def _intros(rubric: Rubric) -> Iterator[Remark]:
    for number, section in enumerate(rubric.sections):
        where: NodePath = ("sections", number, "intro")
        if len(_words(section.intro)) < INTRO_WORDS_MIN:
            yield (
                where,
                f"the intro has fewer than {INTRO_WORDS_MIN} words, too few to mark the section in a transcript",
            )
        for other in rubric.sections[:number]:
            if _similarity(set(_words(section.intro)), set(_words(other.intro))) > SIMILARITY_MAX:
                yield where, f"the intro is almost that of section `{other.id}`, so a transcript cannot tell them apart"


def _opening(rubric: Rubric) -> Iterator[Remark]:
    words = set(_words(rubric.opening))
    if not words & {"ai", "artificial", "automated"}:
        yield ("opening",), "the opening does not say that an AI leads the interview"
    if not words & {"record", "recorded", "recording", "recordings"}:
        yield ("opening",), "the opening does not say that the interview is recorded"


def _questions_about_the_person(rubric: Rubric) -> Iterator[Remark]:
    for number, section in enumerate(rubric.sections):
        for name, texts in (("questions", section.questions), ("follow_ups", section.follow_ups)):
            for index, text in enumerate(texts):
                yield from _forbidden(("sections", number, name, index), text)


def _lengths(where: NodePath, criterion: Criterion) -> Iterator[Remark]:
    if len(_words(criterion.definition)) < DEFINITION_WORDS_MIN:
        message = (
            f"the definition has fewer than {DEFINITION_WORDS_MIN} words; say what is judged and what is left aside"
        )
        yield (*where, "definition"), message
    for level in LEVELS:
        count = len(_words(criterion.anchors[level]))
        if count < ANCHOR_WORDS_MIN:
            message = (
                f"anchor {level} has {count} words; describe what is heard in the answer, in {ANCHOR_WORDS_MIN} or more"
            )
            yield (*where, "anchors", level), message
        if count > ANCHOR_WORDS_MAX:
            message = (
                f"anchor {level} has {count} words; {ANCHOR_WORDS_MAX} are enough, and each is read for every candidate"
            )
            yield (*where, "anchors", level), message


def _twins(where: NodePath, criterion: Criterion, *, degree_words: frozenset[str]) -> Iterator[Remark]:
    """Levels that cannot be told apart by what is heard; each level is held against those below it."""
    words = {level: set(_words(criterion.anchors[level])) for level in LEVELS}
    for level in LEVELS[1:]:
        for lower in range(1, level):
            if _similarity(words[lower] - degree_words, words[level] - degree_words) <= SIMILARITY_MAX:
                continue
            if (words[lower] ^ words[level]) & degree_words:
                message = (
                    f"anchors {lower} and {level} differ mainly in words of degree; name what is heard at each level"
                )
            else:
                message = f"anchors {lower} and {level} use nearly the same words; name what is new at level {level}"
            yield (*where, "anchors", level), message
            break


def _examples(where: NodePath, criterion: Criterion) -> Iterator[Remark]:
    """Examples that teach little, or the wrong thing."""
    examples = criterion.examples
    if len(examples) > 1 and len({example.level for example in examples}) == 1:
        message = f"all examples are of level {examples[0].level}, which draws a judge to it; give different levels"
        yield (*where, "examples"), message
    for index, example in enumerate(examples):
        at = (*where, "examples", index, "answer")
        words = _words(example.answer)
        if len(words) > EXAMPLE_WORDS_MAX:
            yield at, f"the example has {len(words)} words; {EXAMPLE_WORDS_MAX} are enough, and each is read every time"
        if level := next((level for level in LEVELS if _holds(words, _words(criterion.anchors[level]))), None):
            yield at, f"the example repeats anchor {level} word for word; write what somebody might say instead"
        if any(_similarity(set(words), set(_words(other.answer))) > SIMILARITY_MAX for other in examples[:index]):
            yield at, "the example is almost the one before; another answer would teach more"
        if _CONTACT.search(example.answer):
            yield at, "this looks like a mail address or telephone number; invent the example, about nobody"


def _holds(words: list[str], part: list[str]) -> bool:
    """Whether the one list of words stands in the other as it is."""
    return any(words[start : start + len(part)] == part for start in range(len(words) - len(part) + 1))


def _about_the_person(where: NodePath, criterion: Criterion) -> Iterator[Remark]:
    yield from _forbidden((*where, "name"), criterion.name)
    for sentence in _SENTENCE_END.split(criterion.definition):
        if not _LEAVES_ASIDE.search(sentence):
            yield from _forbidden((*where, "definition"), sentence)
    for level in LEVELS:
        yield from _forbidden((*where, "anchors", level), criterion.anchors[level])
    for index, example in enumerate(criterion.examples):  # an answer may say anything; the reason for its level may not
        yield from _forbidden((*where, "examples", index, "why"), example.why or "")


def _forbidden(where: NodePath, text: str) -> Iterator[Remark]:
    for pattern, theme in FORBIDDEN:
        if match := pattern.search(text):
            yield (
                where,
                f"`{match.group()}` is about {theme}, which no score may rest on; describe what the answer shows",
            )


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _similarity(one: set[str], other: set[str]) -> float:
    """Jaccard index, 0 to 1; two empty sets are the same."""
    return len(one & other) / len(one | other) if one | other else 1.0
