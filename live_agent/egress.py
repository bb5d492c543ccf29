"""The recording of a room: what LiveKit's egress is asked for, and what its reports mean, early, late or twice.

The egress service writes the file into the store itself and gives no digest, so the manifest tells of it what the
report tells. A report may come before the interview is handed over or after; it is kept under the interview either
way, so that whichever comes second brings both together.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from livekit import api
from pydantic import Field, ValidationError

from evaluator.errors import ContentError, ManifestFault, ObjectExists, UsageFault
from evaluator.layout import (
    archived_manifests_prefix,
    egress_key,
    egress_prefix,
    manifest_key,
    recording_key,
    untold_recording_key,
    untold_recordings_prefix,
)
from evaluator.manifest import Manifest, RecordingRef, parse_manifest
from evaluator.ports import ObjectStore, walk
from evaluator.values import Frozen, Id, canonical

log = logging.getLogger(__name__)

EXTENSION, MEDIA_TYPE = "ogg", "audio/ogg"  # of a recording without pictures
VIDEO_EXTENSION, VIDEO_MEDIA_TYPE = "mp4", "video/mp4"
ROOM_PREFIX = "interview-"
BODY_BYTES_MAX = 256 * 1024
_PART = re.compile(rf"([0-9A-Za-z]{{1,40}}\.)?({EXTENSION}|{VIDEO_EXTENSION})")
_NANOSECONDS = 1_000_000_000
_ROOM = re.compile(rf"{ROOM_PREFIX}([A-Za-z0-9][A-Za-z0-9_.-]{{0,63}})")

Status = Literal["pending", "present", "failed"]
_STATUSES: Mapping[int, Status] = {
    api.EgressStatus.EGRESS_STARTING: "pending",
    api.EgressStatus.EGRESS_ACTIVE: "pending",
    api.EgressStatus.EGRESS_ENDING: "pending",
    api.EgressStatus.EGRESS_COMPLETE: "present",
    api.EgressStatus.EGRESS_LIMIT_REACHED: "present",  # shorter than the interview, and there
    api.EgressStatus.EGRESS_FAILED: "failed",
    api.EgressStatus.EGRESS_ABORTED: "failed",
}


class NotSigned(UsageFault):
    """Raised for an event that is not signed by our LiveKit."""


class TooLarge(UsageFault):
    """Raised for an event beyond BODY_BYTES_MAX."""


class Report(Frozen):
    """What the egress said of one recording."""

    interview_id: Id
    egress_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    status: Status
    at: datetime
    key: str | None = None
    bytes: Annotated[int, Field(ge=0)] | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None

    @property
    def recording(self) -> RecordingRef:
        """As the manifest tells it."""
        if self.status != "present" or self.key is None:
            return RecordingRef(status=self.status)
        video = self.key.endswith(f".{VIDEO_EXTENSION}")
        media_type = VIDEO_MEDIA_TYPE if video else MEDIA_TYPE
        return RecordingRef(status="present", key=self.key, bytes=self.bytes, media_type=media_type)


def room_of(interview_id: str) -> str:
    """The room's name, which leads back to the interview."""
    return f"{ROOM_PREFIX}{interview_id}"


def check_store(store_url: str) -> None:
    """UsageFault for a store that the egress service, which is another machine, cannot write to."""
    parts = urlsplit(store_url)
    if parts.scheme != "s3" or not parts.netloc:
        raise UsageFault("recordings of a room need a store that the egress service can reach: s3://bucket")


def request(
    interview_id: str, store_url: str, *, video: bool = False, part: str = ""
) -> api.RoomCompositeEgressRequest:
    """A recording of the whole room, written to the interview's place in the store by the egress service.

    store_url: `s3://bucket/prefix?endpoint=...` as in the settings; UsageFault for a folder. part: names what was
    recorded after a pause, so that it does not take the place of what was recorded before. The egress service has its
    own rights on the bucket: no key of ours goes with the request.
    """
    check_store(store_url)
    parts = urlsplit(store_url)
    endpoint = parse_qs(parts.query).get("endpoint", [""])[0]
    extension = VIDEO_EXTENSION if video else EXTENSION
    key = recording_key(interview_id, f"{part}.{extension}" if part else extension)
    prefix = parts.path.strip("/")
    file = api.EncodedFileOutput(
        file_type=api.EncodedFileType.MP4 if video else api.EncodedFileType.OGG,
        filepath=f"{prefix}/{key}" if prefix else key,
        disable_manifest=True,  # it would lie beside our own, and says nothing that the report does not
        s3=api.S3Upload(bucket=parts.netloc, endpoint=endpoint, force_path_style=bool(endpoint)),
    )
    return api.RoomCompositeEgressRequest(
        room_name=room_of(interview_id), layout="speaker", audio_only=not video, file_outputs=[file]
    )


def received(body: bytes, authorization: str | None, receiver: api.WebhookReceiver) -> Report | None:
    """What a webhook says; None for events that tell of no recording of ours.

    NotSigned, TooLarge; UsageFault for a signed one that contradicts itself. Nothing of it is repeated.
    """
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge(f"the event is {len(body)} bytes; the limit is {BODY_BYTES_MAX}")
    try:
        event = receiver.receive(body.decode(), (authorization or "").removeprefix("Bearer ").strip())
    except Exception:  # noqa: BLE001  the library raises whatever it meets, bare Exception included
        raise NotSigned("the event is not signed by our LiveKit, or cannot be read") from None
    room = _ROOM.fullmatch(event.egress_info.room_name)
    if not event.event.startswith("egress_") or room is None:
        return None
    return report_of(room[1], event.egress_info)


def report_of(interview_id: str, info: api.EgressInfo) -> Report:
    """The egress's own account as a report; UsageFault where it contradicts itself."""
    files = [file for file in info.file_results if file.size > 0]
    status = _STATUSES.get(info.status, "failed")
    if status == "present" and not files:
        status = "failed"  # it says that it is complete, and has written nothing
    at = info.updated_at or info.ended_at or info.started_at
    try:
        return Report(
            interview_id=interview_id,
            egress_id=info.egress_id,
            status=status,
            at=datetime.fromtimestamp(at / _NANOSECONDS, UTC),
            key=_key(interview_id, files[0].filename) if status == "present" else None,
            bytes=files[0].size if status == "present" else None,
            seconds=files[0].duration / _NANOSECONDS if status == "present" else None,
        )
    except (ValidationError, OverflowError, OSError, ValueError):
        raise UsageFault(f"interview {interview_id}: the egress's report cannot be read") from None


def keep(store: ObjectStore, report: Report) -> bool:
    """Keeps the report, and tells intake where it can; whether nothing is left to tell.

    The same report twice is kept once and changes nothing more.
    """
    key = egress_key(report.interview_id, report.egress_id, report.status)
    for name, data in (
        (key, canonical(report.model_dump(mode="json"))),
        (untold_recording_key(report.interview_id), b"{}"),
    ):
        with suppress(ObjectExists):
            store.create(name, data)
    return tell(store, report.interview_id)


def tell_all(store: ObjectStore) -> int:
    """Tells intake of every recording that it does not know of yet and can be told of now; how many are left.

    One whose objects cannot be read is left and logged; the others are told all the same.
    """
    prefix = untold_recordings_prefix()
    waiting = [key.removeprefix(prefix).removesuffix(".json") for key in walk(store, prefix)]
    return sum(not _told(store, interview_id) for interview_id in waiting)


def _told(store: ObjectStore, interview_id: str) -> bool:
    try:
        return tell(store, interview_id)
    except (ContentError, ManifestFault) as error:
        log.warning("recording of interview %s: %s", interview_id[:64], error)
        return False


def tell(store: ObjectStore, interview_id: str) -> bool:
    """Puts the interview's manifest into the inbox again, with its recording; whether nothing is left to tell.

    Not before the interview was handed over and taken in: until then it stays among the untold ones.
    """
    if store.get(manifest_key(interview_id)) is not None:
        return False
    manifest, recording = _newest_manifest(store, interview_id), recording_of(store, interview_id)
    if manifest is None or recording is None or recording.status == "pending":
        return False
    if manifest.recording != recording:
        with suppress(ObjectExists):
            store.create(manifest_key(interview_id), manifest.model_copy(update={"recording": recording}).to_bytes())
        return False  # told when intake has taken it in
    store.delete(untold_recording_key(interview_id))
    return True


def recording_of(store: ObjectStore, interview_id: str) -> RecordingRef | None:
    """What all reports of an interview come to; None when there is none. What is there outweighs what failed.

    Of two that are there (before and after a pause) the longer one is it; both stay where they are.
    """
    reports = sorted(reports_of(store, interview_id), key=_weight)
    return reports[-1].recording if reports else None


def reports_of(store: ObjectStore, interview_id: str) -> Iterator[Report]:
    """All that were kept."""
    for key in walk(store, egress_prefix(interview_id)):
        data = store.get(key)
        try:
            if data is not None:
                yield Report.model_validate_json(data)
        except ValidationError:
            raise ContentError(f"{key} is no report of an egress") from None


_WEIGHT: Mapping[Status, int] = {"pending": 0, "failed": 1, "present": 2}


def _weight(report: Report) -> tuple[int, float, datetime]:
    return _WEIGHT[report.status], report.seconds or 0.0, report.at


def _newest_manifest(store: ObjectStore, interview_id: str) -> Manifest | None:
    """As intake took it in last; None before that."""
    keys = list(walk(store, archived_manifests_prefix(interview_id)))
    data = store.get(keys[-1]) if keys else None
    return None if data is None else parse_manifest(data)


def _key(interview_id: str, filename: str) -> str:
    """The key within our store: the egress names it with whatever stands before our layout."""
    place = recording_key(interview_id, EXTENSION).removesuffix(EXTENSION)
    found = _PART.fullmatch(filename.rpartition(place)[2])
    if place not in filename or found is None or not _stands_first(place, filename):
        raise ValueError("not where it was asked for")
    return place + found[0]


def _stands_first(place: str, filename: str) -> bool:
    before = filename.rpartition(place)[0]
    return not before or before.endswith("/")
