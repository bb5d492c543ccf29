"""What an agent could not put into the store before it ended: from its files on this machine into the store.

Done again it changes nothing: what is in the store already is found there. A file goes only when all of it is in the
store; one that somebody still writes to is left alone.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evaluator import layout
from evaluator.errors import Conflict, ContentError, StoreForbidden, UsageFault
from evaluator.manifest import CONSENT_DENIED, Consent
from evaluator.ports import ObjectStore
from evaluator.transcript import Turn
from evaluator.values import Frozen
from live_agent.handoff import Recorder, reopen, resume
from live_agent.spool import ENDING, Line, left, read

log = logging.getLogger(__name__)


class Sent(Frozen):
    """What became of the files of a folder."""

    interviews: tuple[str, ...] = ()  # whose file is gone, as all of it is in the store
    turns: int = 0  # that the store did not have
    busy: tuple[str, ...] = ()  # still being written
    faults: tuple[str, ...] = ()  # why a file stays, one line for each


def send(folder: Path, store: ObjectStore) -> Sent:
    """Puts what the files of the folder hold into the store, the oldest name first.

    StoreUnavailable: the store is still away; what was sent until then is there, and its files are gone.
    """
    sent = Sent()
    for path in sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else ():
        interview_id = path.name.removesuffix(ENDING)
        with suppress(FileNotFoundError), left(path) as is_left:  # gone: its agent has just put all of it there
            if is_left:
                sent = _sent_one(sent, store, interview_id, path)
            else:
                sent = sent.model_copy(update={"busy": (*sent.busy, interview_id)})
    return sent


def _sent_one(sent: Sent, store: ObjectStore, interview_id: str, path: Path) -> Sent:
    lines, faulty = read(path)
    try:
        turns = _put(store, layout.checked(interview_id), lines)
    except (UsageFault, ContentError, StoreForbidden) as error:
        return _stays(sent, path, str(error))
    if faulty:
        return _stays(sent, path, f"{faulty} lines cannot be read; the others are in the store")
    path.unlink()
    return sent.model_copy(update={"interviews": (*sent.interviews, interview_id), "turns": sent.turns + turns})


def _stays(sent: Sent, path: Path, why: str) -> Sent:
    log.warning("%s stays: %s", path, why)
    return sent.model_copy(update={"faults": (*sent.faults, f"{path}: {why}")})


def _put(store: ObjectStore, interview_id: str, lines: Sequence[Line]) -> int:
    """Puts the lines into the store behind what is there; how many turns were not.

    Conflict, InterviewClosed: something else was said in their place, or nothing more is taken.
    """
    recorder = _recorder(store, interview_id, lines)
    known = {turn.id: turn for turn in recorder.turns}
    new = 0
    for line in lines:
        if line.turn is not None:
            new += _put_turn(recorder, known, line.turn)
        if line.consent is not None:
            _put_consent(recorder, line.consent)
        if line.end is not None:
            recorder.finish(ending=line.end.ended, wants_person=line.end.wants_person)
    return new


def _recorder(store: ObjectStore, interview_id: str, lines: Sequence[Line]) -> Recorder:
    opening = next((line.opening for line in lines if line.opening is not None), None)
    if opening is not None:
        if opening.interview_id != interview_id:
            raise UsageFault(f"it tells of another interview, {opening.interview_id}")
        reopen(store, opening)
    return resume(store, interview_id)


def _put_consent(recorder: Recorder, said: Consent) -> None:
    there = recorder.stated_at
    if said.at is None or (there is not None and said.at <= there):
        return  # in the store already
    if said.status in CONSENT_DENIED:
        recorder.withdrawn(said.at)
    else:
        recorder.granted_again(said.at)


def _put_turn(recorder: Recorder, known: dict[str, Turn], turn: Turn) -> int:
    there = known.get(turn.id)
    if there is None:
        recorder.said(turn)
        known[turn.id] = turn
        return 1
    if there != turn:
        raise Conflict(f"turn {turn.id} is in the store with other words or times; the file's stays here")
    return 0
