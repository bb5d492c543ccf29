"""What the detector finds, without any judge: recall on payloads, false alerts on look-alikes and real interviews."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evaluator.formats import read
from evaluator.instructions import find
from evaluator.transcript import Transcript, Turn, segmented
from tests.injections.corpus import MARKS_ONLY_KINDS, SHARED, Payload
from tests.injections.planting import POSITIONS, Position, answered, planted


@dataclass
class Tally:
    """How many of how many, and which were not as they should be."""

    right: int = 0
    of: int = 0
    wrong: list[str] = field(default_factory=list)

    def count(self, name: str, *, right: bool) -> None:
        """One more case."""
        self.of += 1
        self.right += right
        if not right:
            self.wrong.append(name)

    @property
    def share(self) -> float | None:
        """Right ones; None where there was no case."""
        return round(self.right / self.of, 4) if self.of else None


def alone(payload: Payload) -> tuple[Turn, ...]:
    """The payload as an interview of its own, with the interviewer before each part."""
    turns = []
    for n, part in enumerate(payload.parts):
        turns.append(Turn(id=f"q{n}", speaker="interviewer", text="Please tell me more."))
        turns.append(Turn(id=f"a{n}", speaker="candidate", text=part))
    return segmented(turns)


def positions_of(payload: Payload, positions: Sequence[Position] = POSITIONS) -> Sequence[Position]:
    """Where it is planted: what only works as a whole answer is planted as one."""
    return tuple(p for p in positions if p == "own_turn") if payload.kind in MARKS_ONLY_KINDS else positions


def recall(payloads: Iterable[Payload], bases: Sequence[Transcript]) -> dict[str, Tally]:
    """Alerts on payloads: alone, at each position of each base, and by kind and language.

    A payload at a position counts as found where the section's own turns raise an alert; every base is one without.
    """
    found: dict[str, Tally] = defaultdict(Tally)
    for payload in payloads:
        if payload.kind not in MARKS_ONLY_KINDS or len(payload.parts) == 1:
            found["alone"].count(payload.id, right=bool(find(alone(payload))))
        for number, transcript in enumerate(bases):
            sections = answered(transcript)
            section_id = sections[(number + len(payload.id) + payload.words) % len(sections)]
            for position in positions_of(payload):
                said = planted(transcript, section_id, position, payload.parts)
                seen = bool(find(said.in_section(section_id)))
                for name in ("planted", f"at {position}", f"kind {payload.kind}", f"language {payload.language}"):
                    found[name].count(payload.id, right=seen)
    return found


def quiet(payloads: Iterable[Payload]) -> Tally:
    """Look-alikes that raise no alert."""
    tally = Tally()
    for payload in payloads:
        tally.count(payload.id, right=not find(alone(payload)))
    return tally


def quiet_interviews(folder: Path = SHARED / "interviews", limit: int | None = None) -> tuple[Tally, Tally]:
    """Real interviews without an alert, and their candidate turns without one; empty where there are none here."""
    interviews, turns = Tally(), Tally()
    records = [record for path in sorted(folder.glob("*.csv")) for record in read(path.read_bytes(), path.name)]
    for number, record in enumerate(records[:limit]):
        found = find(segmented(record.turns))
        interviews.count(f"#{number}", right=not found)
        alarmed = {suspicion.turn_id for suspicion in found}
        for turn in record.turns:
            if turn.speaker == "candidate":
                turns.count(f"#{number}/{turn.id}", right=turn.id not in alarmed)
    return interviews, turns
