"""Answers that are files: named without anybody's name, sent in pieces where they are long, and few PDFs at once."""

import re
from collections.abc import Iterable, Iterator
from threading import BoundedSemaphore

from fastapi.responses import Response, StreamingResponse

from evaluator.errors import Unavailable
from evaluator.exports.pdf import pdf_of

PIECE_CHARS = 32_768  # about what is sent at once; line by line would cost a change of threads each
PDFS_AT_ONCE = 2  # each takes one core for about a second
PDF_PATIENCE_S = 30.0

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


def file(content: str | bytes, *, media_type: str, name: str) -> Response:
    """The whole of it, to be kept under that name."""
    return Response(content, media_type=media_type, headers=_named(name))


def streamed(lines: Iterable[str], *, media_type: str, name: str) -> Response:
    """The lines as they come. A failure behind the first of them ends the answer before its end."""
    return StreamingResponse(pieces(lines), media_type=media_type, headers=_named(name))


def pieces(lines: Iterable[str]) -> Iterator[bytes]:
    """The lines put together to pieces of at least PIECE_CHARS, but for the last."""
    held: list[str] = []
    length = 0
    for line in lines:
        held.append(line)
        length += len(line)
        if length >= PIECE_CHARS:
            yield "".join(held).encode()
            held, length = [], 0
    if held:
        yield "".join(held).encode()


def _named(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{_UNSAFE.sub("_", name)}"', "Cache-Control": "no-store"}


class Press:
    """Sets PDFs, a few at once; whoever comes then waits, and is told to come again after PDF_PATIENCE_S."""

    def __init__(self, *, at_once: int = PDFS_AT_ONCE, patience_s: float = PDF_PATIENCE_S) -> None:
        self._free = BoundedSemaphore(at_once)
        self._patience_s = patience_s

    def pdf(self, html: str) -> bytes:
        """As `pdf_of`; Unavailable when all are busy."""
        if not self._free.acquire(timeout=self._patience_s):
            raise Unavailable("other PDFs are being made; try again in a moment")
        try:
            return pdf_of(html)
        finally:
            self._free.release()


PRESS = Press()
"""Of this process: all that make PDFs share it."""
