"""What the database holds every writer to, this program or another: the moves of `core.operation_state`."""

from __future__ import annotations

from typing import NamedTuple

from ordersheet.core.operation_state import FIRST_STATES, MOVES, OperationState


def _words(states: frozenset[OperationState]) -> str:
    return ", ".join(sorted(f"'{state}'" for state in states))


class Rule(NamedTuple):
    """What the database itself refuses in the table of operations, whoever writes."""

    name: str
    event: str
    """What it looks at, as both dialects say it."""
    condition: str
    """When it refuses; `{differs}` stands for the operator that takes a NULL for a value."""
    message: str
    beside: str = ""
    """What must hold in another table, too; `{run}` stands for the name of that of runs."""
    since: int = 1
    """The version of a ledger from which on it has it."""


_LEGAL = " OR ".join(sorted(f"(OLD.state = '{old}' AND NEW.state = '{new}')" for old, new in MOVES))

RULES = (
    Rule(
        "operation_enters",
        "INSERT",
        f"NEW.state NOT IN ({_words(FIRST_STATES)})",
        "illegal move: an operation cannot enter in this state",
    ),
    Rule(
        "operation_moves",
        "UPDATE OF state",
        f"NOT ({_LEGAL} OR (OLD.state = NEW.state AND NEW.state <> 'sending'))",
        "illegal move of an operation",
    ),
    Rule(
        "operation_appends_once",
        "UPDATE OF state",
        "OLD.kind = 'append' AND OLD.state = 'in doubt' AND NEW.state = 'sending'",
        "illegal move: an append in doubt is not sent",
    ),
    Rule(
        "operation_undoes_once",
        "UPDATE OF state",
        "OLD.state = 'in doubt' AND NEW.state = 'sending'",
        "illegal move: an undo in doubt is not sent",
        "EXISTS (SELECT 1 FROM {run} WHERE id = OLD.run_id AND undo_of IS NOT NULL)",
        since=2,
    ),
    Rule(
        "operation_is_fixed",
        "UPDATE OF run_id, row, field, store_id, order_id, kind, key, key_version, batch, occurrence",
        "",
        "illegal change: what an operation does is fixed",
    ),
    Rule(
        "operation_keeps_text",
        "UPDATE OF value",
        "NEW.value {differs} OLD.value AND (NEW.value IS NOT NULL OR OLD.open = 1)",
        "illegal change: the text is still needed",
    ),
    Rule(
        "operation_stays",
        "DELETE",
        "OLD.state <> 'absent'",
        "illegal removal: the operation is still needed",
    ),
)
"""Legal moves, a fixed identity, and nothing taken away that is still needed."""
