"""A run's report: one value, whose account adds up, and from which text, JSON and page tell the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evaluator.commands.run_text import WIDTH, run_text
from evaluator.exports.run_html import run_body, run_html
from evaluator.storage.watching import STANDINGS
from evaluator.views.run_report import RunReport, report_json
from evaluator.views.run_report_rows import failure_rows, next_commands, notes, report_rows
from tests.unit.views.reported import AT, BLINDED, COUNTS, SPENT, TERMS, a_report, a_run, an_empty_report

counted = st.fixed_dictionaries({name: st.integers(0, 10_000) for name in STANDINGS})


def facts(report: RunReport) -> dict[str, tuple[str, ...]]:
    """Label -> facts."""
    return {row.label: row.facts for row in report_rows(report)}


@given(counts=counted)
def test_every_account_adds_up(counts):
    """In the value, in its line, and in the JSON."""
    report = a_report(a_run(counts=counts), failed=())
    told = report_json(report)["counts"]
    total, *_ = numbers = [int(n) for n in re.findall(r"\d+", " ".join(facts(report)["selected"]))]

    assert sum(counts.values()) == report.selected == told["selected"] == total
    assert 2 * total == sum(numbers) == sum(told.values())


def test_an_account_that_does_not_add_up_is_refused():
    """Nobody can make such a report."""
    values = a_report().model_dump()

    with pytest.raises(ValidationError, match="does not add up"):
        RunReport.model_validate({**values, "selected": 321})


def test_text_page_and_file_tell_the_same():
    """Each fact of each line is in all three."""
    report = a_report()
    text = re.sub(r"\s+", " ", run_text(report))
    pages = [re.sub(r"\s+", " ", re.sub("<[^>]+>", "", page)) for page in (run_html(report), run_body(report))]

    missing = [f for row in report_rows(report) for f in row.facts for where in (text, *pages) if f not in where]

    assert [] == missing


def test_the_final_summary():
    """As it stands on a terminal of 80 columns."""
    assert """\
Run night-2026-11-21  FINISHED WITH FAILURES
  time          21 Nov 2026 22:00:03 → 02:19:03 UTC   4 h 19 min
  selected      320 = scored 288 + needs review 21 + unscorable 5 + failed 2
                + skipped 4   ✓ adds up
  sections      1911 of 1927   42 from checkpoints   retries 63
                invalid output 9 (0.5 %)
  evidence      ids dropped 34 (1.1 %)   13 criteria without a level for it
  speed         7.4 sections/min   p50 3.9 s   p95 9.8 s
  tokens        9.8 M in / 640.0 k out   cache hit 83 %
  cost          $6.66   3.92 node-h   3.40 engine-h   $0.0212 per interview
  limits        budget $10.00   deadline 22 Nov 2026 06:00 UTC
  interruptions 1 worker ended in between   12 interviews handed back
                longest standstill 3 min from 23:40 UTC
  vs 7 runs     mean 3.21 (−0.02)   override rate 6.0 % (+0.4 points)
                spread over 2 levels 2.9 % (−0.1 points)
  judge         Llama-3.1-8B-AWQ@9c1e
Failed
  iv-88  section system-design  3 tries
    the judge's answer does not count (cut_answer)
    Try it again.
  iv-91  1 try
    transcripts/iv-91/0123.json is not in the store
    Put its transcript back (debrief import), then try it again.
Next  debrief run retry night-2026-11-21 --only-failed --reason "..."
Web   https://debrief.example.org/runs/night-2026-11-21/report""" == run_text(
        a_report(), web_url="https://debrief.example.org/"
    )


def test_no_line_is_wider_than_the_terminal():
    """Whatever the numbers; an id or a name that is longer stays whole."""
    wide = a_run(counts=dict.fromkeys(STANDINGS, 10_000), sections_done=1_000_000, sections_total=1_000_000)

    assert [] == [line for line in run_text(a_report(wide)).splitlines() if len(line) > WIDTH]


def test_what_is_not_known_is_a_dash_or_not_there():
    """Never a zero: no price, no tokens, no speed, nothing to compare with."""
    found = facts(an_empty_report())

    assert ("- (no price is set)",) == found["cost"]
    assert set() == {"speed", "tokens", "evidence", "limits"} & set(found)
    assert None is report_json(an_empty_report())["cost"]["money"]


def test_who_may_not_see_costs_is_told_none():
    """No line, and null for programs."""
    report = a_report(spent=None)

    assert "cost" not in facts(report)
    assert None is report_json(report)["cost"]


def test_another_currency_is_no_dollar():
    """It is named behind the amount, and `usd` is null."""
    spent = SPENT.model_copy(update={"currency": "EUR"})

    assert "6.66 EUR" == facts(a_report(spent=spent))["cost"][0]
    assert (6.664, "EUR", None) == tuple(
        report_json(a_report(spent=spent))["cost"][k] for k in ("money", "currency", "usd")
    )


def test_blind_review_is_one_number_and_a_note():
    """No share of it is told apart."""
    report = a_report(a_run(counts=dict.fromkeys(STANDINGS, 0) | BLINDED))

    assert "under blind review 314" in " ".join(facts(report)["selected"])
    assert ["scored 0", "needs review 0"] == re.findall(
        r"scored \d+|needs review \d+", " ".join(facts(report)["selected"])
    )
    assert "314 interviews is not told" in notes(report)[0]
    assert {"under_review", "scored"} <= set(report_json(report)["counts"])


def test_few_under_blind_review_are_left_out_of_sums_and_that_is_said():
    """What they took and cited could be told apart."""
    few = dict.fromkeys(STANDINGS, 0) | {"scored": 5, "under_review": 3}

    assert "tokens, cost and evidence are left out" in notes(a_report(a_run(counts=few), failed=()))[0]


def test_a_failure_says_where_and_what_to_do():
    """Its section is read from its story, and not said twice."""
    first, second = failure_rows(a_report())

    assert ("system-design", "the judge's answer does not count (cut_answer)", "3 tries") == (
        first.section,
        first.detail,
        first.tries,
    )
    assert ("–", "put its transcript back (debrief import), then try it again") == (second.section, second.way_out)
    assert [True, False] == [one["retryable"] for one in report_json(a_report())["failures"]]


def test_failures_that_are_not_named_are_counted():
    """Too many, or not the viewer's."""
    report = a_report(a_run(counts=dict.fromkeys(STANDINGS, 0) | {"failed": 5}))

    assert 3 == report.failures_unseen == report_json(report)["failures_unseen"]
    assert "3 more failed" in " ".join(notes(report))


@pytest.mark.parametrize(
    ("changes", "commands"),
    [
        ({}, ['debrief run retry night-2026-11-21 --only-failed --reason "..."']),
        ({"counts": dict.fromkeys(STANDINGS, 0) | {"scored": 1}}, []),
        ({"state": "open", "closed_because": None, "closed_at": None}, ["debrief run watch night-2026-11-21"]),
        ({"state": "paused", "closed_because": None, "closed_at": None}, ["debrief run resume night-2026-11-21"]),
        (
            {"closed_because": "budget", "counts": dict.fromkeys(STANDINGS, 0) | {"scored": 1, "pending": 2}},
            ['debrief run retry night-2026-11-21 --reason "..."'],
        ),
    ],
)
def test_it_says_what_to_do_next(changes, commands):
    """And nothing where there is nothing to do."""
    report = a_report(a_run(**changes), failed=())

    assert tuple(commands) == next_commands(report)


@pytest.mark.parametrize(
    ("because", "counts", "code"), [("finished", COUNTS, 3), ("finished", {"scored": 1}, 0), ("budget", COUNTS, 5)]
)
def test_it_knows_the_exit_code(because, counts, code):
    """Of the command that saw the run to its end."""
    run = a_run(closed_because=because, counts=dict.fromkeys(STANDINGS, 0) | counts)

    assert code == a_report(run, failed=()).exit_code == report_json(a_report(run, failed=()))["exit_code"]


def test_a_name_from_outside_is_no_markup():
    """Run names and details come from outside."""
    run = a_run(name="<b>&night", model="<script>")
    detail = a_report().failures[0].model_copy(update={"detail": "<img src=x>"})
    report = a_report(run, terms=TERMS).model_copy(update={"failures": (detail,)})

    for page in (run_html(report), run_body(report)):
        assert not re.search(r"<script|<img|<b>&", page)
        assert "&lt;b&gt;&amp;night" in page


def test_a_file_needs_nothing_else():
    """No address is in it that a browser would fetch."""
    page = run_html(a_report())

    assert [] == re.findall(r'(?:src|href)="[^"]*"|url\(|@import', page)
    assert "@media print" in page
    assert 'href="/interviews/iv-88"' in run_body(a_report())


def test_a_night_is_named_with_its_schedule():
    """And one that somebody started is not."""
    night = TERMS.model_copy(update={"schedule": "nightly", "night": AT.date()})

    assert ("nightly", "night of 2026-11-21") == facts(a_report(terms=night))["schedule"]
    assert "schedule" not in facts(a_report())
