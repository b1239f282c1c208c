"""What a log without a terminal is told of a send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm
from tqdm.notebook import tqdm_notebook

from ordersheet.console.log_line import CallLog
from ordersheet.console.progress import bar_format, drawn_by, notebook_bar, sending_progress
from ordersheet.delivery.progress import Progress


@pytest.mark.parametrize("waiting", [None, "server asked to wait until 14:05:10"])
def test_the_last_line_of_a_log_says_how_far_it_came(capsys, waiting):
    steps = [Progress(0, 0, 0, 3), Progress(1, 1, 0, 3, waiting), Progress(2, 1, 1, 3), Progress(3, 2, 1, 3)]
    with sending_progress(progress=True, log=CallLog("json")) as tell:
        for step in steps:
            tell(step)
    done = [json.loads(line)["done"] for line in capsys.readouterr().err.splitlines()]
    assert done == ([0, 3] if waiting is None else [0, 1, 2, 3])


def test_what_was_told_is_not_told_twice(capsys):
    with sending_progress(progress=True, log=CallLog("text")) as tell:
        tell(Progress(3, 3, 0, 3))
    assert capsys.readouterr().err.count("3 of 3 rows done, 3 ok, 0 no") == 1


WAITS = st.none() | st.sampled_from(
    [
        "server asked to wait until 14:05:10",
        "waiting 85 s to be sure about 12 orders",
        "another run is working on 1,250 of these orders",
    ]
)


@given(
    done=st.integers(0, 10**7),
    share=st.floats(0, 1),
    rest=st.integers(1, 10**7),
    waiting=WAITS,
    width=st.integers(40, 200),
    elapsed=st.floats(0, 10**6),
)
def test_the_bar_ends_before_the_terminal_does(done, share, rest, waiting, width, elapsed):
    ok = int(done * share)
    state = Progress(done, ok, done - ok, done + rest, waiting)
    form = bar_format(state, elapsed=elapsed, width=width)
    # As tqdm itself draws it.
    shown = tqdm.format_meter(done, done + rest, elapsed, ncols=width, bar_format=form)
    assert len(shown) <= width
    assert shown.strip().startswith(f"{done:,} of" if "{bar}" not in form else "")
    if waiting is not None:
        told = shown.rpartition(", ")[2].removesuffix(" …").rstrip()
        assert told
        assert told in waiting
    if width >= 120:
        assert f"ok {ok:,}, no {done - ok:,}" in shown
        assert waiting is None or shown.endswith(waiting)


def test_at_80_columns_the_reason_of_a_wait_is_whole():
    for waiting in ("server asked to wait until 14:05:10", "waiting 85 s to be sure about 12 orders"):
        state = Progress(12_345, 12_340, 5, 100_000, waiting)
        shown = tqdm.format_meter(
            12_345, 100_000, 60, ncols=80, bar_format=bar_format(state, elapsed=60, width=80)
        )
        assert shown.endswith(waiting)
        assert "12,345 of 100,000" in shown


def test_the_time_left_is_told():
    shown = bar_format(Progress(100, 100, 0, 400), elapsed=50, width=100)
    assert "2:30 left, 2.0/s" in shown
    assert "1:02:30 left" in bar_format(Progress(10, 10, 0, 385), elapsed=100, width=100)


class Kernel:
    """What a notebook's kernel leaves of itself among the modules."""

    def __init__(self, *apps: str) -> None:
        self.config = apps

    def get_ipython(self) -> Kernel:
        return self


def test_a_notebook_has_a_bar_of_its_own():
    assert notebook_bar({}) is None
    assert notebook_bar({"IPython": Kernel("TerminalIPythonApp")}) is None
    assert notebook_bar({"IPython": Kernel("IPKernelApp")}) is tqdm_notebook


def test_the_notebook_s_bar_is_drawn(capsys):
    drawn: list[list[Any]] = []

    class Kept(tqdm_notebook):  # type: ignore[type-arg]
        def __init__(self, **how: Any) -> None:
            super().__init__(display=False, **how)

        def display(self, *given: Any, **named: Any) -> None:
            super().display(*given, **named)
            if not named.get("close"):
                drawn.append([child.value for child in self.container.children])

    with drawn_by(Kept, width=120) as tell:
        for done in range(4):
            tell(Progress(done, done, 0, 3))
    told = drawn[-1]
    # Its blanks are as wide as digits.
    assert "3 of 3, ok 3, no 0" in told[-1].replace("\N{FIGURE SPACE}", " ")
