"""The explanation for the candidate, in plain language: what was asked, what counted, what did not, and who decides.

It holds no level, no recommendation, no note of the hiring team and nothing of anybody else; only what the candidate
said, and the rubric's own words about what was looked for.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC

from evaluator.errors import Locked, UsageFault
from evaluator.exports.rendering import clipped, rendered
from evaluator.exports.rows import Exported, final_of, ratings_of, standing_of
from evaluator.human import Final
from evaluator.scorecard import NOT_HEARD_WELL
from evaluator.transcript import Transcript, Utterance
from evaluator.verdict import Unscored, Verdict
from evaluator.words import visible
from rubrics.model import Criterion, Section

WIDTH = 78  # columns of the text
CONTACT_CHARS_MAX = 500

_INTRO = (
    "You took part in an interview for this role. This page tells you what was asked, what the questions were meant "
    "to show, and which of your own words were taken into account.",
    "A computer program that uses artificial intelligence read the written record of your interview first and marked "
    "passages for each point below. It can make mistakes. It decides nothing: people in the hiring team read "
    "your interview and decide.",
)
_NOT_ASSESSED = {
    "not_asked": "The conversation did not come to this point. It is left out and does not count against you.",
    "not_answered": "The question was asked, but the record holds no answer, or one too short to say anything about. "
    "It is left out and does not count against you.",
    "insufficient_evidence": "What the record holds of this part was too little to say anything about this point. It "
    "is left out and does not count against you.",
    NOT_HEARD_WELL: "The recording was not clear enough here to be sure of your words. This point is left out and does "
    "not count against you.",
    "failed": "For a technical reason that has nothing to do with your answers, this point could not be looked at. It "
    "is left out and does not count against you.",
    "by_person": "A person in the hiring team read this part and found that it does not allow saying anything about "
    "this point. It is left out and does not count against you.",
}
LOOKED_FOR = "Readers are told to look for this:"  # the rubric speaks to the reader, not to the candidate
_WORDS_MISSING = "Your words on this point were taken into account; they cannot be shown here at the moment."
_READ_WHOLE = "People in the hiring team read this part themselves; no single passage was marked for this point."
_DISMISSED = "This reading of your interview has been set aside by a person and is not used."
_DEMONSTRATION = (
    "This reading was made by a demonstration program whose results mean nothing. It must not be used to decide."
)
_DECIDES = (
    "No decision is made by the program. People in the hiring team read your interview, may come to another view than "
    "the program on any point, and decide."
)
_REVIEW = (
    "You can ask for a person to look at your interview again, say where this page is wrong, for example where you "
    "were not understood correctly, and add what is missing."
)
_NO_CONTACT = "To do so, answer the message that this page came with."


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One thing that was looked for."""

    name: str
    looked_for: str
    quotes: tuple[str, ...]  # the candidate's own words, in the order in which they were said
    note: str | None  # why there are none


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of the interview."""

    title: str
    asked: tuple[str, ...]  # empty: the conversation did not come to it
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The whole of it, as paragraphs."""

    title: str
    language: str  # of the candidate's words
    about: str  # when, and under which reference
    notices: tuple[str, ...]
    intro: tuple[str, ...]
    parts: tuple[Part, ...]
    decides: str
    review: tuple[str, ...]


def explanation(one: Exported, transcript: Transcript | None, *, contact: str = "") -> Explanation:
    """What the candidate may be told.

    contact: how to reach a person, such as an address; empty: by answering the message. Locked while the judge is
    hidden from the one who asks (the marked passages would tell of it); UsageFault for a contact that is too long.
    """
    if not one.sees_judge:
        raise Locked(f"scorecard {one.stored.id} is under blind review: submit your own scores first, then explain it")
    if len(contact) > CONTACT_CHARS_MAX:
        raise UsageFault(f"the contact has {len(contact)} characters; at most {CONTACT_CHARS_MAX} fit")
    spoken = {} if transcript is None else {u.id: u for u in transcript.utterances()}
    reach = f"To do so: {visible(contact.strip())}" if contact.strip() else _NO_CONTACT
    return Explanation(
        title=f"About your interview: {visible(one.rubric.title)}",
        language=one.rubric.language if transcript is None else transcript.language,
        about=_about(one),
        notices=tuple(_notices(one)),
        intro=_INTRO,
        parts=tuple(_part(one, section, spoken) for section in one.rubric.sections),
        decides=_DECIDES,
        review=(_REVIEW, reach),
    )


def _about(one: Exported) -> str:
    at = one.stored.interviewed_at
    day = f"Interview of {at.astimezone(UTC):%-d %B %Y}. " if at else ""
    return f"{day}Reference: {visible(one.stored.candidate_ref)}."


def _notices(one: Exported) -> Iterator[str]:
    if one.state.dismissal is not None:
        yield _DISMISSED
    if one.stored.body.provenance.judge_notice:
        yield _DEMONSTRATION


def _part(one: Exported, section: Section, spoken: Mapping[str, Utterance]) -> Part:
    results = {r.criterion_id: r for r in one.stored.body.results}
    reached = any(results[c.id].status != "not_asked" for c in section.criteria)
    return Part(
        title=visible(section.title),
        asked=tuple(visible(q) for q in section.questions) if reached else (),
        points=tuple(_point(one, c, results[c.id], spoken) for c in section.criteria),
    )


def _point(one: Exported, criterion: Criterion, result: Verdict | Unscored, spoken: Mapping[str, Utterance]) -> Point:
    note = _not_assessed(one, criterion, result)
    cited = () if note else _cited(one, criterion, result)
    quotes = tuple(clipped(visible(u.text)) for u in spoken.values() if u.id in cited)
    return Point(
        name=visible(criterion.name),
        looked_for=visible(criterion.definition),
        quotes=quotes,
        note=note or (None if quotes else _WORDS_MISSING if cited else _READ_WHOLE),
    )


def _not_assessed(one: Exported, criterion: Criterion, result: Verdict | Unscored) -> str | None:
    """Why this point has no level; what people found goes before what the judge found."""
    status, level = standing_of(one.state, criterion.id)
    if status == "final_without_level":
        return _NOT_ASSESSED["by_person"]
    if level is not None or status == "reviewers_differ" or isinstance(result, Verdict):
        return None
    return _NOT_ASSESSED.get(result.reason) or _NOT_ASSESSED[result.status]


def _cited(one: Exported, criterion: Criterion, result: Verdict | Unscored) -> frozenset[str]:
    """Utterances that people quoted or the judge cited; not the judge's where people set its level aside."""
    quoted = {q for _, rating in ratings_of(one.state, criterion.id) for q in rating.quotes}
    record = final_of(one.state, criterion.id)
    settled = quoted and record is not None and isinstance(record.act, Final)
    judged = result.evidence if isinstance(result, Verdict) and not settled else ()
    return frozenset((*quoted, *judged))


def explanation_html(found: Explanation) -> str:
    """A whole HTML document, for a page, a mail or a PDF."""
    return rendered("explanation.html", e=found, looked_for=LOOKED_FOR)


def explanation_text(found: Explanation) -> str:
    """The same as plain text."""
    return "\n".join(_text(found)) + "\n"


def _text(found: Explanation) -> Iterator[str]:
    yield from (found.title, "=" * len(found.title), "", found.about)
    for paragraph in (*found.notices, *found.intro):
        yield from ("", *_wrapped(paragraph))
    for part in found.parts:
        yield from ("", part.title, "-" * len(part.title))
        if not part.asked:
            yield from ("", "The conversation did not come to this part.")
        else:
            yield from ("", "Questions of this part:", *_items(part.asked))
        for point in part.points:
            yield from ("", *_wrapped(f"{point.name}. {LOOKED_FOR} “{point.looked_for}”"))
            if point.quotes:
                yield from ("Your words that were taken into account:", *_items(f"“{q}”" for q in point.quotes))
            if point.note:
                yield from _wrapped(point.note)
    yield from ("", "Who decides", "-----------", "", *_wrapped(found.decides))
    yield from ("", "How to ask for a review", "-----------------------")
    for paragraph in found.review:
        yield from ("", *_wrapped(paragraph))


def _wrapped(paragraph: str) -> list[str]:
    return textwrap.wrap(paragraph, WIDTH)


def _items(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from textwrap.wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")
