"""One line of a log, as text or as JSON: rows, orders, counts and states; never a text or a value."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def write_line(log_format: str, event: str, words: str, **facts: object) -> None:
    """Write a line to stderr.

    Args:
        log_format: `text` or `json`.
        event: a stable word, for JSON.
        words: what happened, for text.
        facts: the same by name, for JSON.
    """
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    line = f"{moment} {words}"
    if log_format == "json":
        line = json.dumps({"time": moment, "event": event, **facts})
    put(sys.stderr, line + "\n")


def put(stream: TextIO, text: str) -> None:
    """Write a text at once; where nobody listens any more, be silent from then on.

    That a pipe or a terminal's window was closed must neither end a run nor change its exit code.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        mute(stream)


def mute(stream: TextIO) -> None:
    """Let whatever is written to a stream vanish, what it still holds back included."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
