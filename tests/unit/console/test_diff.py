"""Old and new on one line: nothing is lost, nothing is wider than the terminal."""

from __future__ import annotations

import io
import re

from hypothesis import given
from hypothesis import strategies as st

from ordersheet.cli.console import printable
from ordersheet.console.diff import has_colours, marked

words = st.text(st.sampled_from("ab \n.é"), max_size=60)


def before(line: str) -> str:
    return re.sub(r"\{\+.*?\+\}", "", line).replace("[-", "").replace("-]", "")


def after(line: str) -> str:
    return re.sub(r"\[-.*?-\]", "", line).replace("{+", "").replace("+}", "")


@given(words, words)
def test_both_texts_can_be_read_off_a_line_that_is_wide_enough(old: str, new: str) -> None:
    line = marked(old, new, width=10_000)
    assert before(line) == old.replace("\n", " ⏎ ")
    assert after(line) == new.replace("\n", " ⏎ ")


@given(st.text(max_size=500), st.text(max_size=500), st.integers(20, 200))
def test_no_line_is_wider_than_the_terminal(old: str, new: str, width: int) -> None:
    line = marked(old, new, width=width)
    assert len(line) <= width


def test_of_a_long_text_the_part_that_changes_is_shown() -> None:
    old = "word " * 200
    line = marked(old, f"{old}and more", width=60)
    assert "{+and more+}" in line
    assert len(line) <= 60


def test_the_indent_counts_as_width() -> None:
    assert len(marked("a" * 100, "b" * 100, width=40, indent=4)) <= 40
    assert marked("a", "b", width=80, indent=4) == "    [-a-]{+b+}"


@given(st.text(max_size=60), st.text(max_size=60))
def test_colours_go_with_the_signs_and_no_text_brings_its_own(old: str, new: str) -> None:
    """A comment may hold a colour's code, or a sign: the codes of ours alone reach the terminal."""
    line = marked(old, new, width=10_000)
    shown = line.in_colours(printable)
    assert re.sub("\x1b\\[(31|32|0)m", "", shown) == printable(line)
    assert marked("a", "b", width=80).in_colours(printable) == "\x1b[31m[-a-]\x1b[0m\x1b[32m{+b+}\x1b[0m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_who_asked_for_no_colours_and_who_has_none_gets_none() -> None:
    usual = {"TERM": "xterm-256color"}
    assert has_colours(Terminal(), usual)
    assert not has_colours(io.StringIO(), usual)
    assert not has_colours(Terminal(), {"TERM": "dumb"})
    assert not has_colours(Terminal(), usual | {"NO_COLOR": "1"})
    assert has_colours(Terminal(), usual | {"NO_COLOR": ""})
