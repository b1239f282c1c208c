"""Old and new on one line: nothing is lost, nothing is wider than the terminal."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.console.diff import marked

words = st.text(st.sampled_from("ab \n.é"), max_size=60)


def before(line: str) -> str:
    return re.sub(r"\{\+.*?\+\}", "", line).replace("[-", "").replace("-]", "")


def after(line: str) -> str:
    return re.sub(r"\[-.*?-\]", "", line).replace("{+", "").replace("+}", "")


@given(words, words)
def test_both_texts_can_be_read_off_a_line_that_is_wide_enough(old: str, new: str) -> None:
    (line,) = marked(old, new, width=10_000, colour=False)
    assert before(line) == old.replace("\n", " ⏎ ")
    assert after(line) == new.replace("\n", " ⏎ ")


@given(st.text(max_size=500), st.text(max_size=500), st.integers(20, 200))
def test_no_line_is_wider_than_the_terminal(old: str, new: str, width: int) -> None:
    (line,) = marked(old, new, width=width, colour=False)
    assert len(line) <= width


def test_of_a_long_text_the_part_that_changes_is_shown() -> None:
    old = "word " * 200
    (line,) = marked(old, f"{old}and more", width=60, colour=False)
    assert "{+and more+}" in line
    assert len(line) <= 60


def test_colours_go_with_the_signs() -> None:
    (line,) = marked("a", "b", width=80, colour=True)
    assert line == "\x1b[31m[-a-]\x1b[0m\x1b[32m{+b+}\x1b[0m"
