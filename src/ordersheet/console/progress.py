"""How far a send has come: a bar on a terminal, lines in a log otherwise."""

from __future__ import annotations

import importlib.util
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ordersheet.console.unblocked import LogFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tqdm import tqdm

    from ordersheet.console.log_line import CallLog
    from ordersheet.delivery.progress import Progress

_USUAL_WIDTH = 80
_NOTEBOOK_WIDTH = 120
_SMALLEST_BAR = 14
"""Columns below which a bar and its percentage tell nothing."""
LOG_INTERVAL = 10.0
"""Seconds between two lines in a log."""


@contextmanager
def sending_progress(*, progress: bool, log: CallLog) -> Iterator[Callable[[Progress], None]]:
    """Give what is told of progress: by tqdm on a terminal, as lines on stderr where there is none.

    Args:
        progress: False shows nothing.
        log: takes the lines.
    """
    if not progress:
        yield lambda _progress: None
    elif (bar := notebook_bar()) is not None:
        with drawn_by(bar, width=_NOTEBOOK_WIDTH) as tell:
            yield tell
    elif sys.stderr.isatty():
        from tqdm import tqdm

        with drawn_by(tqdm) as tell:
            yield tell
    else:
        lines = _Lines(log)
        try:
            yield lines.tell
        finally:
            lines.close()


@contextmanager
def reading_progress(*, progress: bool, log: CallLog, unit: str = "row") -> Iterator[Callable[[int], None]]:
    """Give what is told how many rows of a file have been read; arguments as for `sending_progress`.

    Args:
        progress: as there.
        log: as there.
        unit: what is read, in the singular.
    """
    if not progress:
        yield lambda _rows: None
    elif sys.stderr.isatty():
        from tqdm import tqdm

        shown: Any = LogFile(sys.stderr)
        with tqdm(unit=unit, desc="reading", dynamic_ncols=True, leave=False, delay=0.5, file=shown) as bar:

            def move(rows: int) -> None:
                bar.update(rows - bar.n)

            yield move
    else:
        told = [time.monotonic()]

        def tell(rows: int) -> None:
            if time.monotonic() - told[0] >= LOG_INTERVAL:
                told[0] = time.monotonic()
                log.line("reading", f"{rows:,} {unit}s read", **{f"{unit}s": rows})

        yield tell


def notebook_bar(modules: Mapping[str, Any] = sys.modules) -> type[tqdm[Any]] | None:
    """Give tqdm's bar for notebooks where this runs in one that can show it; None elsewhere.

    Args:
        modules: what has been imported: a notebook's kernel has IPython, and says so in its configuration.
    """
    shell = getattr(modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or "IPKernelApp" not in shell.config or importlib.util.find_spec("ipywidgets") is None:
        return None
    from tqdm.notebook import tqdm_notebook

    return tqdm_notebook


@contextmanager
def drawn_by(make: type[tqdm[Any]], *, width: int | None = None) -> Iterator[Callable[[Progress], None]]:
    """Give what draws progress with a bar of tqdm's, as wide as the terminal or as told."""
    bars: list[tqdm[Any]] = []
    shown: Any = LogFile(sys.stderr)

    def tell(progress: Progress) -> None:
        if not bars:
            # Opened at the first sign of progress, so that a question asked before it stays readable.
            dynamic, file = (True, shown) if width is None else (False, None)
            bars.append(make(total=progress.total, unit="row", dynamic_ncols=dynamic, leave=False, file=file))
        bar = bars[0]
        bar.n = progress.done
        told = bar.format_dict
        bar.bar_format = bar_format(progress, elapsed=told["elapsed"], width=width or told["ncols"])
        bar.refresh()

    try:
        yield tell
    finally:
        for bar in bars:
            bar.close()


def bar_format(progress: Progress, *, elapsed: float, width: int | None) -> str:
    """Give what tqdm shows: as much as fits into the terminal's width, ended before it would be cut.

    How far it is and what it waits for go before the counts, these before the time left and the rate, and the
    bar takes what room is left.

    Args:
        progress: how far it is.
        elapsed: seconds since it began.
        width: the terminal's columns; None where it does not say.
    """
    room = (width or _USUAL_WIDTH) - 1
    of = f" of {progress.total:,}" if progress.total else ""
    parts = [f"{progress.done:,}{of}"]
    room -= len(parts[0])
    after: list[str] = []
    if progress.waiting:
        after = [_shortened(progress.waiting, room - 2)]
        room -= len(after[0]) + 2
    for part in (f"ok {progress.ok:,}, no {progress.no:,}", *_pace(progress, elapsed)):
        if len(part) + 2 > room:
            break
        parts.append(part)
        room -= len(part) + 2
    text = ", ".join([*parts, *after]).replace("{", "{{").replace("}", "}}")
    return f"{{percentage:3.0f}}% {{bar}} {text}" if room >= _SMALLEST_BAR and progress.total else text


def _pace(progress: Progress, elapsed: float) -> Iterator[str]:
    if not progress.done or elapsed <= 0:
        return
    rate = progress.done / elapsed
    if progress.total:
        seconds = round((progress.total - progress.done) / rate)
        minutes, hours = seconds // 60 % 60, seconds // 3600
        yield (f"{hours}:{minutes:02}:" if hours else f"{minutes}:") + f"{seconds % 60:02} left"
    yield f"{rate:,.1f}/s"


def _shortened(text: str, room: int) -> str:
    """Give a text cut between words, with a sign that it is."""
    if len(text) <= room:
        return text
    return text[: max(room - 2, 0)].rpartition(" ")[0] + " …"


class _Lines:
    """Tells progress as lines in a log: now and then, and how it ended."""

    def __init__(self, log: CallLog) -> None:
        self._log = log
        self._at = float("-inf")
        self._waits = False
        self._untold: Progress | None = None

    def tell(self, progress: Progress) -> None:
        """Write a line, unless one was written a few seconds ago."""
        at = time.monotonic()
        # A wait is told when it begins and when it ends, not as its seconds pass.
        waits = progress.waiting is not None
        if at - self._at < LOG_INTERVAL and self._waits is waits:
            self._untold = progress
            return
        self._at, self._waits, self._untold = at, waits, None
        self._write(progress)

    def close(self) -> None:
        """Write what was left untold, so that the last line says how far it came."""
        if self._untold is not None:
            self._write(self._untold)

    def _write(self, progress: Progress) -> None:
        of = f" of {progress.total:,}" if progress.total is not None else ""
        waiting = f"; {progress.waiting}" if progress.waiting else ""
        self._log.line(
            "progress",
            f"{progress.done:,}{of} rows done, {progress.ok:,} ok, {progress.no:,} no{waiting}",
            **asdict(progress),
        )
