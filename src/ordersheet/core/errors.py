"""What can stop ordersheet, named by what the caller can do next.

A bad row is never an exception: it is a `Problem` beside its row. Only what
stops a whole run is raised::

    OrdersheetError              nothing was sent                              (exit 2)
    ├── UsageError               change the call: options, settings, paths
    │   ├── SettingsError        change a setting; the message names its source
    │   └── MappingError         change the mapping; every fault of it at once
    ├── SourceError              change the file: it cannot be read, or only in two ways
    ├── LedgerError              free, repair or choose another ledger
    ├── FilePlaceError           mend the place for large files, or the way to it  (exit 3)
    ├── RunUnfinishedError       wait until the workers are done               (exit 3)
    └── RunStopped               run again to go on; a report exists           (exit 3)
        └── Interrupted          the same, after a signal                      (exit 130, 143 or 129)

What follows from an error stands on its class: exit code, whether anything can have been sent, whether
running again can help, and the word of `stopped_by`. Every message is one or two plain sentences: what
happened, where, what to do. That nothing was sent is not among them: whoever shows the error says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.core.model import StoppedBy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.core.model import Problem
    from ordersheet.core.result import RunResult


_SIGNALS = 128
"""Exit codes above this name a signal, as shells have it."""


class OrdersheetError(Exception):
    """The root of all errors that ordersheet raises on purpose.

    Attributes:
        code: a stable word for scripts, such as `no-id-column`.
        result: what the run came to, at the Python API; None where no run began.
        exit_code: what the command exits with.
        nothing_sent: whether it is raised only where nothing was sent.
        retry: whether running again as it is can help.
        stopped_by: what ended the run, where this struck after rows had been sent: by then only the report is
            left to be written.
    """

    result: RunResult | None = None
    exit_code = 2
    nothing_sent = True
    retry = False
    stopped_by = StoppedBy.REPORT_UNWRITABLE

    def __init__(self, message: str, *, code: str = "error") -> None:
        super().__init__(message)
        self.code = code


class UsageError(OrdersheetError):
    """The call cannot be carried out as it stands; nothing was sent."""


def no_temporary_room(folder: object, error: Exception) -> UsageError:
    """Say that the rows of a file cannot be kept for as long as it is worked on.

    Args:
        folder: where they would lie.
        error: what the system said.
    """
    return UsageError(
        f"The folder for temporary files, {folder}, cannot take the rows ({error}). "
        "Make room there, or name another folder in TMPDIR, and run again.",
        code="disk-full",
    )


class SettingsError(UsageError):
    """A setting is missing or wrong; the message names where its value came from."""


class MappingError(UsageError):
    """The mapping cannot be applied; the message has one line for each fault."""


@dataclass(frozen=True, slots=True)
class EncodingChoice:
    """One way to read a CSV file whose encoding a person has to decide."""

    encoding: str
    """What to give as the encoding."""
    cells: tuple[tuple[str, str], ...]
    """The first few cells that differ between the choices: address, and text as this encoding reads it."""


class SourceError(OrdersheetError):
    """The file cannot be read as one table without guessing; nothing was sent.

    Attributes:
        problems: the places at fault, where there are any to point at.
        choices: the ways to read a CSV file, where a person has to choose its encoding.
        sheets: the names of a workbook's sheets, where a person has to choose one.
    """

    sheets: tuple[str, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        code: str = "unreadable",
        problems: Sequence[Problem] = (),
        choices: Sequence[EncodingChoice] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.problems = tuple(problems)
        self.choices = tuple(choices)


class RunUnfinishedError(OrdersheetError):
    """A run that workers send has not come to its end; nothing was written."""

    exit_code = 3
    nothing_sent = False
    retry = True


class LedgerError(OrdersheetError):
    """The ledger cannot be used, or could not be written; nothing was sent after that."""

    stopped_by = StoppedBy.LEDGER


class FilePlaceError(OrdersheetError):
    """The place for large files cannot be reached or used now; nothing was handed over or lost."""

    exit_code = 3
    nothing_sent = False
    retry = True


class RunStopped(OrdersheetError):
    """The run ended early; what was sent is accounted for, and running again goes on.

    Attributes:
        result: what the run came to; always there at the Python API.
    """

    result: RunResult
    exit_code = 3
    nothing_sent = False
    retry = True

    def __init__(self, message: str, *, stopped_by: StoppedBy) -> None:
        super().__init__(message, code=stopped_by.value)
        self.stopped_by = stopped_by


class Interrupted(RunStopped):
    """A signal ended the run early.

    Attributes:
        signal: its number, such as 2 for SIGINT.
    """

    def __init__(self, message: str, *, signal: int, nothing_sent: bool = False) -> None:
        super().__init__(message, stopped_by=StoppedBy.INTERRUPTED)
        self.signal = signal
        self.exit_code = exit_code_of(signal)
        self.nothing_sent = nothing_sent


def exit_code_of(signal: int) -> int:
    """Give the exit code after a signal."""
    return _SIGNALS + signal


def signal_of(exit_code: int) -> int | None:
    """Give the signal that an exit code tells of; None where it tells of none."""
    return exit_code - _SIGNALS if exit_code > _SIGNALS else None
