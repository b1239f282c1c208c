"""The window that Windows opens for a program onto which a file was dragged."""

from __future__ import annotations

import sys
from contextlib import suppress

_OURS = 2
"""Processes in a console that was opened for us alone: this one, and the small program that started it."""


def hold_window() -> None:
    """Wait for Enter where the window would vanish with all that was said in it; elsewhere do nothing."""
    if sys.platform == "win32":
        import ctypes

        processes = (ctypes.c_uint * 8)()
        alone = ctypes.windll.kernel32.GetConsoleProcessList(processes, len(processes)) <= _OURS
        if alone and sys.stdin.isatty():
            with suppress(EOFError, KeyboardInterrupt):
                input("Press Enter to close this window. ")
