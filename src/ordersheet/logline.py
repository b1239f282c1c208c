"""One line of a log, as text or as JSON: rows, orders, counts and states; never a text or a value."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime


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
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
