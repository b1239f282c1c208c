"""What can stop ordersheet, named by what the caller can do next.

A bad row is never an exception: it is a `Problem` beside its row. Only what
stops a whole run is raised::

    OrdersheetError
    ├── UsageError           change the call: options, settings, paths      (exit 2, nothing was sent)
    │   ├── SettingsError    change a setting; the message names its source
    │   └── MappingError     change the mapping; every fault of it at once
    ├── SourceError          change the file: it cannot be read, or only in two ways
    ├── LedgerError          free, repair or choose another ledger
    └── RunStopped           run again to go on                             (exit 3, a report exists)
        └── Interrupted      the same, after a signal                       (exit 130, 143 or 129)

Every message is one or two plain sentences: what happened, where, what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.core.model import Problem


class OrdersheetError(Exception):
    """The root of all errors that ordersheet raises on purpose.

    Attributes:
        code: a stable word for scripts, such as `no-id-column`.
        result: what the run came to (a `RunResult` at the Python API); None where no run began.
    """

    result: object = None

    def __init__(self, message: str, *, code: str = "error") -> None:
        super().__init__(message)
        self.code = code


class UsageError(OrdersheetError):
    """The call cannot be carried out as it stands; nothing was sent."""


class SettingsError(UsageError):
    """A setting is missing or wrong; the message names where its value came from."""


class MappingError(UsageError):
    """The mapping cannot be applied; the message has one line for each fault."""


class SourceError(OrdersheetError):
    """The file cannot be read as one table without guessing; nothing was sent.

    Attributes:
        problems: the places at fault, where there are any to point at.
    """

    def __init__(self, message: str, *, code: str = "unreadable", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, code=code)
        self.problems = tuple(problems)


class LedgerError(OrdersheetError):
    """The ledger cannot be used, or could not be written; nothing was sent after that."""


class RunStopped(OrdersheetError):  # noqa: N818 - a state to go on from, not a mistake
    """The run ended early; what was sent is accounted for, and running again goes on."""


class Interrupted(RunStopped):
    """A signal ended the run early.

    Attributes:
        signal: its number, such as 2 for SIGINT.
    """

    def __init__(self, message: str, *, signal: int) -> None:
        super().__init__(message, code="interrupted")
        self.signal = signal
