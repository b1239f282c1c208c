"""Whether a page of orders may stand for reading each by its ID, and which page is worth its request."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.views import CHANGES, CUTS, TEXTS

from ordersheet.api import OrderView
from ordersheet.delivery.reading.ahead import Thrift, page_ahead, request_for
from ordersheet.delivery.reading.lists import ListFacts
from ordersheet.delivery.verdict.page_trust import PageTrust, WrittenText

FIELD = "internalComment"
LINES = "called\nAnna was here\nsent <b>again</b> on Monday, by the other carrier"


def shown(order: int, text: str | None) -> OrderView:
    return OrderView(order, found=True, comments={FIELD: text})


def wrote(
    trust: PageTrust, order: int, text: str, baseline: str = "", *, by_id: bool = True, at: float = 1.0
) -> None:
    trust.wrote(order, FIELD, WrittenText(text, appends=True, baseline=baseline, by_id=by_id, at=at))


def proven() -> PageTrust:
    trust = PageTrust()
    wrote(trust, 1, "paid", LINES)
    assert trust.proven_by({1: shown(1, f"{LINES}\npaid")}, 2.0) == {FIELD}
    return trust


def test_a_page_counts_where_it_shows_what_was_written_before_it_was_asked_for():
    trust = PageTrust()
    wrote(trust, 1, "paid", "old", at=5.0)
    assert not trust.proven_by({1: shown(1, "old\npaid")}, 4.9)
    assert not trust.proven_by({2: shown(2, "old\npaid")}, 6.0)
    assert trust.proven_by({1: shown(1, "old\npaid")}, 5.1) == {FIELD}


def test_a_page_that_lacks_it_ends_all_pages():
    trust = proven()
    wrote(trust, 2, "paid", "old")
    assert not trust.proven_by({1: shown(1, f"{LINES}\npaid"), 2: shown(2, "old")}, 2.0)
    assert trust.off
    assert not trust.serves(FIELD, "", "paid")


def test_what_is_under_way_proves_nothing_of_a_page():
    trust = PageTrust()
    wrote(trust, 1, "paid", "old")
    trust.leaves(1)
    assert not trust.proven_by({1: shown(1, "old")}, 2.0)
    assert not trust.off


def test_an_overwrite_that_changed_nothing_proves_nothing():
    trust = PageTrust()
    trust.wrote(1, FIELD, WrittenText("same", appends=False, baseline="same", by_id=True, at=1.0))
    assert not trust.proven_by({1: shown(1, "same")}, 2.0)
    trust.wrote(1, FIELD, WrittenText("new", appends=False, baseline="same", by_id=True, at=1.0))
    assert trust.proven_by({1: shown(1, "new")}, 2.0) == {FIELD}
    assert not trust.proven_by({1: shown(1, "same")}, 2.0)
    assert trust.off


@pytest.mark.parametrize(
    ("held", "text", "serves"),
    [
        ("", "paid", True),
        ("short\nline", "paid", True),
        (LINES, "paid", True),
        (f"{LINES}\npaid", "paid", False),
        ("x" * 200, "paid", False),
        ("", "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n".replace("gr", "").replace("n", ""), False),
        ("", "\N{CHECK MARK}", False),
        (None, "paid", False),
    ],
)
def test_an_order_counts_where_nothing_is_longer_or_harder_to_show_than_what_was_seen(held, text, serves):
    assert proven().serves(FIELD, held, text) is serves


def test_what_a_reading_by_the_id_shows_too_makes_room_and_what_it_shows_otherwise_ends_all_pages():
    trust, longer = proven(), f"{LINES}\n" * 3
    assert not trust.serves(FIELD, longer, "paid")
    trust.compare(shown(3, f"{longer}more\n"), shown(3, f"{longer}more\n"))
    assert trust.serves(FIELD, longer, "paid")
    trust.compare(shown(4, "a"), shown(4, "a b"))
    assert trust.off


def test_an_order_that_a_page_shows_empty_counts_once_one_of_these_was_empty_by_its_id():
    trust = PageTrust()
    wrote(trust, 1, "one line", "")
    assert trust.proven_by({1: shown(1, "one line"), 2: shown(2, ""), 3: shown(3, "")}, 2.0) == {FIELD}
    assert not trust.serves(FIELD, "", "paid"), "a list of first lines shows nothing of an empty first line"
    trust.compare(shown(2, ""), shown(2, ""))
    assert trust.serves(FIELD, "", "paid")
    trust.compare(shown(3, ""), shown(3, "\npaid"))
    assert trust.off


TEXT = st.text("aA1 \n<b>\N{LATIN SMALL LETTER A WITH DIAERESIS}\N{GRINNING FACE}&", max_size=80)


@given(
    view=st.sampled_from([*CUTS, *CHANGES]).filter(lambda name: not name.startswith("another order")),
    written=st.lists(st.tuples(TEXT, TEXT.filter(str.strip)), min_size=1, max_size=4),
    truth=TEXT,
    text=st.sampled_from(["a", "A1", "\N{LATIN SMALL LETTER A WITH DIAERESIS}", "aa bb"]),
)
def test_what_a_page_may_stand_for_hides_no_line_that_is_to_be_added(view, written, truth, text):
    """Whatever lists do to texts: where one serves, the text stands in it if it stands in the order."""
    trust = PageTrust()
    for order, (baseline, added) in enumerate(written):
        wrote(trust, order, added, baseline)
    page = {
        order: shown(order, TEXTS[view](f"{baseline}\n{added}" if baseline else added, ""))
        for order, (baseline, added) in enumerate(written)
    }
    whole = f"{truth}\n{text}" if truth else text
    page[99] = shown(99, TEXTS[view](whole, ""))
    fields = trust.proven_by(page, 2.0)
    held = page[99].comments[FIELD]
    if FIELD in fields and trust.serves(FIELD, held, text):
        assert held is not None
        assert text.lower() in held.lower()


# --- which page


def facts(orders: range, *, descending: bool | None = False, known: bool = True) -> ListFacts:
    lists = ListFacts()
    start = datetime(2026, 9, 1)  # noqa: DTZ001 - the shop's times name no zone
    for order in orders if known else ():
        lists.saw(order, start + timedelta(minutes=order))
    lists.descending = descending
    return lists


@given(
    first=st.integers(1, 50),
    step=st.integers(1, 40),
    number=st.integers(1, 90),
    written=st.sets(st.integers(1, 400), max_size=8),
    at=st.integers(0, 89),
    most=st.integers(0, 300),
    descending=st.sampled_from([None, True, False]),
)
def test_a_page_reaches_from_what_was_written_over_the_order_and_shows_several(
    first, step, number, written, at, most, descending
):
    wanted = range(first, first + step * number, step)
    lists, order = facts(range(1, 401), descending=descending), wanted[at % number]
    page = page_ahead(order, wanted, written, lists, most)
    if page is None:
        return
    assert page.near in written
    assert order in page.wanted
    assert 3 <= len(page.wanted) <= max(most, 3)
    low, high = sorted((page.near, page.far))
    assert all(low <= one <= high for one in page.wanted)
    request = request_for(page, lists)
    assert request.limit <= lists.limit
    assert high - low + 1 <= request.limit
    for edge, bound in ((low, request.newer_than), (high, request.older_than)):
        date = lists.date_of(edge)
        assert (bound is None) == (date is None)


def test_an_end_whose_date_is_not_known_is_read_first_unless_the_list_begins_at_the_other():
    written = [10]
    for descending, anchor in ((None, 60), (True, 60), (False, None)):
        lists = facts(range(1, 12), descending=descending)
        page = page_ahead(11, range(11, 61), written, lists, 100)
        assert page is not None
        assert (page.near, page.far, page.anchor) == (10, 60, anchor)


def test_pages_that_save_nothing_come_to_an_end():
    thrift = Thrift()
    thrift.orders = 100
    asked = 0
    while thrift.allows_more():
        thrift.spent += 1
        asked += 1
    assert asked == 4
    thrift.served = 50
    assert thrift.allows_more()
