"""Real stores for the tests of the adapters: a folder, and S3 as moto's server speaks it on loopback."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from evaluator.adapters.folder import FolderStore
from evaluator.adapters.s3 import S3Store
from evaluator.ports import ObjectStore
from tests.integration.adapters.scripted_s3 import ScriptedS3

NOBODY = 65534


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """Address of moto's S3. It persists nothing and accepts any signature: nothing about either is tested here."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials as boto3 finds them, of no account at all."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-access-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture
def bucket(moto_url: str, credentials: None) -> str:
    """A new, empty bucket."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    boto3.session.Session().client("s3", endpoint_url=moto_url).create_bucket(Bucket=name)
    return name


@pytest.fixture
def s3_store(moto_url: str, bucket: str) -> S3Store:
    """A store in moto, below a prefix."""
    return S3Store(bucket, endpoint_url=moto_url, prefix="team/a")


@pytest.fixture
def folder_store(tmp_path: Path) -> FolderStore:
    """A store in a new folder."""
    return FolderStore(tmp_path / "store")


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Each real store in turn: what holds for one must hold for the other."""
    found: ObjectStore = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def scripted() -> Iterator[ScriptedS3]:
    """An S3 that misbehaves as the test says."""
    with ScriptedS3() as server:
        yield server


@pytest.fixture
def scripted_store(scripted: ScriptedS3, credentials: None) -> S3Store:
    """A client of the misbehaving S3 that gives up soon."""
    return S3Store(
        "bucket", endpoint_url=scripted.url, connect_timeout_s=0.5, read_timeout_s=0.5, attempts_max=2, prefix="team"
    )


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of an ordinary user, whom permissions bind; as root the test becomes that user for its duration."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = os.geteuid()
        if before == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(before)
            for path in [folder, *folder.rglob("*")]:
                path.chmod(0o700)
