"""The base of the product's values: frozen, closed to unknown fields, with one spelling as JSON."""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
SHA256_PATTERN = r"^[0-9a-f]{64}$"


def _zoned(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("needs a time zone, for example 2026-11-18T14:02:00Z")
    return moment


Id = Annotated[str, Field(pattern=ID_PATTERN)]  # safe as an object key and a path segment
Sha256 = Annotated[str, Field(pattern=SHA256_PATTERN)]  # hex
Moment = Annotated[datetime, AfterValidator(_zoned)]


class Frozen(BaseModel):
    """A value: keyword-only, immutable, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def canonical(value: Any) -> bytes:
    """The one spelling of a JSON value: sorted keys, no spaces, UTF-8; what digests are taken over."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def sha256(data: bytes) -> str:
    """sha256 of the bytes, hex."""
    return hashlib.sha256(data).hexdigest()
