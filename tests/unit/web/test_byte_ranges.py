"""Ranges of RFC 9110: what a header asks for, whatever stands in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.web.byte_ranges import Span, Unsatisfiable, has_changed, not_modified, span_of

TAG = '"abc"'
ALL = 10**12


def asked(header, size=1_000, most=ALL, **more):
    """(start, length), `whole` or `none`."""
    headers = {} if header is None else {"range": header}
    try:
        found = span_of({**headers, **more}, size=size, tag=TAG, most=most)
    except Unsatisfiable:
        return "none"
    return "whole" if found is None else (found.start, found.length)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "whole"),
        ("bytes=0-", (0, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=0-999", (0, 1000)),
        ("bytes=0-5000", (0, 1000)),
        ("BYTES=10-19", (10, 10)),
        ("bytes=999-", (999, 1)),
        ("bytes=-1", (999, 1)),
        ("bytes=-5000", (0, 1000)),
        ("bytes=000000000000000000000000000000010-011", (10, 2)),
        ("bytes=1000-", "none"),
        ("bytes=-0", "none"),
        ("bytes=99999999999999999999999999-", "none"),
        ("bytes=0-99999999999999999999999999", (0, 1000)),
        ("bytes=9-8", "whole"),
        ("bytes=-", "whole"),
        ("bytes=", "whole"),
        ("bytes=0-1,5-6", "whole"),
        ("items=0-1", "whole"),
        ("bytes=٣-٤", "whole"),
        ("bytes=0x1-", "whole"),
        ("bytes=--1", "whole"),
        ("garbage", "whole"),
    ],
)
def test_range_is_read_as_the_standard_says(header, expected):
    """What cannot be read, and more than one range, is answered with the whole."""
    assert expected == asked(header)


def test_long_range_is_answered_in_part():
    """The rest is asked for next."""
    assert (100, 50) == asked("bytes=100-", most=50)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(TAG, (0, 10)), ('"other"', "whole"), (f"W/{TAG}", "whole"), ("Mon, 23 Nov 2026 00:00:00 GMT", "whole")],
)
def test_if_range_takes_only_this_version(condition, expected):
    """Anything less could put bytes of two versions together."""
    assert expected == asked("bytes=0-9", **{"if-range": condition})


@pytest.mark.parametrize(
    ("given", "same"),
    [("", False), ("*", True), (TAG, True), (f"W/{TAG}", True), (f'"x", {TAG}', True), ('"x"', False)],
)
def test_a_version_that_the_reader_has_is_not_sent_again(given, same):
    """Weak comparison, as If-None-Match asks for."""
    assert same == not_modified({"if-none-match": given}, TAG)


@pytest.mark.parametrize(
    ("given", "changed"), [(None, False), ("*", False), (TAG, False), (f"W/{TAG}", True), ('"x"', True), ("", True)]
)
def test_another_version_than_the_wanted_is_told(given, changed):
    """Strong comparison, as If-Match asks for."""
    assert changed == has_changed({} if given is None else {"if-match": given}, TAG)


@given(header=st.one_of(st.text(max_size=60), st.from_regex(r"bytes=[0-9]{0,25}-[0-9]{0,25}", fullmatch=True)))
def test_any_header_is_answered_with_bytes_that_are_there(header):
    """Never an error but the one that means 416, never a byte beyond the end, never none at all."""
    try:
        found = span_of({"range": header}, size=1_000, tag=TAG, most=300)
    except Unsatisfiable:
        return

    assert found is None or (0 <= found.start < found.start + found.length <= 1_000 and found.length <= 300)


@given(start=st.integers(0, 999), most=st.integers(1, 2_000))
def test_pieces_add_up_to_the_rest(start, most):
    """Asking on from where the last answer ended gives every byte once."""
    got, at = [], start
    while at < 1_000:
        span = span_of({"range": f"bytes={at}-"}, size=1_000, tag=TAG, most=most)
        assert span is not None
        got += range(span.start, span.start + span.length)
        at = span.start + span.length

    assert list(range(start, 1_000)) == got
    assert "bytes 3-9/1000" == Span(start=3, length=7).content_range(1_000)
