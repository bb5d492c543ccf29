"""PDF by WeasyPrint, read back: tags, text, language, title, and that nothing is fetched."""

import subprocess
import sys
from dataclasses import replace

import pytest

from evaluator.errors import UsageFault
from evaluator.exports.explanation import explanation, explanation_html
from evaluator.exports.pdf import HTML_CHARS_MAX, PdfUnavailable, pdf_of
from evaluator.exports.scorecard_html import scorecard_html
from evaluator.views.scorecard import scorecard_view
from tests.factories import SAID, a_rubric, a_transcript
from tests.integration.exports.listening import listening
from tests.integration.exports.pdf_reader import Pdf
from tests.unit.comparing import a_body, a_final, a_review, an_exported

PAYLOADS = "<img src=x onerror=alert(1)> </blockquote><script>alert(2)</script> =1+1 {{ 7*7 }} & “ü”"


def the_scorecard(said=None, *acts, sees_judge=True):
    """A scorecard as a PDF."""
    transcript = a_transcript({**SAID, **(said or {})})
    body = a_body({"depth": 4, "clarity": 0})
    one = an_exported(body, *acts, sees_judge=sees_judge)
    view = scorecard_view(one.stored, one.rubric, transcript) if sees_judge else None
    return Pdf(pdf_of(scorecard_html(one, view)))


def lines(pdf, *tags):
    """The text of all tags of these names, each with all that is under it."""
    found = [e for e in pdf.structure.walk() if e.tag in tags]
    return ["".join(x.text for x in e.walk()).strip() for e in found]


@pytest.fixture(scope="module")
def scorecard():
    """One PDF for all tests that only read it."""
    return the_scorecard(None, a_review(recommendation="no", note="Ask about lag."), a_final())


def test_it_is_marked_as_a_tagged_pdf_ua(scorecard):
    """What a screen reader looks for first."""
    catalogue = scorecard.catalogue
    metadata = scorecard.stream(catalogue["Metadata"]).decode()

    assert {"Marked": True} == scorecard.get(catalogue["MarkInfo"])
    assert ["Document"] == [e.tag for e in scorecard.structure.children]
    assert 'pdfuaid:part="1"' in metadata
    assert "C-0412, scorecard, REQ-114" in metadata
    assert "en" == catalogue["Lang"]
    assert {"DisplayDocTitle": True} == scorecard.get(catalogue["ViewerPreferences"])


def test_headings_stand_in_reading_order(scorecard):
    """One title, the parts, and under each its criteria."""
    levels = [e.tag for e in scorecard.structure.walk() if e.tag in {"H1", "H2", "H3"}]

    assert ["C-0412, scorecard"] == lines(scorecard, "H1")
    assert ["Summary", "Design", "Debugging", "Teamwork", "Where it comes from"] == lines(scorecard, "H2")
    assert ["Depth", "Clarity", "Method", "Feedback", "Conflict"] == lines(scorecard, "H3")
    assert ["H1", "H2", "H2", "H3", "H3"] == levels[:5]


def test_text_is_read_in_the_order_of_the_page(scorecard):
    """Head, summary, each criterion with its level before its words before what people say, provenance."""
    text = " ".join(lines(scorecard, "Document"))
    order = (
        "C-0412, scorecard",
        "Review status",
        "AI weighted score",
        "Ask about lag.",
        "AI level 4 of 5: Depth",
        "We split the queue by tenant first.",
        "level 3 to level 5",
        "Clarity",
        "Method",
        "Where it comes from",
    )
    places = [text.index(words) for words in order]

    assert sorted(places) == places


def test_tables_have_captions_and_header_cells(scorecard):
    """A cell without a header is a figure without a meaning."""
    tables = [e for e in scorecard.structure.walk() if e.tag == "Table"]

    assert all(any(x.tag == "Caption" for x in t.walk()) for t in tables)
    assert all(any(x.tag == "TH" for x in t.walk()) for t in tables)
    assert "About this scorecard" in lines(scorecard, "Caption")


def test_it_carries_the_pages_facts(scorecard):
    """Rubric, judge, prompt, run, review status, levels, words, and what people said."""
    text = " ".join(lines(scorecard, "Document"))

    for fact in (
        "backend@1",
        "test-judge@r1",
        "Prompt version",
        "night-2026-11-18",
        "1 of 1 review submitted",
        "AI level 4 of 5: Depth, behaviour of level 4.",
        "To reach 5: Depth, behaviour of level 5.",
        "We split the queue by tenant first.",
        "Insufficient evidence",
        "Reviewer A",
        "level 3 to level 5",
        "Ask about lag.",
        "AI-generated; advisory only.",
    ):
        assert fact in text


def test_what_a_candidate_says_is_text_and_nothing_else():
    """Markup, templates and formulas stand there as they were said."""
    pdf = the_scorecard({"design": f"{PAYLOADS} and that was all of it."})

    assert PAYLOADS in " ".join(lines(pdf, "Document"))


def test_a_locked_scorecard_holds_its_head_and_the_lock():
    """No level, no word of the candidate, nothing of people's."""
    pdf = the_scorecard(None, a_review(recommendation="no", note="Ask about lag."), a_final(), sees_judge=False)
    text = " ".join(lines(pdf, "Document"))

    assert "It opens after you submit your own scores." in text
    for secret in ("level", "tenant", "Ask about lag", "Recommendation"):
        assert secret not in text


def test_nothing_is_fetched():
    """Neither an address in the candidate's words, nor one in markup that would ever get into a document."""
    with listening() as (address, asked):
        the_scorecard({"design": f"See {address}/said.png and url({address}/css) for the graph of it."})
        pdf_of(
            f'<html lang="en"><head><title>t</title><link rel="stylesheet" href="{address}/a.css">'
            f'<link rel="attachment" href="{address}/a.bin">'
            f'<style>@import "{address}/b.css"; @font-face {{ font-family: x; src: url("{address}/f.woff") }} '
            f'body {{ background: url("{address}/b.png"); font-family: x }}</style></head>'
            f'<body><p>text</p><img src="{address}/i.png" alt="i"><object data="{address}/o"></object>'
            f'<img src="file:///etc/hostname" alt="f"><svg><image href="{address}/s.png"/></svg></body></html>'
        )

    assert [] == asked


def test_the_explanation_is_a_tagged_pdf_too():
    """The candidate may read it with a screen reader."""
    one = an_exported()
    pdf = Pdf(pdf_of(explanation_html(explanation(one, a_transcript()))))

    assert ["About your interview: Backend engineer"] == lines(pdf, "H1")
    assert "How to ask for a review" in lines(pdf, "H2")


def test_what_was_said_stays_out_of_the_log(caplog):
    """WeasyPrint would name each character that it has no glyph for."""
    with caplog.at_level("INFO"):
        the_scorecard({"design": "We used 𒀀 and 𒀁 for the first shard of it."})

    assert [] == [r.getMessage() for r in caplog.records]


def test_an_endless_word_is_cut():
    """Setting 100,000 characters without a blank took minutes."""
    pdf = the_scorecard({"design": "x" * 100_000})
    text = " ".join(lines(pdf, "Document"))

    assert "x […]" in text
    assert 10_000 > text.count("x") > 1_000


def test_too_long_a_document_is_refused():
    """Setting it would take memory without end."""
    with pytest.raises(UsageFault, match="take it as HTML"):
        pdf_of("x" * (HTML_CHARS_MAX + 1))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("sys.modules['weasyprint'] = None", "pip install 'debrief[pdf]'"),
        (
            "sys.meta_path.insert(0, type('NoPango', (), {'find_spec': staticmethod(fail)}))",
            "needs Pango from the system",
        ),
    ],
)
def test_without_weasyprint_or_pango_the_way_out_is_said(fault, words):
    """In a process of its own, which lacks it from the start."""
    program = f"""
import sys
from evaluator.exports.pdf import pdf_of
def fail(name, *_):
    if name == "weasyprint":
        raise OSError("cannot load library 'libpango-1.0-0'")
{fault}
try:
    pdf_of("<p>x")
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.startswith(PdfUnavailable.__name__)
    assert words in done.stdout


def test_another_language_of_the_candidates_words_is_kept():
    """The document is in English; what was said may not be."""
    transcript = a_transcript({**SAID, "design": "Wir haben zuerst die Warteschlange geteilt."})
    transcript = transcript.model_copy(update={"language": "de"})
    one = replace(an_exported(), rubric=a_rubric())

    assert 'lang="de"' in explanation_html(explanation(one, transcript))
