"""HTML as a tagged PDF (PDF/UA-1) through WeasyPrint, which fetches nothing: no image, style sheet, font or address."""

import logging
from importlib import import_module
from types import ModuleType
from typing import Any

from evaluator.errors import Unavailable, UsageFault

MEDIA_TYPE = "application/pdf"
VARIANT = "pdf/ua-1"
HTML_CHARS_MAX = 500_000  # about half a minute of work; a scorecard of ten criteria has 20,000

# They name characters that no font has, and what they drop: a candidate's words, sign by sign.
for _talkative in ("weasyprint", "fontTools"):
    logging.getLogger(_talkative).setLevel(logging.CRITICAL)


class PdfUnavailable(Unavailable):
    """Raised when this installation cannot make PDFs; the message says what to install."""

    code = "pdf"


def pdf_of(html: str) -> bytes:
    """The PDF of a whole HTML document of ours, whose language and title it takes over.

    html: all of its styles within; whatever it refers to is left out. PdfUnavailable; UsageFault past HTML_CHARS_MAX.
    """
    if len(html) > HTML_CHARS_MAX:
        raise UsageFault(
            f"the document has {len(html)} characters, and a PDF at most {HTML_CHARS_MAX}; take it as HTML"
        )
    weasyprint = _weasyprint()
    document = weasyprint.HTML(string=html, url_fetcher=_refusing())
    return bytes(document.write_pdf(pdf_variant=VARIANT))


def _weasyprint() -> ModuleType:
    try:
        return import_module("weasyprint")
    except ModuleNotFoundError as error:
        raise PdfUnavailable(
            f"PDF needs the Python package {error.name}: pip install 'debrief[pdf]'; HTML, CSV and JSON work without it"
        ) from None
    except OSError as error:  # what cffi raises for a library of the system that it cannot load
        raise PdfUnavailable(
            "PDF needs Pango from the system (Debian: apt install libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core); "
            f"it could not be loaded: {error}"
        ) from None


def _refusing() -> Any:
    """A fetcher that opens nothing, whatever the address; what wanted it is left out of the page."""

    class Refusing(import_module("weasyprint.urls").URLFetcher):  # type: ignore[misc]  # untyped
        def fetch(self, *_: object) -> object:
            raise ValueError("documents are set from what they hold, nothing is fetched")

    return Refusing()
