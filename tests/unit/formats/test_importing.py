"""A record becomes a transcript and a manifest, and is handed to the store once."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluator.errors import Conflict, DigestMismatch, ManifestFault, ObjectExists, TranscriptFault
from evaluator.formats import Record, read
from evaluator.formats.sections import Question
from evaluator.importing import Prepared, hand_in, interview_id_of, prepare
from evaluator.layout import archived_manifest_key, manifest_key
from evaluator.manifest import SectionsBy, parse_manifest
from evaluator.transcript import parse_transcript
from evaluator.values import ID_PATTERN, sha256


class MemoryStore:
    """An object store in a dictionary, which also keeps the order of its writes."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get(self, key: str, *, bytes_max: int = 2**26) -> bytes | None:
        """The bytes, or None."""
        return self.objects.get(key)

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> None:
        """Create-only."""
        if key in self.objects:
            raise ObjectExists(key)
        self.objects[key] = data

    def names(self, prefix: str, *, after: str = "", limit: int = 1_000) -> list[str]:
        """In order."""
        return sorted(key for key in self.objects if key.startswith(prefix) and key > after)[:limit]

    def delete(self, key: str) -> None:
        """No error when there is none."""
        self.objects.pop(key, None)

    def probe(self) -> None:
        """Always fine."""


def record(answer: str = "I built a queue. It never lost a job.", name: str = "talk 1") -> Record:
    """A record with one question and one answer."""
    (one,) = read(f"Interviewer: What did you build?\n\nCandidate: {answer}".encode(), f"{name}.txt")
    return one


def identified(name: str) -> Record:
    """A record whose name is the source's own id, as a CSV's rows have."""
    return replace(record(), name=name, name_is_file=False)


def archive(store: MemoryStore, prepared: Prepared, *, day: int) -> None:
    """What intake leaves behind when it takes an interview in on that day of January."""
    moment = datetime(2026, 1, day, tzinfo=UTC)
    key = archived_manifest_key(prepared.interview_id, moment, sha256(prepared.manifest_bytes))
    store.create(key, prepared.manifest_bytes)


@pytest.fixture
def prepared(rubric) -> Prepared:
    """One interview, sections whole."""
    return prepare(record(), rubric=rubric, requisition="REQ-1", sections="whole")


def test_same_import_gives_the_same_bytes(rubric, prepared):
    """Preparing is pure: no clock and no chance is in the objects."""
    again = prepare(record(), rubric=rubric, requisition="REQ-1", sections="whole")

    assert (prepared.transcript_bytes, prepared.manifest_bytes) == (again.transcript_bytes, again.manifest_bytes)


def test_objects_are_what_the_parsers_read(prepared):
    """What is written is what intake and the pipeline will read, and the manifest points to it by digest."""
    assert prepared.transcript == parse_transcript(prepared.transcript_bytes)
    assert prepared.manifest == parse_manifest(prepared.manifest_bytes)
    assert sha256(prepared.transcript_bytes) == prepared.manifest.transcript.sha256


def test_id_hangs_on_name_and_requisition_only(rubric, prepared):
    """Another answer is the same interview; another requisition or name is another one."""
    changed = prepare(record("No."), rubric=rubric, requisition="REQ-1", sections="whole")
    elsewhere = prepare(record(), rubric=rubric, requisition="REQ-2", sections="whole")

    assert prepared.interview_id == changed.interview_id
    assert prepared.manifest.transcript.key != changed.manifest.transcript.key
    assert prepared.interview_id != elsewhere.interview_id


def test_id_is_readable():
    """The record's name can be read in the id, with eight digits that keep alike names apart."""
    assert re.fullmatch(r"science_0000-[0-9a-f]{8}", interview_id_of(identified("science_0000"), requisition="REQ-1"))
    assert interview_id_of(identified("Zoë 7."), requisition="R").startswith("Zoe-7-")
    assert interview_id_of(identified("面接"), requisition="R").startswith("interview-")


def test_id_holds_nothing_of_a_files_name():
    """A file may be called by a person's name, and ids go into logs."""
    named = record(name="a-person")

    assert re.fullmatch(r"interview-[0-9a-f]{8}", interview_id_of(named, requisition="R"))


@given(name=st.text(max_size=300), requisition=st.from_regex(ID_PATTERN, fullmatch=True))
@settings(max_examples=100, deadline=None)
def test_any_name_makes_a_safe_id(name, requisition):
    """Whatever a row is called, its interview's id is safe in a key."""
    assert re.fullmatch(ID_PATTERN, interview_id_of(identified(name), requisition=requisition))


def test_candidate_is_the_interview_unless_one_is_given(rubric, prepared):
    """Without a reference the candidate is pseudonymous; with one it and the name are kept."""
    given_one = prepare(
        record(), rubric=rubric, requisition="R", candidate_ref="C-1", candidate_name=" Ada\nL. ", sections="whole"
    )

    assert (prepared.interview_id, None) == (prepared.manifest.candidate.ref, prepared.manifest.candidate.name)
    assert ("C-1", "Ada L.") == (given_one.manifest.candidate.ref, given_one.manifest.candidate.name)


@pytest.mark.parametrize("field", ["requisition", "candidate_ref"])
def test_unusable_id_names_its_field(rubric, field):
    """An id that is not safe in a key is refused, and the message says which one it is."""
    arguments = {"requisition": "REQ-1"} | {field: "../etc"}

    with pytest.raises(ManifestFault, match=rf"^{field.split('_')[0]}: id '\.\./etc' is not usable"):
        prepare(record(), rubric=rubric, sections="whole", **arguments)


def test_marked_sections_need_an_intro(rubric):
    """Where no intro is found the message names the rubric, the record and the way out."""
    with pytest.raises(TranscriptFault) as raised:
        prepare(record(), rubric=rubric, requisition="REQ-1")

    assert (
        "no section intro of rubric backend@1.0 was found in talk 1: "
        "import it with --sections judge or --sections whole, or choose its own rubric"
    ) == str(raised.value)


def test_marked_sections_are_in_the_transcript(rubric):
    """An intro in the interviewer's turn puts the answer into its section."""
    intro = "Now let's turn to your team: how do you work with others?"
    text = f"AI: Hello.\n\nUser: Hi.\n\nAI: {intro}\n\nUser: We talk daily."
    (one,) = read(text.encode(), "a.txt")
    transcript = prepare(one, rubric=rubric, requisition="R").transcript

    assert ["T3", "T4"] == [turn.id for turn in transcript.in_section("team")]


def test_sections_that_are_given_are_in_the_transcript(rubric):
    """Questions that a judge or a person has placed take the answers along; the manifest counts the ways."""
    (one,) = read(b"AI: Hello.\n\nUser: Hi.\n\nAI: Your team?\n\nUser: We talk daily.", "a.txt")
    questions = (
        Question(turn_id="T1", text="Hello.", section_id=None, by="judge", model="m@1"),
        Question(turn_id="T3", text="Your team?", section_id="team", by="correction"),
    )
    prepared = prepare(one, rubric=rubric, requisition="R", questions=questions)

    assert ["T3", "T4"] == [turn.id for turn in prepared.transcript.in_section("team")]
    assert SectionsBy(judge=1, correction=1, model="m@1") == prepared.manifest.sections_by
    assert questions == prepared.questions


def test_who_told_the_sections_is_not_in_the_transcript(rubric):
    """The same sections give the same transcript and digest, whoever told them."""
    (one,) = read(b"AI: Your team?\n\nUser: We talk daily.", "a.txt")
    digests = {
        prepare(
            one,
            rubric=rubric,
            requisition="R",
            questions=(Question(turn_id="T1", text="Your team?", section_id="team", by=by),),
        ).transcript.digest
        for by in ("intro", "judge", "correction")
    }

    assert 1 == len(digests)


def test_intros_are_counted_and_whole_sections_are_not(rubric, prepared):
    """The manifest of an interview whose sections nobody told says nothing about them."""
    (one,) = read(b"AI: Now let's turn to your team: how do you work with others?\n\nUser: Well.", "a.txt")

    assert SectionsBy(intro=1) == prepare(one, rubric=rubric, requisition="R").manifest.sections_by
    assert (None, ()) == (prepared.manifest.sections_by, prepared.questions)


def test_an_interview_without_an_interviewer_has_no_sections(rubric):
    """Where nobody is known to ask, intros cannot be looked for."""
    turns = tuple(turn.model_copy(update={"speaker": "other"}) if turn.id == "T1" else turn for turn in record().turns)

    with pytest.raises(TranscriptFault, match="talk 1: nobody in it is known as the interviewer"):
        prepare(replace(record(), turns=turns), rubric=rubric, requisition="R")


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("judge", "the judge put no question of talk 1 into a section of rubric backend@1.0: import it with"),
        ("correction", "talk 1: no question is in a section of rubric backend@1.0; name a section"),
    ],
)
def test_nothing_in_any_section_is_refused(rubric, by, words):
    """An interview without a single section is not scored as if no question had been asked."""
    nowhere = (Question(turn_id="T1", text="What did you build?", section_id=None, by=by),)

    with pytest.raises(TranscriptFault, match=re.escape(words)):
        prepare(record(), rubric=rubric, requisition="R", questions=nowhere)


@pytest.mark.parametrize(("given_one", "kept"), [(None, "en"), ("de", "de"), ("pt-BR", "pt-BR")])
def test_language_is_given_or_the_rubrics(rubric, given_one, kept):
    """A plain text does not say its language; the rubric's stands in unless one is given."""
    one = prepare(record(), rubric=rubric, requisition="R", sections="whole", language=given_one)

    assert (kept, kept) == (one.transcript.language, one.manifest.language)


def test_unusable_language_is_refused(rubric):
    """A language that is no language tag is told as a fault of the transcript."""
    with pytest.raises(TranscriptFault, match=r"talk 1: language: "):
        prepare(record(), rubric=rubric, requisition="R", sections="whole", language="Klingon!")


def test_interview_is_handed_in_with_the_manifest_last(prepared):
    """The manifest says that the interview is finished, so it is written when all else is there."""
    store = MemoryStore()

    assert "new" == hand_in(store, prepared)
    assert [prepared.manifest.transcript.key, manifest_key(prepared.interview_id)] == list(store.objects)


def test_second_hand_in_changes_nothing(prepared):
    """The same interview in the inbox is left as it is."""
    store = MemoryStore()
    hand_in(store, prepared)
    before = dict(store.objects)

    assert "unchanged" == hand_in(store, prepared)
    assert before == store.objects


def test_interview_that_was_taken_in_is_known(prepared):
    """After intake has moved the manifest to its archive nothing is written again."""
    store = MemoryStore()
    hand_in(store, prepared)
    store.delete(manifest_key(prepared.interview_id))
    archive(store, prepared, day=1)
    before = dict(store.objects)

    assert "known" == hand_in(store, prepared)
    assert before == store.objects


def test_interview_that_changed_since_is_new(rubric, prepared):
    """Only the last manifest that was taken in counts: going back to an earlier version is a change too."""
    store = MemoryStore()
    changed = prepare(record("Something else was built."), rubric=rubric, requisition="REQ-1", sections="whole")
    archive(store, prepared, day=1)
    archive(store, changed, day=2)

    assert "new" == hand_in(store, prepared)


def test_other_version_in_the_inbox_is_a_conflict(rubric, prepared):
    """What waits for intake is never overwritten; the message names the interview and the way out."""
    store = MemoryStore()
    hand_in(store, prepared)
    changed = prepare(record("Something else was built."), rubric=rubric, requisition="REQ-1", sections="whole")

    with pytest.raises(Conflict, match=rf"{prepared.interview_id}: .* run `debrief intake` first"):
        hand_in(store, changed)
    assert prepared.manifest_bytes == store.objects[manifest_key(prepared.interview_id)]


def test_half_an_import_is_completed(prepared):
    """A transcript that an interrupted import left behind is used, and the manifest follows."""
    store = MemoryStore()
    store.create(prepared.manifest.transcript.key, prepared.transcript_bytes)

    assert "new" == hand_in(store, prepared)


def test_broken_object_under_the_key_is_told(prepared):
    """A transcript object that is not what its key says is never handed in."""
    store = MemoryStore()
    store.create(prepared.manifest.transcript.key, b"{}")

    with pytest.raises(DigestMismatch, match="is not what its key says"):
        hand_in(store, prepared)
    assert [] == store.names("inbox/")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.text(st.characters(exclude_categories=["Cc"]) | st.sampled_from("\n\t .!?"), max_size=200))
def test_every_word_of_every_utterance_is_in_the_source(rubric, answer):
    """Whatever a candidate says, the words that evidence can show are words of the file."""
    data = f"AI: Q\n\nUser: yes\x00no\r\n{answer}".encode(errors="replace")
    (one,) = read(data, "a.txt")
    utterances = prepare(one, rubric=rubric, requisition="R", sections="whole").transcript.utterances()

    assert all(word in data.decode() for utterance in utterances for word in utterance.text.split())


def test_real_interviews_are_prepared_with_their_own_words(shared_data, interviews, rubric):
    """All 150 become transcripts under ids of their own, and every word of every utterance stands in its file."""
    ids = set()
    for name, records in interviews.items():
        words = set((shared_data / "interviews" / name).read_text(encoding="utf-8").replace('""', '"').split())
        for one in records:
            prepared = prepare(one, rubric=rubric, requisition="REQ-1", sections="whole")
            ids.add(prepared.interview_id)
            spoken = [word for utterance in prepared.transcript.utterances() for word in utterance.text.split()]
            answers = [word for turn in one.turns if turn.speaker == "candidate" for word in turn.text.split()]
            assert answers == spoken
            assert all(word in words or f'{word}"' in words for word in spoken)

    assert 150 == len(ids)
