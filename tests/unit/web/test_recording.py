"""Whether a recording is the one that was handed over, and how much is read to know it."""

import pytest

from evaluator.errors import ObjectMissing
from evaluator.manifest import RecordingRef
from evaluator.people import Viewer
from evaluator.ports import ObjectHead
from evaluator.values import sha256
from evaluator.web.recording import (
    HASH_PART_BYTES,
    HASHED_BYTES_MAX,
    Recordings,
    media_type_of,
    player_of,
    unheard_words,
)
from tests.factories import a_transcript
from tests.fakes import MemoryStore
from tests.unit.web.test_reading_views import spoken

KEY = "interviews/iv-1/recording.ogg"
REVIEWER = Viewer(person_id=1, name="x", entry="session", roles={"REQ-114": frozenset({"reviewer"})})
NOBODY = Viewer(person_id=2, name="y", entry="session")


class CountingStore(MemoryStore):
    """Counts the parts that are read."""

    def __init__(self):
        super().__init__()
        self.parts = 0

    def part(self, key, *, start, length, version):
        """As it was, counted."""
        self.parts += 1
        return super().part(key, start=start, length=length, version=version)


def of(store, **ref):
    """How it stands with a recording that was reported so."""
    interview = spoken(a_transcript(), id="iv-1", recording=RecordingRef(**{"status": "present", "key": KEY, **ref}))
    return Recordings(store), interview


def test_digest_is_taken_once_for_each_version():
    """Whoever listens piece by piece does not make the store read it again and again."""
    store, data = CountingStore(), b"x" * (HASH_PART_BYTES + 1)
    store.create(KEY, data)
    recordings, interview = of(store, sha256=sha256(data))
    states = [recordings.of(interview).state for _ in range(3)]
    first = store.parts
    store.delete(KEY)
    store.create(KEY, data[:-1] + b"y")

    assert (["present"] * 3, 2) == (states, first)
    assert ("changed", 4) == (recordings.of(interview).state, store.parts)


def test_very_long_recording_is_compared_by_its_size():
    """Reading all of it first would take longer than anybody waits."""

    class LongStore(CountingStore):
        def head(self, key):
            return ObjectHead(bytes=HASHED_BYTES_MAX + 1, version="v")

    states = [
        recordings.of(interview).state
        for recordings, interview in (
            of(LongStore(), sha256="0" * 64, bytes=HASHED_BYTES_MAX + 1),
            of(LongStore(), sha256="0" * 64, bytes=HASHED_BYTES_MAX),
        )
    ]

    assert ["present", "changed"] == states


def test_recording_that_goes_while_it_is_looked_at_is_no_error():
    """The next look finds what is there then."""

    class FleetingStore(CountingStore):
        def part(self, key, *, start, length, version):
            raise ObjectMissing("gone")

    store = FleetingStore()
    store.create(KEY, b"data")
    recordings, interview = of(store, sha256=sha256(b"data"))

    assert "changed" == recordings.of(interview).state


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, "audio/ogg"),
        ("interviews/iv-1/recording.20261118T140200.ogg", "audio/ogg"),  # what was recorded after a pause
        ("interviews/iv-1/recording.a.b.ogg", None),
        ("interviews/iv-1/recording../x.ogg", None),
        ("interviews/iv-1/recording.svg", None),
        ("interviews/iv-1/recording.json", None),
        ("interviews/iv-1/manifest-20261118T140200.000000-0.json", None),
        ("interviews/iv-1/turns/recording.ogg", None),
        ("interviews/iv-2/recording.ogg", None),
        ("interviews/iv-1/recording", None),
        (None, None),
    ],
)
def test_only_an_interviews_own_recording_is_one(key, expected):
    """Its folder holds its manifest too, with the candidate's name."""
    assert expected == media_type_of("iv-1", RecordingRef(status="present", key=key))


def test_player_is_for_those_who_may():
    """Without the right there are words in its place."""
    store = MemoryStore()
    store.create(KEY, b"OggS")
    recordings, interview = of(store)
    heard = recordings.of(interview)

    player = player_of(heard, REVIEWER, "REQ-114")
    assert player is not None
    assert ("/interviews/iv-1/recording", None) == (player.src, player.keep)
    assert unheard_words(heard, REVIEWER, "REQ-114") is None
    assert player_of(heard, NOBODY, "REQ-114") is None
    assert "does not let you hear" in (unheard_words(heard, NOBODY, "REQ-114") or "")
