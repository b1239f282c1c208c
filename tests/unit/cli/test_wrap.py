"""Lines for a terminal end between words."""

from __future__ import annotations

import itertools
import unicodedata

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


@given(words=st.lists(st.sampled_from(["and", "so", "further"]), min_size=20), hang=st.integers(21, 39))
def test_a_column_far_to_the_right_goes_below_what_stands_before_it(words: list[str], hang: int) -> None:
    first, *rest = wrapped(Hanging("x".ljust(hang) + " ".join(words), hang), 40).split("\n")
    assert first == "x"
    assert " ".join(rest).split() == words
    assert all(line.startswith("    ") and len(line) <= 40 for line in rest)


@given(example=st.text(alphabet="abc 漢", min_size=1, max_size=90), hang=st.integers(0, 32))
def test_an_example_is_cut_where_the_terminal_ends(example: str, hang: int) -> None:
    line = "x" * hang + example + "."
    shown = wrapped(Hanging(line, hang, cut=True), 40)
    assert seen_width(shown) <= 40
    assert shown == line or (shown.endswith("…") and line.startswith(shown[:-1]))
    assert seen_width(line) > 40 or shown == line


def test_a_message_of_several_lines_keeps_them() -> None:
    assert wrapped("one fault\nanother fault", 40) == "one fault\nanother fault"
