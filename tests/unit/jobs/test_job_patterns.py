"""Two jobs on one folder: whether a file can be both's."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.jobs.patterns import may_both_match

NAMES = ["".join(letters) for length in range(5) for letters in product("abc", repeat=length)]
SIGNS = st.sampled_from(["a", "b", "c", "*", "?", "[ab]", "[!a]", "[a-c]"])


@given(st.lists(SIGNS, max_size=3).map("".join), st.lists(SIGNS, max_size=3).map("".join))
def test_it_says_yes_where_some_name_matches_both(one, other):
    # Names of up to four of three letters: with three signs a side, a shorter witness is always among them,
    # but for characters outside the three, which [!a] and ? take, and b or c stand for as well.
    found = any(fnmatchcase(name, one) and fnmatchcase(name, other) for name in NAMES)
    if may_both_match(one, other) != found:
        # A witness may need five or six characters; none needs more than both patterns have signs.
        longer = ("".join(letters) for length in (5, 6) for letters in product("abc", repeat=length))
        found = any(fnmatchcase(name, one) and fnmatchcase(name, other) for name in longer)
    assert may_both_match(one, other) == found


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("*.xlsx", "*.csv", False),
        ("*.xlsx", "calls*", True),
        ("calls*.xlsx", "holds*.xlsx", False),
        ("*", "*.csv", True),
        ("a?.csv", "abc.csv", False),
        ("CALLS.csv", "calls.CSV", True),
    ],
)
def test_patterns_that_people_write(one, other, both):
    assert may_both_match(one, other) is both
