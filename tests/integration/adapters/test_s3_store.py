"""What only S3 can do wrong: permissions, lost answers, outages, servers that do not honour create-only writes."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable

import boto3
import pytest

from evaluator.adapters.s3 import CONFLICTS_MAX, S3Store
from evaluator.errors import DebriefError, ObjectExists, StoreForbidden, StoreUnavailable, UsageFault
from tests.integration.adapters.scripted_s3 import ScriptedS3, free_port

KEY = "checkpoints/i1/key/s1.json"
CALLS: dict[str, tuple[str, Callable[[S3Store], object]]] = {
    "get": ("s3:GetObject", lambda store: store.get(KEY)),
    "create": ("s3:PutObject", lambda store: store.create(KEY, b"1")),
    "names": ("s3:ListBucket", lambda store: store.names("checkpoints/i1/")),
    "delete": ("s3:DeleteObject", lambda store: store.delete(KEY)),
    "part": ("s3:GetObject", lambda store: store.part(KEY, start=0, length=1, version='"v"')),
}


@pytest.mark.parametrize("call", CALLS)
def test_403_names_the_missing_permission_and_the_folder(
    call: str, scripted: ScriptedS3, scripted_store: S3Store
) -> None:
    """A 403 is a missing permission, never a missing object."""
    scripted.always = "403 AccessDenied"
    action, run = CALLS[call]

    with pytest.raises(StoreForbidden, match=rf"{action} is missing for team/checkpoints/i1/"):
        run(scripted_store)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("500 InternalError", "500 InternalError"),
        ("503 SlowDown", "try again later"),
        ("404 NoSuchBucket", "create bucket bucket"),
        ("301 PermanentRedirect", r"\?region="),
        ("501 NotImplemented", "use a store that can"),
        ("400 Odd-Code", "400 without a known code"),
        ("drop", "no answer from s3://bucket/team/"),
    ],
)
def test_outages_are_unavailable_with_a_way_out(
    call: str, step: str, text: str, scripted: ScriptedS3, scripted_store: S3Store
) -> None:
    """Whatever else goes wrong is one error that names the store, without the server's own words."""
    scripted.always = step

    with pytest.raises(StoreUnavailable, match=text) as raised:
        CALLS[call][1](scripted_store)
    assert "secret-detail" not in str(raised.value)
    assert "Signature" not in str(raised.value)


@pytest.mark.parametrize(
    ("step", "kind", "text"),
    [
        ("403 AccessDenied", StoreForbidden, "s3:GetObject is missing"),
        ("500 InternalError", StoreUnavailable, "try again later"),
        ("drop", StoreUnavailable, "no answer from s3://bucket/team/"),
    ],
)
def test_head_without_a_body_still_says_what_is_wrong(
    step: str, kind: type[DebriefError], text: str, scripted: ScriptedS3, scripted_store: S3Store
) -> None:
    """The answer to a HEAD has no code in it: its status has to do."""
    scripted.always = step

    with pytest.raises(kind, match=text):
        scripted_store.head(KEY)


def test_server_without_ranges_is_found_out(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """A whole object is not taken for the part that was asked for."""
    scripted_store.create(KEY, b"12345")

    with pytest.raises(StoreUnavailable, match="does not serve parts"):
        scripted_store.part(KEY, start=0, length=5, version='"v"')


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
def test_refused_credentials_are_told_from_permissions(
    code: str, scripted: ScriptedS3, scripted_store: S3Store
) -> None:
    """Wrong or expired credentials are named as such and never repeated."""
    scripted.always = f"403 {code}"

    with pytest.raises(StoreForbidden, match="credentials are refused") as raised:
        scripted_store.get(KEY)
    assert "test-access-key" not in str(raised.value)


def test_lost_answer_of_a_write_ends_as_object_exists(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """The write was done, its answer got lost, boto3 sends it again: the object is ours and says so when read."""
    scripted.script = ["lose"]

    with pytest.raises(ObjectExists):
        scripted_store.create(KEY, b"mine")
    assert scripted_store.get(KEY) == b"mine"


def test_conflict_is_tried_again(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """S3 answers 409 while another write of the key is under way; the next try decides."""
    scripted.script = ["409 ConditionalRequestConflict"]

    scripted_store.create(KEY, b"mine")

    assert scripted_store.get(KEY) == b"mine"


@pytest.mark.parametrize(("there", "error"), [(b"other", ObjectExists), (None, StoreUnavailable)])
def test_endless_conflict_ends_by_reading(
    there: bytes | None, error: type[DebriefError], scripted: ScriptedS3, scripted_store: S3Store
) -> None:
    """After a bounded number of 409s the object itself says whether somebody has won."""
    scripted.script = ["409 ConditionalRequestConflict"] * CONFLICTS_MAX
    if there is not None:
        scripted.objects[f"/bucket/team/{KEY}"] = there

    with pytest.raises(error):
        scripted_store.create(KEY, b"mine")
    assert len(scripted.requests) == CONFLICTS_MAX + 1


def test_passing_outage_is_bridged_by_the_second_attempt(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """One 503 or one dropped connection costs a retry, not an error."""
    scripted.script = ["503 SlowDown", "ok", "drop", "ok"]

    scripted_store.create(KEY, b"1")

    assert scripted_store.get(KEY) == b"1"


def test_cut_answer_is_unavailable_not_short(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """Half a body is an error, never an object."""
    scripted_store.create(KEY, b"x" * 100)
    scripted.script = ["cut"]

    with pytest.raises(StoreUnavailable, match="no answer"):
        scripted_store.get(KEY)


def test_server_that_hangs_ends_within_the_time_limit(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """Two attempts of half a second each, and what lies between them."""
    scripted.always = "hang"

    started = time.monotonic()
    with pytest.raises(StoreUnavailable, match="ReadTimeoutError"):
        scripted_store.get(KEY)
    assert time.monotonic() - started < 4


def test_unreachable_endpoint_is_unavailable_and_named(credentials: None) -> None:
    """Nobody listens: the error names the address."""
    port = free_port()
    store = S3Store("bucket", endpoint_url=f"http://127.0.0.1:{port}", connect_timeout_s=0.5, attempts_max=1)

    with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}"):
        store.probe()


def test_missing_bucket_names_it(moto_url: str, credentials: None) -> None:
    """A bucket that does not exist is an error even when reading one object: nothing is 'missing' in it."""
    store = S3Store("no-such-bucket", endpoint_url=moto_url)

    for call in CALLS.values():
        with pytest.raises(StoreUnavailable, match="create bucket no-such-bucket"):
            call[1](store)


def test_missing_credentials_say_how_to_give_them(scripted_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials nothing is sent, and the error says where they come from."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(StoreUnavailable, match="set AWS_ACCESS_KEY_ID"):
        scripted_store.get(KEY)


def test_unknown_profile_is_unavailable(scripted_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that is not there is a fault of the machine's settings."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    with pytest.raises(StoreUnavailable, match="ProfileNotFound"):
        scripted_store.get(KEY)


def test_probe_refuses_a_store_that_overwrites(credentials: None) -> None:
    """A server that ignores If-None-Match cannot keep results, and says so before any is written."""
    with ScriptedS3(create_only=False) as server:
        store = S3Store("bucket", endpoint_url=server.url)

        with pytest.raises(StoreUnavailable, match="does not honour create-only writes"):
            store.probe()
        assert server.objects == {}


def test_probe_stands_where_deleting_is_not_allowed(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """A worker's role need not delete: the proof is the refused second write."""
    scripted.script = ["ok", "ok", "ok", "403 AccessDenied"]

    scripted_store.probe()

    assert len(scripted.objects) == 1


def test_prefix_keeps_stores_apart(moto_url: str, bucket: str) -> None:
    """Two prefixes of a bucket are two stores, and keys do not show the prefix."""
    one, other = (S3Store(bucket, endpoint_url=moto_url, prefix=prefix) for prefix in ("a/", "/ab"))
    one.create("inbox/x", b"one")

    assert one.names("") == ["inbox/x"]
    assert other.names("") == []
    assert S3Store(bucket, endpoint_url=moto_url).names("") == ["a/inbox/x"]


def test_strange_keys_of_others_are_left_out_of_pages(moto_url: str, bucket: str) -> None:
    """Objects under keys that no adapter would take do not end a listing early."""
    client = boto3.session.Session().client("s3", endpoint_url=moto_url)
    for key in ("a//1", "a//2", "a//3", "a/1", "a/2", "a/z/"):
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    store = S3Store(bucket, endpoint_url=moto_url)

    assert store.names("a/", limit=2) == ["a/1", "a/2"]
    assert store.names("a/", limit=1) == ["a/1"]


def test_media_type_is_kept(moto_url: str, bucket: str) -> None:
    """Browsers that fetch a recording are told what it is."""
    S3Store(bucket, endpoint_url=moto_url).create("r.opus", b"1", media_type="audio/opus")

    client = boto3.session.Session().client("s3", endpoint_url=moto_url)
    assert client.head_object(Bucket=bucket, Key="r.opus")["ContentType"] == "audio/opus"


def _read_in_child(store: S3Store, results: "multiprocessing.SimpleQueue[object]") -> None:
    results.put((os.getpid(), store.get(KEY)))


def test_store_works_in_a_forked_child_of_a_parent_that_used_it(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """A child makes its own client, even when it is forked while a thread of the parent makes one."""
    scripted_store.create(KEY, b"1")
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    lock = scripted_store._locks[os.getpid()]

    with lock:
        child = fork.Process(target=_read_in_child, args=(scripted_store, results))
        child.start()
        child.join(timeout=20)

    assert child.exitcode == 0
    assert results.get() == (child.pid, b"1")


def test_first_calls_of_many_threads_share_one_client(scripted: ScriptedS3, scripted_store: S3Store) -> None:
    """Making the client is done once, whoever comes first."""
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(scripted_store.get(KEY))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [None] * 8
    assert len(scripted_store._clients) == 1


@pytest.mark.parametrize("bucket", ["", "A", "ab", "bad_UPPER", "a/b", "x" * 64, "bucket\n"])
def test_impossible_bucket_names_are_usage_faults(bucket: str) -> None:
    """A bucket name that S3 cannot have is found before anything is opened."""
    with pytest.raises(UsageFault, match="bucket"):
        S3Store(bucket)


@pytest.mark.parametrize(
    "endpoint",
    ["", "127.0.0.1:9000", "ftp://host", "http://", "http://user:pw@host", "http://h/?x=1", "http://h:99999"],
)
def test_impossible_endpoints_are_usage_faults(endpoint: str) -> None:
    """An endpoint is an address and nothing else; what was given is not repeated, as it may hold a secret."""
    with pytest.raises(UsageFault, match="endpoint") as raised:
        S3Store("bucket", endpoint_url=endpoint)
    assert "pw" not in str(raised.value)
