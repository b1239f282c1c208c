"""Writing to a terminal or a pipe without ever waiting for whoever reads it, or does not.

A pipe that nobody reads, or a terminal that is held, takes 64 KiB and then makes its writer wait for ever.
While a run goes on, a thread of its own does the waiting for each stream. Lines of a log are dropped where
too many wait, and their number is told once there is room again; other lines are kept.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

MOST_WAITING = 1 << 20
"""So many characters of log lines may wait to be written."""
PATIENCE = 2.0
"""Seconds for which a line that is no log line is waited for, while nothing at all gets written."""
LAST_PATIENCE, LONGEST = 5.0, 30.0
"""The same at the end, and the longest that the end takes where somebody reads slowly."""
_AT_ONCE = 1 << 16


class Channel:
    """A stream with a thread that writes to it.

    Args:
        stream: where to; it has a file descriptor.
        dropped: gives the line that tells how many lines were dropped.
        patience: seconds for which a line that is no log line is waited for, while nothing gets written.
    """

    def __init__(
        self, stream: TextIO, dropped: Callable[[int], str] | None = None, *, patience: float = PATIENCE
    ) -> None:
        self._stream = stream
        self._patience = patience
        self._told = dropped or _dropped
        self._waiting: deque[str] = deque()
        self._size = 0
        self._dropped = 0
        self._progress = 0
        self._gone = False
        self._stuck = False
        self._closing = False
        # A signal's handler may write while its own thread is in here: the lock must let it in.
        self._wake = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def log(self, text: str) -> None:
        """Write a text when there is time; drop it where too much waits already."""
        with self._wake:
            if self._gone:
                return
            # Once lines are dropped, half must be written before the next is taken: gaps are few, and told.
            most = MOST_WAITING // 2 if self._dropped else MOST_WAITING
            if self._size + len(text) > most:
                self._dropped += 1
                return
            self._add(text)

    def say(self, text: str) -> None:
        """Write a text, and wait until it is written; not for long where nobody reads."""
        with self._wake:
            if not self._gone:
                self._add(text)
        if not self._stuck:
            self._drained(self._patience, self._patience * 2)

    def close(self) -> bool:
        """Write what waits, as far as somebody reads it; tells whether all was written."""
        patience = self._patience if self._stuck else max(self._patience, LAST_PATIENCE)
        written = self._drained(patience, max(patience, LONGEST))
        with self._wake:
            if self._dropped and not self._gone and written:
                self._add("")
            self._closing = True
            self._wake.notify_all()
        if written:
            self._thread.join()
        return written

    def _add(self, text: str) -> None:
        if self._dropped:
            text = f"{self._told(self._dropped)}\n{text}"
            self._dropped = 0
        self._waiting.append(text)
        self._size += len(text)
        self._wake.notify_all()

    def _drained(self, patience: float, longest: float) -> bool:
        """Wait until nothing waits; give up after `patience` seconds in which nothing was written."""
        end = time.monotonic() + longest
        with self._wake:
            while self._size:
                before = self._progress
                self._stuck = not self._wake.wait_for(partial(self._moved_since, before), patience)
                if self._stuck or time.monotonic() > end:
                    return False
        return True

    def _moved_since(self, before: int) -> bool:
        return not self._size or self._progress != before

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                if not self._waiting:
                    return
                texts = list(self._waiting)
                self._waiting.clear()
            try:
                self._write("".join(texts))
            except (OSError, ValueError):
                # Nobody listens any more: be silent from now on.
                with self._wake:
                    self._gone = True
                    self._waiting.clear()
                    self._size = 0
                    self._wake.notify_all()
                mute(self._stream)
                return
            with self._wake:
                self._size -= sum(map(len, texts))
                self._wake.notify_all()

    def _write(self, text: str) -> None:
        if sys.platform == "win32":
            self._stream.write(text)
            self._stream.flush()
            self._moved()
            return
        # Past the stream's own buffer: what it held back would be waited for when the process ends.
        content = memoryview(text.encode(self._stream.encoding or "utf-8", "replace"))
        while content:
            content = content[os.write(self._stream.fileno(), content[:_AT_ONCE]) :]
            self._moved()

    def _moved(self) -> None:
        with self._wake:
            self._progress += 1
            self._wake.notify_all()


class LogFile:
    """A stream as tqdm wants it: what is written to it may be dropped."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write a text when there is time."""
        put(self._stream, text, log=True)

    def flush(self) -> None:
        """Do nothing: whatever is written leaves at once."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)


_channels: dict[int, Channel] = {}
"""By file descriptor: the streams of the process that are written by threads at this time."""


@contextmanager
def unblocked(dropped: Callable[[int], str] | None = None) -> Iterator[None]:
    """Let no writing to stdout and stderr wait for its reader, until the end of the context.

    Args:
        dropped: gives the line that tells how many lines were dropped.
    """
    own: dict[int, tuple[Channel, TextIO]] = {}
    for stream in (sys.stdout, sys.stderr):
        number = _descriptor(stream)
        if number is not None and number not in _channels:
            with suppress(OSError, ValueError):
                stream.flush()
            own[number] = Channel(stream, dropped), stream
            _channels[number] = own[number][0]
    try:
        yield
    finally:
        for number, (channel, stream) in own.items():
            written = channel.close()
            del _channels[number]
            if not written:
                # Whatever else is said to it must not wait, either.
                mute(stream)


def put(stream: TextIO | None, text: str, *, log: bool = False) -> None:
    """Write a text at once; where nobody listens any more, be silent from then on.

    That a pipe or a terminal's window was closed, or is not read, must neither end a run nor hold it up, nor
    change its exit code.

    Args:
        stream: stdout or stderr; None, where the process has none, takes everything.
        text: what to write.
        log: within `unblocked`, the text may be dropped, and is not waited for.
    """
    if stream is None:
        return
    number = _descriptor(stream)
    channel = _channels.get(number) if number is not None else None
    if channel is not None:
        (channel.log if log else channel.say)(text)
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        mute(stream)


def mute(stream: TextIO) -> None:
    """Let whatever is written to a stream vanish, what it still holds back included."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def open_closed_streams() -> None:
    """Give a process that was started without stdin, stdout or stderr ones that lead nowhere.

    Otherwise the next file that is opened would take their place, and what is printed would land in it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - as long as the process


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError, AttributeError):
        return None


def _dropped(number: int) -> str:
    return f"({number:,} lines are missing here: nobody read them in time)"
