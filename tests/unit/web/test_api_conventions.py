"""ETags, conditions, cursors and pages of the JSON API, without a database."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from evaluator.errors import Stale, UsageFault
from evaluator.values import Frozen
from evaluator.web.api.conventions import (
    Cursor,
    answer,
    cursor_of,
    cursor_text,
    etag,
    expected,
    expected_number,
    number_tag,
    paged,
)
from evaluator.web.problems import Refusal, problem_of


class Thing(Frozen):
    """A value with one field."""

    name: str = "x"


def a_request(method="GET", **headers):
    """A request with these headers, `_` for `-`."""
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/v1/things", "query_string": b"", "headers": pairs})


def test_the_tag_follows_the_value_alone():
    """Same facts, same tag, whatever the order of the fields."""
    assert etag({"a": 1, "b": 2}) == etag({"b": 2, "a": 1})
    assert etag(Thing()) == etag({"name": "x"})
    assert etag(Thing(name="y")) != etag(Thing())
    assert not etag(Thing()).startswith("W/")


def test_a_reader_who_has_it_gets_304_without_a_body():
    """And the same ETag."""
    tag = etag(Thing())

    again = answer(a_request(if_none_match=f'"other", {tag}'), Thing())

    assert (304, b"", tag) == (again.status_code, again.body, again.headers["etag"])


@pytest.mark.parametrize("given", ["*", "W/{}"])
def test_any_or_a_weak_spelling_of_the_tag_is_enough_to_have_it(given):
    """RFC 9110: weak comparison."""
    assert 304 == answer(a_request(if_none_match=given.format(etag(Thing()))), Thing()).status_code


@pytest.mark.parametrize("given", ["", '"other"', "nothing", '"', etag(Thing()).strip('"')])
def test_a_reader_without_it_gets_it(given):
    """Also where the header is no list of tags."""
    found = answer(a_request(if_none_match=given), Thing())

    assert (200, {"name": "x"}) == (found.status_code, json.loads(found.body))


def test_what_a_post_answers_has_a_tag_only_where_one_is_given():
    """Its body is not what the address shows."""
    request = a_request("POST", if_none_match="*")

    assert "etag" not in answer(request, Thing(), status=201).headers
    assert '"3"' == answer(request, Thing(), status=201, tag='"3"').headers["etag"]


@pytest.mark.parametrize("given", [{}, {"if_match": "*"}, {"if_match": " "}])
def test_a_change_without_a_condition_is_refused(given):
    """428; `*` is none."""
    with pytest.raises(Refusal) as caught:
        expected(a_request("PUT", **given), '"a"', noun="view")

    assert (428, "precondition_required") == (caught.value.status, caught.value.code)
    assert 428 == problem_of(caught.value).status


@pytest.mark.parametrize("given", ['"b"', 'W/"a"', "a", '"b", "c"'])
def test_a_change_on_another_version_is_stale(given):
    """Weak tags never match."""
    with pytest.raises(Stale, match="changed the view"):
        expected(a_request("PUT", if_match=given), '"a"', noun="view")


@pytest.mark.parametrize("given", ['"a"', '"b", "a"'])
def test_a_change_on_this_version_goes_on(given):
    """One of several tags is enough."""
    assert expected(a_request("PUT", if_match=given), '"a"', noun="view") is None


@pytest.mark.parametrize("number", [0, 7, 999_999_999])
def test_the_number_of_the_last_record_is_the_tag(number):
    """There and back."""
    assert number == expected_number(a_request("POST", if_match=number_tag(number)))


@pytest.mark.parametrize("given", ["*", "3", '"03"', '"-1"', '"a"', 'W/"3"', '"3", "4"', f'"{10**9}"'])
def test_anything_else_is_stale(given):
    """412."""
    with pytest.raises(Stale):
        expected_number(a_request("POST", if_match=given))


def test_no_number_is_a_missing_condition():
    """428."""
    with pytest.raises(Refusal):
        expected_number(a_request("POST"))


@given(key=st.lists(st.none() | st.text(alphabet="abc-:.", max_size=20) | st.integers(0, 2**62), min_size=1))
def test_a_cursor_comes_back_as_it_went(key):
    """For any key."""
    cursor = Cursor(of="things", key=tuple(key))

    assert cursor == cursor_of(cursor_text(cursor), of="things")


@given(text=st.text(min_size=1, max_size=80))
def test_what_nobody_gave_out_is_refused(text):
    """Never another error."""
    with pytest.raises(UsageFault, match="cursor"):
        cursor_of(text, of="things")


@pytest.mark.parametrize(
    "inside",
    ["{}", "[]", '{"of": "other", "key": [1]}', '{"of": "things", "key": ["a\\u0000b"]}', "1" * 400, "[" * 400],
)
def test_a_cursor_of_another_list_or_with_other_insides_is_refused(inside):
    """A cursor is as hostile as any input."""
    with pytest.raises(UsageFault, match="cursor"):
        cursor_of(base64.urlsafe_b64encode(inside.encode()).decode().rstrip("="), of="things")


def test_a_page_leads_on_where_there_is_more():
    """From the last item shown."""
    page = paged([1, 2, 3], limit=2, of="things", key=lambda item: (item,))

    assert (1, 2) == page.items
    assert (2,) == cursor_of(page.next, of="things").key


def test_the_last_page_leads_nowhere():
    """Also an empty one."""
    assert [None, None] == [paged(f, limit=2, of="x", key=lambda i: (i,)).next for f in ([1, 2], [])]
