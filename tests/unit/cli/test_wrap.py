"""Lines for a terminal end between words."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordersheet.cli.console import columns
from ordersheet.cli.wrap import Hanging, wrapped

WORDS = st.lists(st.text(alphabet="abcdé漢字.-", min_size=1, max_size=30), max_size=30)


def seen_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


@given(words=WORDS, indent=st.integers(0, 12), width=st.integers(40, 100))
def test_no_word_is_lost_or_broken_and_no_line_is_too_wide(words: list[str], indent: int, width: int) -> None:
    line = " " * indent + " ".join(words)
    lines = wrapped(line, width).split("\n")
    assert " ".join(lines).split() == words
    for part in lines:
        assert seen_width(part) <= width or len(part.split()) == 1
        assert not words or part.startswith(" " * indent)
    # Each line is as full as it can be: the next line's first word would not have fitted.
    for part, following in itertools.pairwise(lines):
        assert seen_width(part) + 1 + seen_width(following.split()[0]) > width


@given(words=WORDS)
def test_without_a_terminal_a_line_stays_as_it_is(words: list[str]) -> None:
    assert wrapped("  ".join(words), None) == "  ".join(words)


def test_the_last_column_of_a_table_hangs_below_itself() -> None:
    (line,) = columns([("C", "Header", "a reason that is told in so many words that it needs two lines")])
    first, second = wrapped(line, 50).split("\n")
    assert second.index("words") == first.index("a reason")


@pytest.mark.parametrize("hang", [0, 3, 39])
def test_a_column_far_to_the_right_does_not_leave_a_ribbon(hang: int) -> None:
    lines = wrapped(Hanging("x" * hang + " and so on " * 12, hang), 40).split("\n")
    assert all(line.strip() for line in lines)
    assert min(len(line) - len(line.lstrip()) for line in lines[1:]) == (hang if hang <= 20 else 4)


def test_a_message_of_several_lines_keeps_them() -> None:
    assert wrapped("one fault\nanother fault", 40) == "one fault\nanother fault"
