"""S3, or a server that speaks its protocol, as object store; the only module that knows boto3."""

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
)

from evaluator.adapters.keys import can_start_key, checked_key, fault_of, prove_create_only
from evaluator.errors import ContentError, ObjectExists, ObjectMissing, StoreForbidden, StoreUnavailable, UsageFault
from evaluator.ports import ObjectHead

CONNECT_S_MAX = 5.0
READ_S_MAX = 30.0  # between two pieces of an answer
ATTEMPTS_MAX = 3  # of one request, the first one included; botocore waits up to 1 s, then 2 s between them
CONFLICTS_MAX = 4  # of one create; S3 answers 409 while another write of the same key is under way
CONFLICT_WAIT_S = 0.2
CONNECTIONS_MAX = 16
PAGE_MAX = 1_000  # keys per listing, S3's own limit
PREFIX_BYTES_MAX = 255
_CHUNK_BYTES = 64 * 1024

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_CREDENTIAL_CODES = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
}
_MISSING_CODES = {"NoSuchKey", "NotFound", "404"}
_REGION_CODES = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}


class S3Store:
    """Objects of one bucket, below an optional prefix.

    Credentials come from boto3's own chain. The client is made at the first call in each process, so a store may be
    made before a fork; one client serves all threads. A single request takes at most
    `attempts_max * (connect_timeout_s + read_timeout_s)` plus about 3 s, unless an answer trickles in: reading one
    object's body ends after that time too.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        prefix: str = "",
        connect_timeout_s: float = CONNECT_S_MAX,
        read_timeout_s: float = READ_S_MAX,
        attempts_max: int = ATTEMPTS_MAX,
    ) -> None:
        """UsageFault when bucket, endpoint or prefix cannot be one; nothing is opened here."""
        if not _BUCKET.fullmatch(bucket):
            raise UsageFault(f"bucket {bucket[:80]!r} is no bucket name: 3 to 63 of a-z, 0-9, '.', '_' and '-'")
        if endpoint_url is not None:
            _check_endpoint(endpoint_url)
        self._bucket = bucket
        self._endpoint_url = endpoint_url
        self._region = region
        self._prefix = _checked_prefix(prefix)
        self._config = _config(endpoint_url, connect_timeout_s, read_timeout_s, attempts_max)
        self._call_s_max = attempts_max * (connect_timeout_s + read_timeout_s)
        self._clients: dict[int, Any] = {}
        self._locks: dict[int, threading.Lock] = {}

    def __repr__(self) -> str:
        return f"S3Store({self._name!r})"

    def get(self, key: str, *, bytes_max: int = 64 * 1024 * 1024) -> bytes | None:
        """The object's bytes; None when there is none (never for a 403). ContentError when larger than bytes_max."""
        full = self._prefix + checked_key(key)
        with self._translated("s3:GetObject", full):
            try:
                answer = self._client().get_object(Bucket=self._bucket, Key=full)
            except ClientError as error:
                if _code(error) in _MISSING_CODES:
                    return None
                raise
            with contextlib.closing(answer["Body"]) as body:
                return self._read(body, key, int(answer.get("ContentLength", 0)), bytes_max)

    def head(self, key: str) -> ObjectHead | None:
        """Size and version of the object; None when there is none (never for a 403)."""
        full = self._prefix + checked_key(key)
        with self._translated("s3:GetObject", full):
            try:
                answer = self._client().head_object(Bucket=self._bucket, Key=full)
            except ClientError as error:
                if _code(error) in _MISSING_CODES:
                    return None
                raise
            return ObjectHead(bytes=int(answer["ContentLength"]), version=str(answer["ETag"]))

    def part(self, key: str, *, start: int, length: int, version: str) -> bytes:
        """Exactly `length` bytes from `start` on of this version; ObjectMissing when there are none such."""
        full = self._prefix + checked_key(key)
        wanted = f"bytes={start}-{start + length - 1}"
        with self._translated("s3:GetObject", full):
            try:
                answer = self._client().get_object(Bucket=self._bucket, Key=full, Range=wanted, IfMatch=version)
            except ClientError as error:
                if _code(error) in _MISSING_CODES or _status(error) in (412, 416):
                    raise ObjectMissing(f"object {key} is not there any more as it was a moment ago") from None
                raise
            with contextlib.closing(answer["Body"]) as body:
                if int(answer["ResponseMetadata"]["HTTPStatusCode"]) != 206:
                    raise StoreUnavailable(f"{self._name} does not serve parts of objects; use a store that does")
                data = self._read(body, key, 0, length)
        if len(data) != length:
            raise ObjectMissing(f"object {key} ends before byte {start + length}")
        return data

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> None:
        """Writes a new object; ObjectExists when the key is taken.

        It may be taken by this very call: when the answer is lost, boto3 sends the write again and S3 refuses the
        second one. So read the object back and compare before taking it for another's.
        """
        full = self._prefix + checked_key(key)
        for attempt in range(CONFLICTS_MAX):
            if self._put(full, data, media_type):
                return
            time.sleep(CONFLICT_WAIT_S * (attempt + 1))
        if self.get(key, bytes_max=len(data) + 1024 * 1024) is not None:
            raise ObjectExists(f"object {full} exists already")
        raise StoreUnavailable(f"{self._name} answers 409 to every write of {full}; try again later")

    def names(self, prefix: str, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Keys under the prefix in order of their UTF-8 bytes, greater than `after`, at most `limit`.

        Keys that this product would never write, such as ones with an empty part, are left out.
        """
        found: list[str] = []
        if not can_start_key(prefix):
            return found
        start = self._prefix + after
        while len(found) < limit:
            keys, start = self._page(prefix, start, min(PAGE_MAX, limit))
            found += keys[: limit - len(found)]
            if not start:
                break
        return found

    def delete(self, key: str) -> None:
        """Removes the object; no error when there is none. In a versioned bucket older versions stay."""
        full = self._prefix + checked_key(key)
        with self._translated("s3:DeleteObject", full):
            try:
                self._client().delete_object(Bucket=self._bucket, Key=full)
            except ClientError as error:
                if _code(error) not in _MISSING_CODES:
                    raise

    def probe(self) -> None:
        """Proves that the bucket is there and honours If-None-Match; needs to create, read and delete in `probe/`."""
        prove_create_only(self, self._name)

    @property
    def _name(self) -> str:
        place = f" at {self._endpoint_url}" if self._endpoint_url else ""
        return f"s3://{self._bucket}/{self._prefix}{place}"

    def _client(self) -> Any:
        pid = os.getpid()
        # A lock per process: one that another thread held during a fork would stay locked in the child for ever.
        with self._locks.setdefault(pid, threading.Lock()):
            if pid not in self._clients:
                session = boto3.session.Session()  # the default session is not safe between threads
                self._clients[pid] = session.client(
                    "s3", endpoint_url=self._endpoint_url, region_name=self._region, config=self._config
                )
            return self._clients[pid]

    def _put(self, full: str, data: bytes, media_type: str) -> bool:
        """Whether the object was written; False asks to try again."""
        with self._translated("s3:PutObject", full):
            try:
                self._client().put_object(
                    Bucket=self._bucket, Key=full, Body=data, ContentType=media_type, IfNoneMatch="*"
                )
            except ClientError as error:
                if _status(error) == 412:
                    raise ObjectExists(f"object {full} exists already") from None
                if _status(error) == 409:
                    return False
                raise
        return True

    def _read(self, body: Any, key: str, size: int, bytes_max: int) -> bytes:
        data = bytearray()
        deadline = time.monotonic() + self._call_s_max
        while size <= bytes_max and (chunk := body.read(_CHUNK_BYTES)):
            data += chunk
            size = max(size, len(data))
            if time.monotonic() > deadline:
                raise StoreUnavailable(f"{self._name} sent object {key} too slowly ({self._call_s_max:.0f} s)")
        if size > bytes_max:
            raise ContentError(f"object {key} is larger than {bytes_max} bytes")
        return bytes(data)

    def _page(self, prefix: str, start: str, limit: int) -> tuple[list[str], str]:
        """One listing: the usable keys in it, and where the next one starts ('' after the last)."""
        with self._translated("s3:ListBucket", self._prefix + prefix):
            answer = self._client().list_objects_v2(
                Bucket=self._bucket, Prefix=self._prefix + prefix, StartAfter=start, MaxKeys=limit
            )
        listed = [str(entry["Key"]) for entry in answer.get("Contents", [])]
        keys = [key.removeprefix(self._prefix) for key in listed]
        more = answer.get("IsTruncated", False) and listed and listed[-1] > start
        return [key for key in keys if fault_of(key) is None], listed[-1] if more else ""

    @contextlib.contextmanager
    def _translated(self, action: str, full: str) -> Iterator[None]:
        # The texts of foreign errors stay out: some hold addresses with a signature in them.
        try:
            yield
        except ClientError as error:
            self._refused(error, action, full)
        except (NoCredentialsError, PartialCredentialsError):
            raise StoreUnavailable(
                f"no credentials for {self._name}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                "name a profile in AWS_PROFILE, or give this machine a role"
            ) from None
        except (HTTPClientError, IncompleteReadError) as error:
            raise StoreUnavailable(
                f"no answer from {self._name} ({type(error).__name__}); see that the address is right and reachable"
            ) from None
        except BotoCoreError as error:
            raise StoreUnavailable(
                f"cannot use {self._name} ({type(error).__name__}); see the AWS settings of this machine"
            ) from None

    def _refused(self, error: Any, action: str, full: str) -> NoReturn:
        code, status = _code(error), _status(error)
        said = f"{self._name} answers {status} {code}"
        objects = full[: full.rfind("/") + 1] + "*"  # what a permission is given for
        if code in _CREDENTIAL_CODES:
            raise StoreForbidden(f"{said}: the credentials are refused; renew or correct them") from None
        if status in (401, 403):
            # S3 tells only those who may list that an object is missing.
            hint = "; without s3:ListBucket a missing object is answered so too" if action == "s3:GetObject" else ""
            raise StoreForbidden(f"{said}: permission {action} is missing for {objects}{hint}") from None
        if code == "NoSuchBucket":
            way_out = f"create bucket {self._bucket} or correct the store's URL"
        elif code in _REGION_CODES or status in (301, 307):
            way_out = "the bucket lives in another region; name it in the store's URL, ?region="
        elif code == "NotImplemented" or status == 501:
            way_out = f"it cannot do {action} as asked, with If-None-Match; use a store that can"
        else:
            way_out = f"{action} of {objects} failed; try again later"
        raise StoreUnavailable(f"{said}: {way_out}") from None


def _config(endpoint_url: str | None, connect_timeout_s: float, read_timeout_s: float, attempts_max: int) -> Any:
    # Servers of others know neither bucket names as host names nor, some of them, the newer checksums.
    other = endpoint_url is not None
    checksums = "when_required" if other else "when_supported"
    return Config(
        connect_timeout=connect_timeout_s,
        read_timeout=read_timeout_s,
        retries={"total_max_attempts": attempts_max, "mode": "standard"},
        max_pool_connections=CONNECTIONS_MAX,
        s3={"addressing_style": "path" if other else "auto"},
        request_checksum_calculation=checksums,
        response_checksum_validation=checksums,
    )


def _check_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise UsageFault("the store's endpoint must be http://host:port or https://host, without credentials or path")


def _checked_prefix(prefix: str) -> str:
    bare = prefix.strip("/")
    if not bare:
        return ""
    if fault := fault_of(bare):
        raise UsageFault(f"the store's prefix {bare[:80]!a} {fault}")
    if len(bare.encode()) >= PREFIX_BYTES_MAX:
        raise UsageFault(f"the store's prefix is longer than {PREFIX_BYTES_MAX} bytes")
    return bare + "/"


def _code(error: Any) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else "without a known code"


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
