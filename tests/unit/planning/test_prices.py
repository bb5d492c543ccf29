"""Prices of one's own: read exactly, and refused with line and column."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import UsageFault
from evaluator.planning.prices import read_prices


def test_a_price_holds_for_every_stack_unless_one_has_its_own():
    """Digit by digit as written."""
    found = read_prices(b"voice: 0.0551\nhybrid:\n  voice: 0.04\n  transport: 0\n", "p.yaml")

    assert {"voice": Decimal("0.0551")} == found["managed"] == found["full"]
    assert {"voice": Decimal("0.04"), "transport": Decimal(0)} == found["hybrid"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("voic: 0.05", "p.yaml:1:1: no component is named `voic`; did you mean voice?"),
        ("hybrid:\n  transprt: 1", "p.yaml:2:3: no component is named `transprt`; did you mean transport?"),
        ("hybird:\n  voice: 1", "p.yaml:1:1: no component is named `hybird`; did you mean hybrid?"),
        ("zzz: 1", "there are voice, transport"),
        ("full: 1", "p.yaml:1:7: `full` is a stack"),
        ("voice: -1", "p.yaml:1:8: `voice` needs a price a minute from 0 to 1,000, such as 0.055"),
        ("voice: 1001", "needs a price a minute"),
        ("voice: cheap", "needs a price a minute"),
        ("voice: 1e3", "needs a price a minute"),
        ("voice: .nan", "needs a price a minute"),
        ("voice: [1]", "needs a price a minute"),
        ("voice: 1\nvoice: 2", "is given twice"),
        ("- voice", "prices are a mapping"),
        ("", "the file is empty"),
        ("voice: *x", "p.yaml:1:8"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, told):
    """And with what comes close."""
    with pytest.raises(UsageFault) as caught:
        read_prices(text.encode(), "p.yaml")

    assert told in str(caught.value)


def test_all_faults_are_named_at_once():
    """One a line, in the order of the file."""
    with pytest.raises(UsageFault) as caught:
        read_prices(b"voic: 1\nfull:\n  voice: x\n", "p.yaml")

    assert 2 == len(str(caught.value).splitlines())


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reader(content):
    """It is prices, or a UsageFault."""
    try:
        found = read_prices(content, "p.yaml")
    except UsageFault:
        return
    assert {"managed", "hybrid", "full"} == set(found)
