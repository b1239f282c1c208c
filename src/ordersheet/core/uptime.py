"""Time that nobody can turn: seconds since the machine was started, and which start that was.

The time of day is turned by people, by the network and by whatever else runs on the machine; how long ago
something happened is told by this clock alone. It goes on while the machine sleeps.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Uptime(NamedTuple):
    """One moment since the machine was started."""

    boot: str | None
    """Which start of which machine; None where the system does not tell."""
    seconds: float
    """Since that start."""


if sys.platform == "win32":
    import winreg

    _MEMORY = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"

    def elapsed() -> float:
        """Seconds since the machine was started, those in which it slept included."""
        ticks = ctypes.windll.kernel32.GetTickCount64
        ticks.restype = ctypes.c_ulonglong
        return float(ticks()) / 1000

    def _boot() -> str:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _MEMORY) as key:
            return f"{os.environ['COMPUTERNAME']} {winreg.QueryValueEx(key, 'BootId')[0]}"

elif sys.platform == "darwin":

    def elapsed() -> float:
        """Seconds since the machine was started, those in which it slept included."""
        return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)

    def _boot() -> str:
        library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
        value = ctypes.create_string_buffer(64)
        size = ctypes.c_size_t(len(value))
        if library.sysctlbyname(b"kern.bootsessionuuid", value, ctypes.byref(size), None, 0) != 0:
            raise OSError(ctypes.get_errno(), "kern.bootsessionuuid")
        return value.value.decode("ascii")

else:
    _CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    _BOOT = Path("/proc/sys/kernel/random/boot_id")
    _NAMESPACE = Path("/proc/self/ns/time")
    """Processes in different ones may see this clock with different offsets. Linux before 5.6 has none."""

    def elapsed() -> float:
        """Seconds since the machine was started, those in which it slept included."""
        return time.clock_gettime(_CLOCK)

    def _boot() -> str:
        namespace = _NAMESPACE.readlink() if _NAMESPACE.is_symlink() else ""
        return f"{_BOOT.read_text(encoding='ascii').strip()} {namespace}"


@cache
def boot() -> str | None:
    """Name this start of this machine; None where the system does not tell."""
    try:
        return _boot() or None
    except (OSError, LookupError, ValueError):
        return None


def uptime() -> Uptime:
    """Look at the clock that nobody can turn."""
    return Uptime(boot(), elapsed())


def seconds_since(then: Uptime | None, now: Uptime) -> float | None:
    """Tell how long ago something happened; None where that cannot be known: the machine was started anew."""
    if then is None or now.boot is None or then.boot != now.boot:
        return None
    return max(0.0, now.seconds - then.seconds)
