"""Every small history, and every plausible simpler wording of the rules, against the promise."""

from functools import partial
from typing import Literal

import pytest
from tests.support.model_promise import BrokenError, check, check_complete
from tests.support.model_search import OPTIONS, search
from tests.support.model_wordings import WORDINGS
from tests.support.model_world import (
    KILLED_AFTER,
    OK,
    REFUSED,
    BookMaker,
    File,
    Report,
    World,
    product,
    with_wording,
)

from ordersheet.core.history.orderbook import Policy

AGAIN = (Policy(), Policy(again=True))
SEARCHES = (
    partial(search, histories=(1,), last=3, letters="aX"),
    partial(search, histories=(), last=3, letters="aX", policies=OPTIONS),
    partial(search, histories=(1,), last=3, letters="XY"),
    partial(search, histories=(1,), last=2, letters="aX", policies=AGAIN),
    partial(search, histories=(1, 1), last=1, letters="aX", policies=OPTIONS, faults=(KILLED_AFTER,)),
    partial(search, histories=(2,), last=2, letters="abX"),
)


LIKE_ROWS_OF_WHICH_SOME_ARE_REFUSED: tuple[tuple[str, str, str, str, Literal["skip", "send"]], ...] = (
    # What was sent before and how each request was answered, and the same of what is asked then; !: refused.
    ("aY", ".!", "aXbXa", "..!!.", "skip"),
    ("YX", "!.", "aXbYXa", "...!!.", "skip"),
    ("Y", ".", "aYaXa", "..!!.", "skip"),
    ("X", ".", "aXYbY", "!..!!", "skip"),
    ("a", ".", "YaXaXb", "...!!!", "skip"),
    ("", "", "Xbaab", "..!!!", "send"),
    ("YX", ".!", "Yaa", ".!.", "send"),
    ("Y", ".", "bYXX", "!.!!", "send"),
    ("", "", "XYYYa", "..!.!", "send"),
)
"""The latest entry must not speak for all like rows: an overwrite would go out anew over what stands."""


def search_all(make_book: BookMaker) -> None:
    like_rows_that_are_each_sent(make_book)
    for case in LIKE_ROWS_OF_WHICH_SOME_ARE_REFUSED:
        some_of_like_rows_are_refused(make_book, *case)
    for run in SEARCHES:
        run(make_book)


def like_rows_that_are_each_sent(make_book: BookMaker) -> Report:
    """Send a file that is longer than those of the searches."""
    world = World(make_book)
    world.run(file_of("XaYX"))
    report = world.run(file_of("aaXa"), Policy(duplicates="send"))
    check(world, report)
    check_complete(world, report)
    return report


def some_of_like_rows_are_refused(
    make_book: BookMaker,
    before: str,
    first_answers: str,
    asked: str,
    answers: str,
    duplicates: Literal["skip", "send"],
) -> None:
    world = World(make_book)
    if before:
        check(world, world.run(file_of(before), Policy(), endings_of(first_answers)))
    report = world.run(file_of(asked), Policy(duplicates=duplicates), endings_of(answers))
    check(world, report)
    check_complete(world, report)


def endings_of(answers: str) -> list[str]:
    return [REFUSED if answer == "!" else OK for answer in answers]


def file_of(letters: str) -> File:
    return tuple((("comment", letter),) for letter in letters)


@pytest.mark.parametrize("number", range(len(SEARCHES)))
def test_no_small_history_breaks_the_promise(number):
    assert SEARCHES[number](product) > 0


def test_the_rules_written_once_more_keep_the_promise_too():
    assert SEARCHES[0](with_wording("")) > 0


@pytest.mark.parametrize("wording", WORDINGS)
def test_a_simpler_wording_breaks_the_promise(wording):
    with pytest.raises(BrokenError):
        search_all(with_wording(wording))


@pytest.mark.torture
def test_no_history_of_two_files_of_two_and_one_of_three_breaks_the_promise():
    assert search(product, (2, 2), 3) > 500


@pytest.mark.torture
def test_no_history_with_options_breaks_the_promise():
    assert search(product, (2, 1), 2, letters="aX", policies=OPTIONS) > 500


def test_where_like_rows_are_each_sent_what_was_sent_for_one_stands_for_no_other():
    """Else the first X counts as done as soon as the second a stands behind it; the last a is never sent."""
    report = like_rows_that_are_each_sent(product)
    assert [outcome.value for outcome in report.outcomes.values()] == ["overwritten since", *["applied"] * 3]


@pytest.mark.parametrize("case", LIKE_ROWS_OF_WHICH_SOME_ARE_REFUSED, ids=lambda case: f"{case[0]}-{case[2]}")
def test_where_some_of_like_rows_are_refused_the_same_file_again_sends_nothing(case):
    some_of_like_rows_are_refused(product, *case)
