"""Recordings as they are heard: streamed piece by piece, rights checked for each request, and logged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import Connection

from evaluator.errors import Conflict, Forbidden, NotFound, StoreUnavailable
from evaluator.people import Viewer
from evaluator.storage import audit
from evaluator.storage.reading import SpokenInterview, find_spoken
from evaluator.web.byte_ranges import Span, Unsatisfiable, has_changed, not_modified, span_of
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.problems import Refusal
from evaluator.web.recording import Heard, Recordings
from evaluator.web.rights import AsVisit, InRequisition, add, of_interview

PART_BYTES = 1024 * 1024  # held in memory for each answer
# Of one answer to a range. A player asks for the next one when it needs it, so rights are checked again and again, and
# one that was put on hold keeps no connection.
SPAN_BYTES_MAX = 8 * 1024 * 1024
LISTENING = timedelta(minutes=5)  # what somebody asks for within it, piece by piece, is one entry of the log
READ, DOWNLOAD = "recording.read", "recording.download"

KEEP_NOT_YOURS = "your role lets you hear recordings here, not keep them; an administrator can say who may"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingPages:
    """The handler."""

    site: Site
    recordings: Recordings

    def recording(self, visit: AsVisit, request: Request, interview_id: str, download: bool = False) -> Response:
        """The bytes, or those of one range; what there is instead of a recording is said as a problem."""
        viewer = visit.viewer
        with self.site.database.begin() as db:
            spoken = find_spoken(db, checked_name("interview", interview_id))
        if download and not viewer.may("export", spoken.requisition):
            raise Forbidden(KEEP_NOT_YOURS)
        heard = self.recordings.of(spoken)
        headers = _headers(heard, download=download)
        if has_changed(request.headers, heard.tag):
            raise Refusal(412, "precondition_failed", "the recording is another one now; open the page again")
        if not_modified(request.headers, heard.tag):
            return Response(status_code=304, headers=headers)
        if request.method == "HEAD":  # of which RFC 9110 knows no ranges
            return _empty(200, {**headers, "Content-Length": str(_size(heard))}, heard)
        try:
            span = span_of(request.headers, size=_size(heard), tag=heard.tag, most=SPAN_BYTES_MAX)
        except Unsatisfiable:
            return _empty(416, {**headers, "Content-Range": f"bytes */{_size(heard)}"}, heard)
        with self.site.database.begin() as db:
            _log(db, viewer, spoken, whole=span is None, download=download)
        return self._streamed(heard, span, headers)

    def _streamed(self, heard: Heard, span: Span | None, headers: Mapping[str, str]) -> Response:
        size = _size(heard)
        sent = span or Span(start=0, length=size)
        more = {**headers, "Content-Length": str(sent.length)}
        if span is not None:
            more["Content-Range"] = span.content_range(size)
        pieces = self._pieces(heard, sent)
        first = next(pieces)  # before the answer begins, so that a store which fails is said properly
        status = 200 if span is None else 206
        return StreamingResponse(_led_by(first, pieces), status, more, media_type=heard.media_type)

    def _pieces(self, heard: Heard, sent: Span) -> Iterator[bytes]:
        assert heard.key is not None and heard.head is not None  # noqa: S101  it is present
        part = partial(self.site.store.part, heard.key, version=heard.head.version)
        end = sent.start + sent.length
        for start in range(sent.start, end, PART_BYTES):
            yield part(start=start, length=min(PART_BYTES, end - start))


def attach(app: FastAPI, site: Site) -> None:
    """The recording's address."""
    pages = RecordingPages(site=site, recordings=site.recordings)
    needs = InRequisition("hear_recording", of_interview)
    add(app, "/interviews/{interview_id}/recording", pages.recording, needs=needs)


def _headers(heard: Heard, *, download: bool) -> dict[str, str]:
    """What goes with every answer about a recording that is there; the problem that it is otherwise."""
    if heard.state == "unavailable":
        raise StoreUnavailable(heard.words)
    if heard.state in {"changed", "unplayable"}:
        raise Conflict(heard.words)
    if heard.state != "present":
        raise NotFound(heard.words)
    disposition = "attachment" if download else "inline"
    return {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'{disposition}; filename="{heard.file_name}"',
        "ETag": heard.tag,
    }


def _log(db: Connection, viewer: Viewer, spoken: SpokenInterview, *, whole: bool, download: bool) -> None:
    action, of = DOWNLOAD if download else READ, f"interview:{spoken.id}"
    if whole:
        audit.log(db, viewer, action, of, spoken.requisition)
    else:
        audit.log_once(db, viewer, action, of, spoken.requisition, within=LISTENING)


def _empty(status: int, headers: Mapping[str, str], heard: Heard) -> Response:
    response = Response(status_code=status, media_type=heard.media_type)
    response.headers.update(headers)
    return response


def _size(heard: Heard) -> int:
    assert heard.head is not None  # noqa: S101  it is present
    return heard.head.bytes


def _led_by(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
