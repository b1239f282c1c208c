"""Ctrl-C, SIGTERM, SIGHUP and Ctrl-Break end a run in three steps."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ordersheet.core.errors import Interrupted, exit_code_of
from ordersheet.core.stop_switch import LEAVE, WIND_DOWN, StopSwitch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_WORDS = {
    1: "Ending: what is under way may finish. Ctrl-C again to cut it off.",
    2: "Cutting off; the report is still written. Ctrl-C again to leave at once.",
}


@contextmanager
def signals_press(say: Callable[[str], None]) -> Iterator[StopSwitch]:
    """Let each signal press a switch, and give the switch.

    The third leaves the process at once; the ledger still knows what was under way. Handlers can only be set
    in the main thread; elsewhere the switch is there, and signals stay as they were.
    """
    switch = StopSwitch()
    # A progress bar may stand on the line where the words would begin.
    begin = "\n" if sys.stderr.isatty() else ""

    def pressed(number: int, _frame: FrameType | None) -> None:
        if not switch.armed:
            raise Interrupted("Interrupted.", signal=number, nothing_sent=True)
        switch.signal = switch.signal or number
        # Windows tells Ctrl-Break and the closing of the window apart from Ctrl-C; both end a run.
        level = switch.press()
        if level >= LEAVE:
            os._exit(exit_code_of(number))
        if level >= WIND_DOWN:
            say(begin + _WORDS[level])

    if threading.current_thread() is not threading.main_thread():
        yield switch
        return
    known = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, pressed) for number in known}
    try:
        yield switch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
