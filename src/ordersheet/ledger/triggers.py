"""The rules of the table of operations as SQLite's triggers."""

from __future__ import annotations

from ordersheet.ledger.rules import RULES, Rule


def triggers() -> tuple[str, ...]:
    """Write the rules as SQLite's triggers."""
    return tuple(
        f"CREATE TRIGGER {rule.name} BEFORE {rule.event} ON operation "
        + (f"WHEN {_condition(rule)} " if rule.condition else "")
        + f"BEGIN SELECT RAISE(ABORT, '{rule.message}'); END"
        for rule in RULES
    )


def _condition(rule: Rule) -> str:
    parts = (rule.condition.format(differs="IS NOT"), rule.beside.format(run="run"))
    return " AND ".join(filter(None, parts))
