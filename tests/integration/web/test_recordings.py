"""Recordings over HTTP: ranges that add up, rights, what is logged, and a designed answer for what cannot be heard."""

import io
import math
import re
import struct
import wave

import boto3
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from evaluator.adapters.folder import FolderStore
from evaluator.adapters.s3 import S3Store
from evaluator.errors import StoreUnavailable
from evaluator.manifest import RecordingRef
from evaluator.storage.audit import entries
from evaluator.values import sha256
from evaluator.web.app import create_app
from evaluator.web.pages.recordings import PART_BYTES, SPAN_BYTES_MAX
from tests.integration.storage.builders import change
from tests.integration.web.conftest import LOOPBACK, a_person, a_token, sign_in
from tests.integration.web.world import World, text_of

ADDRESS = "/interviews/iv-1/recording"
KEY = "interviews/iv-1/recording.wav"


def a_wav(seconds=2.0, rate=8_000):
    """A tone, as a recorder would leave it."""
    frames = (int(8_000 * math.sin(n / 9)) for n in range(int(seconds * rate)))
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(rate)
        made.writeframes(b"".join(struct.pack("<h", frame) for frame in frames))
    return file.getvalue()


WAV = a_wav()


def a_ref(data=WAV, **changes):
    """As the handoff reports one that it wrote itself."""
    values = {"status": "present", "key": KEY, "bytes": len(data), "media_type": "audio/wav", "sha256": sha256(data)}
    return RecordingRef(**{**values, **changes})


@pytest.fixture
def world(database):
    """One interview with its recording; an administrator looks at it."""
    world = World(database)
    world.store.create(KEY, WAV)
    world.interview(recording=a_ref())
    with world.client:
        yield world


def heard(world):
    """Entries of the log about recordings, the oldest first: (person, action, object, requisition)."""
    with world.database.begin() as db:
        found = [e for e in reversed(entries(db)) if e.action.startswith("recording")]
    return [(e.person_id, e.action, e.object, e.requisition) for e in found]


def test_whole_recording_comes_with_what_a_browser_needs(world):
    """Its type, its name without anybody's, no sniffing, no keeping in caches."""
    answer = world.client.get(ADDRESS)

    assert (200, WAV) == (answer.status_code, answer.content)
    expected = {
        "content-type": "audio/wav",
        "content-length": str(len(WAV)),
        "accept-ranges": "bytes",
        "content-disposition": 'inline; filename="iv-1.wav"',
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    assert expected == {name: answer.headers[name] for name in expected}
    assert re.fullmatch(r'"[0-9a-f]{32}"', answer.headers["etag"])


def test_range_is_answered_with_just_that(world):
    """206, with where it lies in the whole."""
    answer = world.client.get(ADDRESS, headers={"Range": "bytes=100-199"})

    assert (206, WAV[100:200]) == (answer.status_code, answer.content)
    assert f"bytes 100-199/{len(WAV)}" == answer.headers["content-range"]
    assert "100" == answer.headers["content-length"]


def test_range_beyond_the_end_is_416(world):
    """With the size, so that a player can ask again."""
    answer = world.client.get(ADDRESS, headers={"Range": f"bytes={len(WAV)}-"})

    assert (416, b"") == (answer.status_code, answer.content)
    assert f"bytes */{len(WAV)}" == answer.headers["content-range"]


def test_head_says_the_same_without_the_bytes(world):
    """Ranges mean nothing to it, and nothing is logged: nobody heard anything."""
    got = world.client.get(ADDRESS)
    before = heard(world)
    head = world.client.head(ADDRESS, headers={"Range": "bytes=0-9"})

    assert (200, b"") == (head.status_code, head.content)
    same = ("content-type", "content-length", "etag", "accept-ranges", "content-disposition")
    assert {n: got.headers[n] for n in same} == {n: head.headers[n] for n in same}
    assert before == heard(world)


def test_conditions_are_kept(world):
    """A later part is only given of the version that the first was of."""
    tag = world.client.get(ADDRESS).headers["etag"]

    def status(**headers):
        return world.client.get(ADDRESS, headers={k.replace("_", "-"): v for k, v in headers.items()}).status_code

    assert 206 == status(Range="bytes=0-9", If_Range=tag)
    assert 200 == status(Range="bytes=0-9", If_Range='"other"')
    assert 304 == status(If_None_Match=tag)
    assert 412 == status(If_Match='"other"')
    assert 200 == status(Range="bytes=0-1,5-6")


@pytest.mark.parametrize("size", [PART_BYTES - 1, PART_BYTES, 2 * PART_BYTES + 1, SPAN_BYTES_MAX + PART_BYTES + 7])
def test_long_recordings_come_piece_by_piece(database, size):
    """No answer to a range is longer than one stretch; asking on gives every byte once."""
    world, data = World(database), bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    world.store.create(KEY, data)
    world.interview(recording=a_ref(data))
    got, answers = b"", 0
    while len(got) < size:
        answer = world.client.get(ADDRESS, headers={"Range": f"bytes={len(got)}-"})
        assert len(answer.content) <= SPAN_BYTES_MAX
        got, answers = got + answer.content, answers + 1

    assert data == got
    assert math.ceil(size / SPAN_BYTES_MAX) == answers
    assert data == world.client.get(ADDRESS).content


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    header=st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
        st.from_regex(r"bytes=[0-9]{0,22}-[0-9]{0,22}", fullmatch=True),
        st.tuples(st.integers(0, 40_000), st.integers(0, 40_000)).map(lambda r: f"bytes={r[0]}-{r[1]}"),
    )
)
def test_any_range_header_is_answered(world, header):
    """Never an error of ours; what is sent is as long as it says and lies where it says."""
    answer = world.client.get(ADDRESS, headers={"Range": header})

    assert answer.status_code in {200, 206, 416}
    assert int(answer.headers.get("content-length", "0")) == len(answer.content)
    if answer.status_code == 206:
        start, end, size = map(int, re.findall(r"\d+", answer.headers["content-range"]))
        assert (len(WAV), WAV[start : end + 1]) == (size, answer.content)
    elif answer.status_code == 200:
        assert WAV == answer.content


# --- Rights


def test_only_those_hear_it_who_may(world):
    """Reviewers do; somebody elsewhere learns not even that there is one; nobody without a login."""
    reviewer = world.visitor(a_person(world.database, "rev", roles=[("REQ-114", "reviewer")]))
    elsewhere = world.visitor(a_person(world.database, "other", roles=[("REQ-9", "recruiter")]))
    nobody = TestClient(world.app, base_url=LOOPBACK, follow_redirects=False)

    assert [200, 404, 303] == [client.get(ADDRESS).status_code for client in (reviewer, elsewhere, nobody)]
    assert "or none that you may see" in elsewhere.get(ADDRESS).text


def test_right_is_asked_for_at_every_range(world):
    """A role that is taken away ends the listening at the next piece."""
    person = a_person(world.database, "rev", roles=[("REQ-114", "reviewer")])
    client = world.visitor(person)
    before = client.get(ADDRESS, headers={"Range": "bytes=0-9"}).status_code
    change(world.database, "DELETE FROM membership")

    assert (206, 404) == (before, client.get(ADDRESS, headers={"Range": "bytes=10-19"}).status_code)


def test_keeping_it_needs_the_right_to_export(world):
    """A reviewer hears it and cannot download it; a recruiter can."""
    reviewer = world.visitor(a_person(world.database, "rev", roles=[("REQ-114", "reviewer")]))
    recruiter = world.visitor(a_person(world.database, "rec", roles=[("REQ-114", "recruiter")]))
    refused, kept = (client.get(f"{ADDRESS}?download=1") for client in (reviewer, recruiter))
    links = [client.get("/interviews/iv-1/transcript").text for client in (reviewer, recruiter)]

    assert (403, 200) == (refused.status_code, kept.status_code)
    assert 'attachment; filename="iv-1.wav"' == kept.headers["content-disposition"]
    assert [False, True] == ["?download=1" in page for page in links]


def test_token_hears_it_too(world):
    """With the scope to read, and is logged as its owner."""
    person = a_person(world.database, "rev", roles=[("REQ-114", "reviewer")])
    client = TestClient(world.app, base_url=LOOPBACK)
    client.headers["Authorization"] = f"Bearer {a_token(world.database, person, 'read')}"

    assert 206 == client.get(ADDRESS, headers={"Range": "bytes=0-9"}).status_code
    assert [(person, "recording.read", "interview:iv-1", "REQ-114")] == heard(world)


# --- What is logged


def test_listening_is_one_entry(world):
    """However many ranges a player asks for; a later listening is another one, and so is another person's."""
    ada, bob = (a_person(world.database, name, roles=[("REQ-114", "reviewer")]) for name in ("ada", "bob"))
    clients = [world.visitor(ada), world.visitor(bob)]
    for start in (0, 5_000, 0, 20_000):
        clients[0].get(ADDRESS, headers={"Range": f"bytes={start}-"})
    first = heard(world)
    change(world.database, "UPDATE audit SET at = at - interval '6 minutes'")
    for client in clients:
        client.get(ADDRESS, headers={"Range": "bytes=9000-"})

    assert [(ada, "recording.read", "interview:iv-1", "REQ-114")] == first
    assert [ada, ada, bob] == [person for person, *_ in heard(world)]


def test_whole_answers_and_downloads_are_each_an_entry(world):
    """Whoever takes it whole has it."""
    for _ in range(2):
        world.client.get(ADDRESS)
        world.client.get(f"{ADDRESS}?download=1")

    assert ["recording.read", "recording.download"] * 2 == [action for _, action, *_ in heard(world)]


def test_what_gave_no_byte_is_not_logged(world):
    """Neither what was not there, nor what the reader had already, nor what was beyond the end."""
    tag = world.client.head(ADDRESS).headers["etag"]
    world.client.get(ADDRESS, headers={"If-None-Match": tag})
    world.client.get(ADDRESS, headers={"Range": "bytes=999999999-"})
    world.interview("iv-2")
    world.client.get("/interviews/iv-2/recording")
    world.page("/interviews/iv-1/transcript")

    assert [] == heard(world)


# --- What cannot be heard

MISSING = [
    ("none", RecordingRef(status="none"), 404, "There is no recording of this interview."),
    ("pending", RecordingRef(status="pending"), 404, "still being made ready"),
    ("not arrived", RecordingRef(status="pending", key="interviews/iv-2/recording.ogg"), 404, "still being made ready"),
    ("failed", RecordingRef(status="failed"), 404, "making it failed"),
    ("deleted", a_ref(key="interviews/iv-2/recording.wav"), 404, "was deleted, or never arrived"),
    ("no key", RecordingRef(status="present"), 409, "no kind of recording"),
    ("html", a_ref(key="interviews/iv-2/recording.html"), 409, "no kind of recording"),
    ("manifest", a_ref(key="interviews/iv-2/manifest-1.json"), 409, "no kind of recording"),
    ("another's", a_ref(), 409, "no kind of recording"),
]


@pytest.mark.parametrize(("ref", "status", "words"), [case[1:] for case in MISSING], ids=[case[0] for case in MISSING])
def test_what_cannot_be_heard_says_why(world, ref, status, words):
    """In the player's place and at its address; no dead player, no link to nothing."""
    world.interview("iv-2", recording=ref)

    answer = world.client.get("/interviews/iv-2/recording", headers={"Accept": "application/json"})
    page = world.page("/interviews/iv-2/transcript")

    assert status == answer.status_code
    assert words in answer.json()["detail"]
    assert words in text_of(page)
    assert "<audio" not in page
    assert "recording#t=" not in page


@pytest.mark.parametrize("changes", [{"bytes": 7}, {"sha256": "0" * 64}], ids=["size", "digest"])
def test_other_bytes_than_were_handed_over_are_not_played(database, changes):
    """Nobody decides on a voice that is not the one of this interview."""
    world = World(database)
    world.store.create(KEY, WAV)
    world.interview(recording=a_ref(**changes))

    answer = world.client.get(ADDRESS)

    assert 409 == answer.status_code
    assert "other bytes than were handed over" in text_of(answer.text)
    assert [] == heard(world)


def test_recorder_that_finishes_later_is_found(database):
    """Handed over as pending; it can be heard as soon as its object is there."""
    world = World(database)
    world.interview(recording=RecordingRef(status="pending", key=KEY))
    before = world.client.get(ADDRESS).status_code
    world.store.create(KEY, WAV)

    assert (404, 200) == (before, world.client.get(ADDRESS).status_code)


def test_store_that_does_not_answer_is_said(world, monkeypatch):
    """503 at the address, words in the page: the transcript is there all the same."""

    def fails(key):
        raise StoreUnavailable("no answer")

    monkeypatch.setattr(world.store, "head", fails)

    assert 503 == world.client.get(ADDRESS).status_code
    assert "cannot be reached right now" in text_of(world.page("/interviews/iv-1/transcript"))


@pytest.mark.parametrize(
    ("key", "told", "sent"),
    [
        ("recording.ogg", "audio/ogg", "audio/ogg"),
        ("recording.ogg", "audio/x-html", "audio/ogg"),
        ("recording.mp4", "audio/mp4", "audio/mp4"),
        ("recording.mp4", None, "video/mp4"),
        ("recording.webm", "audio/webm", "audio/webm"),
        ("recording.opus", "video/mp4", "audio/ogg"),
    ],
)
def test_media_type_is_one_of_ours(database, key, told, sent):
    """Whatever a manifest says, and however the object begins."""
    world = World(database)
    data = b"<html><script>alert(1)</script>"
    world.store.create(f"interviews/iv-1/{key}", data)
    world.interview(recording=a_ref(data, key=f"interviews/iv-1/{key}", media_type=told))

    answer = world.client.get(ADDRESS)

    assert (sent, "nosniff") == (answer.headers["content-type"], answer.headers["x-content-type-options"])
    assert ("<video" in world.page("/interviews/iv-1/transcript")) == sent.startswith("video/")


# --- Real stores


@pytest.fixture
def s3(monkeypatch):
    """A store in moto."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    boto3.session.Session().client("s3", endpoint_url=url).create_bucket(Bucket="recordings")
    yield S3Store("recordings", endpoint_url=url, prefix="team/a")
    server.stop()


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_real_stores_serve_ranges(world, request, tmp_path, kind):
    """Piece by piece, beyond one piece; gone in between is no other bytes."""
    store = FolderStore(tmp_path / "store") if kind == "folder" else request.getfixturevalue("s3")
    data = bytes(range(250)) * 10_000
    store.create("interviews/iv-2/recording.wav", data)
    world.interview("iv-2", recording=a_ref(data, key="interviews/iv-2/recording.wav"))
    client = TestClient(create_app(world.database, store, version="1"), base_url=LOOPBACK)
    sign_in(client, world.database, a_person(world.database, admin=True))

    def got(header):
        answer = client.get("/interviews/iv-2/recording", headers={"Range": header} if header else {})
        return answer.status_code, answer.content

    assert (206, data[7:2_000_000]) == got("bytes=7-1999999")
    assert (206, data[-5:]) == got("bytes=-5")
    assert (200, data) == got(None)
    store.delete("interviews/iv-2/recording.wav")
    assert 404 == got("bytes=0-")[0]
