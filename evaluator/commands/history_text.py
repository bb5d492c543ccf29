"""An evaluation's events as a story that a person reads in a terminal, within 80 columns."""

import itertools
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from evaluator.storage.reading import Event

COLUMNS = 80
_TIME, _SINCE = 8, 9  # columns of the time of day, and of the time since the event before
_MARGIN = _TIME + _SINCE + 4
_HANDED_BACK = {"drained": "the worker was told to stop", "stopped": "the worker was stopped"}


def story(interview_id: str, events: Sequence[Event]) -> Iterable[str]:
    """Lines: for each evaluation what it is, and then what happened to it, in order."""
    by_evaluation = sorted(events, key=lambda e: e.evaluation)  # stable: the order of each one's events stays
    for n, (_, group) in enumerate(itertools.groupby(by_evaluation, key=lambda e: e.evaluation)):
        if n:
            yield ""
        yield from _evaluation(interview_id, list(group))


def _evaluation(interview_id: str, events: Sequence[Event]) -> Iterable[str]:
    first = events[0]
    title = f"{interview_id}  rubric {first.rubric}, judge {first.model}, evaluation {first.evaluation_key[:12]}"
    yield from textwrap.wrap(_shown(title), COLUMNS, subsequent_indent="  ")
    before: datetime | None = None
    for event in events:
        if before is None or before.date() != event.at.date():
            yield f"{event.at:%Y-%m-%d} (UTC)"
        since = "" if before is None else f"+{duration((event.at - before).total_seconds())}"
        yield from _entry(f"{event.at:%H:%M:%S}  {since.rjust(_SINCE)}", sentence(event))
        before = event.at


def _entry(when: str, words: str) -> Iterable[str]:
    return textwrap.wrap(_shown(words), COLUMNS, initial_indent=when.ljust(_MARGIN), subsequent_indent=" " * _MARGIN)


def sentence(event: Event) -> str:
    """What happened, in words; an event of a kind that is not known here is shown as it is."""
    told = _WORDS.get(event.kind)
    return told(event) if told else " ".join([event.kind, *(f"{k}={v}" for k, v in event.detail.items())])


def _section(event: Event) -> str:
    kept = "found finished in the store" if event.detail.get("reused") else "judged and kept"
    return f"section {event.detail.get('section_id')} {kept}"


def _released(event: Event) -> str:
    reason = str(event.detail.get("reason", ""))
    return f"handed back: {_HANDED_BACK.get(reason, reason)}; not counted"


def _retried(event: Event) -> str:
    return f"tried afresh{_in_run(event)}" + (f": {event.detail['reason']}" if event.detail.get("reason") else "")


def _in_run(event: Event) -> str:
    return f" for run {event.run}" if event.run else ""


_WORDS: Mapping[str, Callable[[Event], str]] = {
    "claimed": lambda e: f"claimed by {e.worker}{_in_run(e)} (fence {e.fence})",
    "section": _section,
    "done": lambda e: f"done: {e.detail.get('state')}",
    "released": _released,
    "expired": lambda e: f"taken back: {e.detail.get('detail') or 'the lease ran out'}; counted as a stall",
    "retry": lambda e: _retry(e.detail),
    "quarantined": lambda e: f"left to a person {_cause(e.detail)}. Try again with: debrief run retry",
    "retried": _retried,
    "blocked": lambda e: (
        "blocked: it broke off, and nobody has released it"
        if e.detail.get("code") == "incomplete"
        else "blocked: there is no consent to judge it"
    ),
    "cancelled": lambda e: f"cancelled: {e.detail.get('detail')}",
    "reopened": lambda e: f"wanted again{_in_run(e)}",
    "unblocked": lambda e: f"unblocked: it may be judged now{_in_run(e)}",
}


def _retry(detail: Mapping[str, Any]) -> str:
    delay_s = detail.get("delay_s")
    again = "" if delay_s is None else f"; next try in {duration(delay_s)}" if delay_s else "; next try at once"
    match detail.get("counts"):
        case "attempt":
            return f"attempt failed {_cause(detail)}{again}"
        case "stall":
            return f"stalled {_cause(detail)}{again}"
        case _:
            return f"put back {_cause(detail)}{again}, not counted"


def _cause(detail: Mapping[str, Any]) -> str:
    told = f": {detail['detail']}" if detail.get("detail") else ""
    return f"({detail.get('code')}){told}"


def duration(seconds: float) -> str:
    """At most nine characters: 0.2 s, 42 s, 3 min, 5 h, 12 d."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    for limit, unit, name in ((90, 1, "s"), (5_400, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def _shown(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)
