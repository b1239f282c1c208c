"""What was done to which order, durably: the only place that imports SQLAlchemy.

    with Ledger.open(path) as ledger:
        journal = ledger.start_run(RunStart(...))

Delivery sees a run as `ordersheet.core.journal.Journal`, which `RunJournal` implements. `Ledger` also answers
`check`, `runs`, `show` and `report`, and carries out `resolve` and `purge`.
"""

from ordersheet.ledger.health import LedgerHealth
from ordersheet.ledger.ledger import Ledger
from ordersheet.ledger.moving import MovedLedger, move
from ordersheet.ledger.person import this_person
from ordersheet.ledger.records import (
    AgainFacts,
    AttemptInfo,
    OperationInfo,
    Purged,
    RowInfo,
    RunInfo,
    RunStart,
    RunState,
)
from ordersheet.ledger.run_journal import RunJournal
from ordersheet.ledger.sent_before import EarlierSend
from ordersheet.ledger.whole import make_shared, upgrade

__all__ = [
    "AgainFacts",
    "AttemptInfo",
    "EarlierSend",
    "Ledger",
    "LedgerHealth",
    "MovedLedger",
    "OperationInfo",
    "Purged",
    "RowInfo",
    "RunInfo",
    "RunJournal",
    "RunStart",
    "RunState",
    "make_shared",
    "move",
    "this_person",
    "upgrade",
]
