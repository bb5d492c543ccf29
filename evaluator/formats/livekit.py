"""LiveKit's session reports (`SessionReport.to_dict`) and chat histories (`ChatContext.to_dict`).

The keys are Python's (`chat_history`) or JavaScript's (`chatHistory`), moments are seconds or milliseconds since 1970.
A message is a turn, also one that was interrupted; tool calls, hand-offs and instructions are no speech. A turn has
times where the message says when it was spoken: `created_at` says when it was written down, and is none.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from evaluator.errors import TranscriptFault
from evaluator.formats.document import Document
from evaluator.formats.fields import language_of, number, share
from evaluator.formats.record import Record, clean, has_candidate, turn
from evaluator.transcript import Speaker, Turn

SESSION = "livekit-session"
HISTORY = "livekit-history"

EPOCH_S_MIN = 946_684_800  # 2000; a number outside 2000-2100 is no moment (a monotonic clock's)
EPOCH_S_MAX = 4_102_444_800
OFFSET_S_MAX = 86_400 * 7
NAME_CHARS_MAX = 200

_SPEAKER: Mapping[object, Speaker] = {"user": "candidate", "assistant": "interviewer"}
_EGRESS = frozenset({"egress_id", "egressId", "egress_info", "egressInfo"})
_HUMP = re.compile(r"_([a-z])")

Item = Mapping[str, Any]


def recognise_session(document: Document) -> str | None:
    """Known by its `chat_history`; what LiveKit tells of a recording is known too, to say that it is no transcript."""
    report = document.json
    if not isinstance(report, dict):
        return None
    if "chat_history" in report or "chatHistory" in report:
        return "JSON with a chat_history"
    return "JSON of a LiveKit egress" if _is_egress(report) else None


def recognise_history(document: Document) -> str | None:
    """Known by its `items`, each of which names its type or role."""
    history = document.json
    items = history.get("items") if isinstance(history, dict) else None
    if not isinstance(items, list) or not all(isinstance(i, dict) and ("type" in i or "role" in i) for i in items):
        return None
    return "JSON with the items of a chat history"


def read_session(document: Document, _candidate_speaker: str | None) -> tuple[Record, ...]:
    """The session's one interview. Roles name the speakers, so the candidate need not be named."""
    report = document.json
    history = _field(report, "chat_history") if isinstance(report, dict) else None
    if not isinstance(report, dict) or not isinstance(history, dict):
        raise _no_transcript(document, "session report", "chat_history.items")
    events = [e for e in _list(report.get("events")) if isinstance(e, dict)]
    items = _items(document, history)
    recorded = _epoch(_field(report, "audio_recording_started_at"))
    moments = (*_moments(items), *_written(events))
    return (
        _record(
            document,
            items,
            source=SESSION,
            name=_session_name(report) or document.stem,
            origin=recorded if recorded is not None else min(moments, default=None),
            language=_language(events),
        ),
    )


def read_history(document: Document, _candidate_speaker: str | None) -> tuple[Record, ...]:
    """The history's one interview; times count from its first spoken word, and are null where it has none."""
    if not isinstance(document.json, dict):
        raise _no_transcript(document, "chat history", "items")
    items = _items(document, document.json)
    origin = min(_moments(items), default=None)
    return (_record(document, items, source=HISTORY, name=document.stem, origin=origin, language=None),)


def _record(
    document: Document, items: list[Item], *, source: str, name: str, origin: float | None, language: str | None
) -> Record:
    turns = tuple(_turns(document, items, origin))
    if not has_candidate(turns):
        roles = ", ".join(sorted({t.speaker for t in turns})) or "nobody"
        raise document.fault(f"no turn of the candidate: role user says nothing; heard: {roles}")
    begun = origin if origin is not None else min(_written(items), default=None)
    return Record(
        name=name,
        name_is_file=name == document.stem,
        turns=turns,
        source=source,
        started_at=None if begun is None else datetime.fromtimestamp(begun, UTC),
        language=language,
        ignored=len(items) - len(turns),
    )


def _turns(document: Document, items: Iterable[Item], origin: float | None) -> Iterator[Turn]:
    count = 0
    for item in items:
        speaker, text = _SPEAKER.get(_text(item.get("role")).casefold()), _spoken(item)
        if item.get("type", "message") != "message" or speaker is None or not text:
            continue
        count += 1
        started_s, ended_s = _times(item, origin)
        yield turn(
            document,
            count,
            speaker,
            text,
            started_s=started_s,
            ended_s=ended_s,
            confidence=share(number(_field(item, "transcript_confidence"))),
            interrupted=item.get("interrupted") is True,
        )


def _items(document: Document, history: Mapping[str, Any]) -> list[Item]:
    items = history.get("items")
    if not isinstance(items, list):
        raise _no_transcript(document, "chat history", "items")
    if not items:
        raise document.fault("the chat history is empty: nobody said anything; export it after the interview has ended")
    return [item for item in items if isinstance(item, dict)]


def _spoken(item: Item) -> str:
    """The words of a message; pictures and sounds among its parts are no words."""
    content = item.get("content")
    parts = [content] if isinstance(content, str) else _list(content)
    parts = [
        part.get("text") if isinstance(part, dict) and part.get("type", "text") == "text" else part for part in parts
    ]
    return clean("\n".join(part for part in parts if isinstance(part, str))).strip()


def _times(item: Item, origin: float | None) -> tuple[float | None, float | None]:
    """Seconds from the origin; none where the source has none, contradicts itself, or speaks before the recording."""
    started, ended = (_metric(item, "started_speaking_at"), _metric(item, "stopped_speaking_at"))
    if origin is None or (started is not None and ended is not None and ended < started):
        return None, None
    last = ended if ended is not None else started
    if last is None or last < origin:
        return None, None
    return _offset(started, origin), _offset(ended, origin)


def _offset(moment: float | None, origin: float) -> float | None:
    if moment is None or moment - origin > OFFSET_S_MAX:
        return None
    return round(max(0.0, moment - origin), 3)


def _moments(items: Iterable[Item]) -> Iterator[float]:
    for item in items:
        for key in ("started_speaking_at", "stopped_speaking_at"):
            if (moment := _metric(item, key)) is not None:
                yield moment


def _metric(item: Item, key: str) -> float | None:
    metrics = item.get("metrics")
    return _epoch(_field(metrics, key)) if isinstance(metrics, dict) else None


def _written(items: Iterable[Item]) -> Iterator[float]:
    return (moment for item in items if (moment := _epoch(_field(item, "created_at"))) is not None)


def _epoch(value: object) -> float | None:
    """Seconds since 1970; no moment in milliseconds could be one in seconds, and the other way round."""
    given = number(value)
    for moment in () if given is None else (given, given / 1_000):
        if EPOCH_S_MIN <= moment <= EPOCH_S_MAX:
            return moment
    return None


def _language(events: Iterable[Item]) -> str | None:
    """The language that recognition heard, when it always heard the same one."""
    heard = {
        e.get("language") for e in events if e.get("type") == "user_input_transcribed" and _text(e.get("language"))
    }
    return language_of(heard.pop()) if len(heard) == 1 else None


def _session_name(report: Mapping[str, Any]) -> str:
    """Room and job: file names of reports repeat (`session_report.json`), jobs do not."""
    job = _text(_field(report, "job_id"))
    return "-".join(filter(None, (_text(report.get("room")), job)))[:NAME_CHARS_MAX] if job else ""


def _field(item: Item, name: str) -> object:
    """The field under Python's name or JavaScript's (`created_at`, `createdAt`)."""
    return item[name] if name in item else item.get(_HUMP.sub(lambda letter: letter[1].upper(), name))


def _is_egress(value: object) -> bool:
    """Whether this is what LiveKit tells of a recording: egress info, a manifest, a webhook's event, a list of them."""
    if not isinstance(value, dict):
        return False
    told = _list(value.get("items"))[:1] or [value]
    return isinstance(told[0], dict) and bool(_EGRESS & told[0].keys())


def _no_transcript(document: Document, kind: str, wanted: str) -> TranscriptFault:
    if _is_egress(document.json):
        return document.fault(
            "is a LiveKit egress record: it says where the recording lies, not what was said; "
            "give the session report (ctx.make_session_report().to_dict()) or the chat history"
        )
    return document.fault(f"is no LiveKit {kind}: {document.json_fault or f'it has no {wanted}'}")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return clean(value).strip() if isinstance(value, str) else ""
