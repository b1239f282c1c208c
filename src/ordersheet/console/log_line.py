"""Lines of a log, as text or as JSON: rows, orders, counts and states; never a text or a value of a cell."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

from ordersheet.console.unblocked import put

JSON = "json"


class CallLog:
    """The log of one call, on stderr.

    Attributes:
        log_format: `text` or `json`.
        facts: what each line of JSON says besides its own: the file, the run once there is one, the job.
    """

    def __init__(self, log_format: str, **facts: object) -> None:
        self.log_format = log_format
        self.facts = facts

    @property
    def json(self) -> bool:
        """Whether every line is JSON."""
        return self.log_format == JSON

    def line(self, event: str, words: str, **facts: object) -> None:
        """Write a line.

        Args:
            event: a stable word, for JSON.
            words: what happened, for text.
            facts: the same by name, for JSON.
        """
        put(sys.stderr, self._line(event, words, facts), log=True)

    def say(self, event: str, words: str, **facts: object) -> None:
        """Write a line that is not dropped."""
        put(sys.stderr, self._line(event, words, facts))

    def dropped(self, number: int) -> str:
        """Give the line that stands for lines that nobody read in time."""
        words = f"{number:,} lines are missing here: nobody read them in time"
        return self._line("dropped", words, {"lines": number}).rstrip("\n")

    def _line(self, event: str, words: str, facts: dict[str, object]) -> str:
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.json:
            return json.dumps({"time": moment, "event": event, **self.facts, **facts}) + "\n"
        return f"{moment} {words}\n"


def write_line(log_format: str, event: str, words: str, **facts: object) -> None:
    """Write a line to stderr that belongs to no file; arguments as for `CallLog.line`."""
    CallLog(log_format).line(event, words, **facts)
