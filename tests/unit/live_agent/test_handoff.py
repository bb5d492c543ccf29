"""A finished interview reaches the store whole: turns as they go, the manifest last, the same bytes again."""

from datetime import UTC, datetime, timedelta

import pytest

from evaluator import layout
from evaluator.errors import Conflict, ManifestFault, NotFound, ObjectMissing, StoreUnavailable, UsageFault
from evaluator.manifest import Candidate, Consent, RecordingRef, parse_manifest
from evaluator.transcript import Turn, parse_transcript
from evaluator.values import sha256
from live_agent.handoff import Recording, opened, resume
from tests.fakes import MemoryStore

START = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)
ID = "iv-1"
SOUND = Recording(data=b"OggS sound", media_type="audio/ogg")
WRITES = 6  # of `whole_interview`: open, three turns, transcript, manifest


class TypedStore(MemoryStore):
    """Remembers as what each object was written."""

    def __init__(self) -> None:
        super().__init__()
        self.media_types: dict[str, str] = {}

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> None:
        """Writes a new object and notes its type."""
        super().create(key, data, media_type=media_type)
        self.media_types[key] = media_type


class FailingStore(MemoryStore):
    """Breaks at its n-th write (from 1), before anything is kept or after, with the answer lost; then works again."""

    def __init__(self, *, fails_at: int, kept: bool = False) -> None:
        super().__init__()
        self._left, self._kept = fails_at, kept

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> None:
        """Writes a new object, or breaks."""
        self._left -= 1
        if self._left == 0 and not self._kept:
            raise StoreUnavailable("the store went away")
        super().create(key, data, media_type=media_type)
        if self._left == 0:
            raise StoreUnavailable("the store's answer was lost")


class Clock:
    """Each look at it is a minute later."""

    def __init__(self) -> None:
        self.now = START - timedelta(minutes=1)

    def __call__(self) -> datetime:
        """Now."""
        self.now += timedelta(minutes=1)
        return self.now


def turn(number, speaker="candidate", text="We wrote it down first. Then we built it."):
    """A turn of ten seconds."""
    return Turn(
        id=f"T{number}",
        speaker=speaker,
        section_id="first",
        started_s=number * 10.0,
        ended_s=number * 10.0 + 9.5,
        text=text,
    )


TURNS = (turn(1, "interviewer", "What did you do?"), turn(2), turn(3, "interviewer", "Goodbye."))


def begin(store, rubric, *, status="granted", clock=None, interview_id=ID, candidate="C-0001"):
    """A recorder at consent."""
    return opened(
        store,
        interview_id=interview_id,
        candidate=Candidate(ref=candidate),
        requisition="REQ-1",
        rubric=rubric,
        consent=Consent(status=status, text_version="consent-1", at=START),
        clock=clock or Clock(),
    )


def whole_interview(store, rubric, *, recording=None):
    """From consent to the manifest."""
    recorder = begin(store, rubric)
    for each in TURNS:
        recorder.said(each)
    return recorder.finish(recording)


def test_the_manifest_is_written_last(rubric):
    """Whoever sees it finds everything that it names."""
    store = MemoryStore()

    whole_interview(store, rubric, recording=SOUND)

    assert layout.manifest_key(ID) == list(store.objects)[-1]


def test_turns_are_in_the_store_as_soon_as_they_are_said(rubric):
    """A crash loses nothing that was said."""
    store = MemoryStore()

    begin(store, rubric).said(TURNS[0])

    assert [layout.open_key(ID), layout.turn_key(ID, 1)] == list(store.objects)


def test_the_manifest_tells_of_the_interview(rubric):
    """Who, by which rubric, when, with what consent and which transcript."""
    store = MemoryStore()

    manifest = whole_interview(store, rubric)

    stored = parse_manifest(store.get(layout.manifest_key(ID)))
    assert manifest == stored
    assert ("C-0001", None, "REQ-1", "small", "1") == (
        stored.candidate.ref,
        stored.candidate.name,
        stored.requisition,
        stored.rubric_id,
        stored.rubric_version,
    )
    assert (START, START + timedelta(seconds=39.5)) == (stored.started_at, stored.ended_at)
    assert (stored.consent.status, stored.recording.status) == ("granted", "none")


def test_the_transcript_is_segmented_and_hashes_to_what_the_manifest_says(rubric):
    """Intake can trust it."""
    store = MemoryStore()

    manifest = whole_interview(store, rubric)

    data = store.get(manifest.transcript.key)
    assert manifest.transcript.sha256 == sha256(data)
    assert ["U1", "U2"] == [utterance.id for utterance in parse_transcript(data).utterances()]


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("write", range(1, WRITES))
def test_a_store_that_breaks_before_the_manifest_leaves_none(rubric, write, kept):
    """At whichever write it breaks."""
    store = FailingStore(fails_at=write, kept=kept)

    with pytest.raises(StoreUnavailable):
        whole_interview(store, rubric)

    assert store.get(layout.manifest_key(ID)) is None


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_going_on_after_a_break_gives_the_same_objects(rubric, write, kept):
    """The same interview again, from its start, comes out as if nothing had happened."""
    smooth, broken = MemoryStore(), FailingStore(fails_at=write, kept=kept)
    whole_interview(smooth, rubric)
    with pytest.raises(StoreUnavailable):
        whole_interview(broken, rubric)

    whole_interview(broken, rubric)

    assert smooth.objects == broken.objects


def test_a_turn_whose_write_failed_can_be_said_again(rubric):
    """Its place in the row is kept."""
    store = FailingStore(fails_at=3)
    recorder = begin(store, rubric)
    recorder.said(TURNS[0])
    with pytest.raises(StoreUnavailable):
        recorder.said(TURNS[1])

    recorder.said(TURNS[1])

    assert layout.turn_key(ID, 2) == list(store.objects)[-1]


def test_finishing_twice_changes_nothing(rubric):
    """Same keys, same bytes, whatever the clock says."""
    store = MemoryStore()
    recorder = begin(store, rubric)
    recorder.said(TURNS[0])
    first = recorder.finish(SOUND)
    before = dict(store.objects)

    second = recorder.finish(SOUND)

    assert (first, before) == (second, store.objects)


def test_another_manifest_under_the_same_id_is_a_conflict(rubric):
    """The first one stays."""
    store = MemoryStore()
    recorder = begin(store, rubric)
    recorder.said(TURNS[0])
    first = recorder.finish()
    recorder.said(TURNS[1])

    with pytest.raises(Conflict, match=r"inbox/iv-1\.json"):
        recorder.finish()

    assert first.to_bytes() == store.get(layout.manifest_key(ID))


def test_another_turn_in_the_same_place_is_a_conflict(rubric):
    """Two agents in one interview are found out."""
    store = MemoryStore()
    begin(store, rubric).said(TURNS[0])

    with pytest.raises(Conflict, match="turns/000001"):
        begin(store, rubric).said(TURNS[1])


@pytest.mark.parametrize("change", [{"candidate": "C-0002"}, {"status": "refused"}])
def test_opening_an_id_for_another_interview_is_a_conflict(rubric, change):
    """Another candidate, or another consent."""
    store = MemoryStore()
    begin(store, rubric)

    with pytest.raises(Conflict, match=r"open/iv-1\.json"):
        begin(store, rubric, **change)


def test_opening_again_keeps_the_first_start(rubric):
    """The interview began when it began."""
    store, clock = MemoryStore(), Clock()
    begin(store, rubric, clock=clock)

    again = begin(store, rubric, clock=clock)

    assert START == again.opening.started_at


@pytest.mark.parametrize("bad", ["", "../up", "a/b", "x" * 65])
def test_an_unusable_id_is_refused_before_anything_is_written(rubric, bad):
    """Ids become keys and paths."""
    store = MemoryStore()

    with pytest.raises(ManifestFault, match="not usable"):
        begin(store, rubric, interview_id=bad)

    assert store.objects == {}


def test_refused_consent_leaves_no_turn(rubric):
    """The manifest says so, and its transcript is empty."""
    store = MemoryStore()
    recorder = begin(store, rubric, status="refused")

    with pytest.raises(Conflict, match="consent is refused"):
        recorder.said(TURNS[0])
    manifest = recorder.finish()

    assert manifest.consent.status == "refused"
    assert manifest.ended_at is None
    assert parse_transcript(store.get(manifest.transcript.key)).turns == ()


def test_nothing_is_kept_after_consent_is_withdrawn(rubric):
    """What was said before stays until it is erased; the manifest blocks its use."""
    store = MemoryStore()
    recorder = begin(store, rubric)
    recorder.said(TURNS[0])
    recorder.withdrawn(START + timedelta(minutes=3))

    with pytest.raises(Conflict, match="withdrawn"):
        recorder.said(TURNS[1])
    manifest = recorder.finish()

    assert ("withdrawn", START + timedelta(minutes=3)) == (manifest.consent.status, manifest.consent.at)
    assert len(parse_transcript(store.get(manifest.transcript.key)).turns) == 1


def test_a_recording_of_ours_is_kept_with_its_digest(rubric):
    """Its bytes are under the key that the manifest names, as what they are."""
    store = TypedStore()

    recording = whole_interview(store, rubric, recording=SOUND).recording

    assert (layout.recording_key(ID, "ogg"), sha256(SOUND.data), len(SOUND.data)) == (
        recording.key,
        recording.sha256,
        recording.bytes,
    )
    assert SOUND.data == store.get(recording.key)
    assert store.media_types[recording.key] == "audio/ogg"


def test_a_recorders_own_report_is_passed_on(rubric):
    """A recording that failed does not keep the interview back."""
    manifest = whole_interview(MemoryStore(), rubric, recording=RecordingRef(status="failed"))

    assert manifest.recording.status == "failed"


def test_an_unknown_kind_of_recording_names_the_known_ones(rubric):
    """And no manifest is written."""
    store = MemoryStore()

    with pytest.raises(UsageFault, match="audio/ogg"):
        whole_interview(store, rubric, recording=Recording(data=b"x", media_type="image/png"))

    assert store.get(layout.manifest_key(ID)) is None


def test_an_interview_cut_off_is_resumed_with_all_its_turns(rubric):
    """And ends with the same objects as one that was not."""
    smooth, cut = MemoryStore(), MemoryStore()
    whole_interview(smooth, rubric)
    recorder = begin(cut, rubric)
    recorder.said(TURNS[0])
    recorder.said(TURNS[1])

    resumed = resume(cut, ID)
    known = resumed.turns
    resumed.said(TURNS[2])
    resumed.finish()

    assert TURNS[:2] == known
    assert smooth.objects == cut.objects


def test_resuming_what_is_not_open_says_so():
    """Consent comes first."""
    with pytest.raises(NotFound, match="iv-1"):
        resume(MemoryStore(), ID)


def test_a_missing_turn_is_not_passed_over(rubric):
    """An interview with a hole in it is not handed over as whole."""
    store = MemoryStore()
    recorder = begin(store, rubric)
    for each in TURNS:
        recorder.said(each)
    store.delete(layout.turn_key(ID, 2))

    with pytest.raises(ObjectMissing, match="turns/000002"):
        resume(store, ID)


def test_an_opening_that_was_tampered_with_is_refused():
    """The message names the object, not its words."""
    store = MemoryStore()
    store.create(layout.open_key(ID), b'{"candidate": "secret"}')

    with pytest.raises(ManifestFault, match=r"^open/iv-1.json does not parse") as fault:
        resume(store, ID)

    assert "secret" not in str(fault.value)
