"""Which URLs name a store, and which are refused."""

from pathlib import Path

import pytest

from evaluator.adapters import STORE_FORMS, store_from_url
from evaluator.errors import UsageFault


def test_file_url_names_a_folder(tmp_path: Path) -> None:
    """A path with a space, percent-encoded as in any URL, is that folder."""
    store = store_from_url(f"file://{tmp_path}/my%20store")

    assert f"FolderStore('{tmp_path}/my store')" == repr(store)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("s3://bucket", "s3://bucket/"),
        ("s3://bucket/", "s3://bucket/"),
        ("s3://bucket/team/a/", "s3://bucket/team/a/"),
        ("s3://bucket/a?endpoint=http://127.0.0.1:9000&region=eu", "s3://bucket/a/ at http://127.0.0.1:9000"),
        ("s3://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A9000", "s3://bucket/ at http://127.0.0.1:9000"),
    ],
)
def test_s3_url_names_bucket_prefix_and_endpoint(url: str, named: str) -> None:
    """Bucket, prefix and the server of one's own are read from the URL; nothing is opened."""
    store = store_from_url(url)

    assert f"S3Store({named!r})" == repr(store)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relative/path",
        "/absolute/path",
        "file://relative/path",
        "file:relative",
        "file://",
        "file:///a?x=1",
        "file:///a%00b",
        "http://bucket",
        "s3:bucket",
        "s3://bucket:9000",
        "s3://bucket:port",
        "s3://[bucket",
        "s3://bucket#part",
        "s3://bucket?unknown=1",
        "s3://bucket?region=",
        "s3://bucket?region=a&region=b",
        "s3://bucket?region",
    ],
)
def test_other_urls_name_the_accepted_forms(url: str) -> None:
    """Whatever cannot be a store's URL is answered with what can."""
    with pytest.raises(UsageFault) as raised:
        store_from_url(url)

    assert STORE_FORMS in str(raised.value) or "bucket" in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA:hunter2@bucket",
        "s3://hunter2@bucket",
        "s3://bucket?endpoint=http://AKIA:hunter2@host:9000",
        "s3://bucket?hunter2=1",
        "s3://bucket?secret=hunter2",
        "file://u:hunter2@/folder",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    """A secret in a URL would end up in logs; so it is refused, and the refusal does not show it."""
    with pytest.raises(UsageFault) as raised:
        store_from_url(url)

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("prefix", ["..", "a/../b", "a//b", "a\\b", "%00", "x" * 256])
def test_hostile_prefix_is_a_usage_fault(prefix: str) -> None:
    """A prefix obeys the same rule as a key."""
    with pytest.raises(UsageFault, match="prefix"):
        store_from_url(f"s3://bucket/{prefix}")
