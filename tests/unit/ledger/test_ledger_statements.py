"""No statement of the ledger is written by hand: each is SQLAlchemy's, and compiled in one place."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest
from sqlalchemy import Dialect, literal, select
from sqlalchemy.dialects import postgresql

from ordersheet.ledger import schema
from ordersheet.ledger.compiled import Statement, bind, constant

POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
LEDGER = Path(schema.__file__).parent
STATEMENT = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
BY_HAND = {"rules.py", "migrations.py", "health.py"}
"""Triggers, steps that never change once they are out, and what SQLite says of its own file."""
OF_POSTGRESQL = LEDGER / "postgresql"
"""What that database alone is asked: leases, its settings, how a ledger in it is made."""


def texts(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str
    ]


@pytest.mark.parametrize("path", sorted(LEDGER.rglob("*.py")), ids=lambda path: str(path.relative_to(LEDGER)))
def test_no_statement_is_written_by_hand(path):
    found = [text for text in texts(path) if STATEMENT.match(text)]
    assert found == [] or path.name in BY_HAND or path.parent == OF_POSTGRESQL
    imported = "sqlalchemy.dialects" in path.read_text(encoding="utf-8")
    assert not imported or path in (LEDGER / "compiled.py", OF_POSTGRESQL / "dialect.py")


def test_a_value_that_is_not_bound_by_name_is_noticed():
    assert ":p_run" in str(Statement(select(schema.run).where(schema.run.c.id == bind("run"))))
    assert "'done'" in str(Statement(select(schema.row).where(schema.row.c.state == constant("done"))))
    with pytest.raises(ValueError, match="without a name"):
        str(Statement(select(schema.run).where(schema.run.c.id == literal(3))))


def statements() -> list[object]:
    """Every statement of the ledger's modules, alone or in a table."""
    found: list[object] = []
    for path in LEDGER.glob("*.py"):
        for kept in vars(importlib.import_module(f"ordersheet.ledger.{path.stem}")).values():
            found += kept.values() if isinstance(kept, dict) else [kept]
    return [one for one in found if isinstance(one, Statement)]


def test_each_statement_can_be_said_with_values_that_have_names():
    # They are compiled when they are first carried out: a fault would show on somebody's machine.
    assert len(set(statements())) > 150
    assert all(STATEMENT.match(str(one)) for one in statements())


def test_the_tables_are_no_dialect_s_own():
    for table in schema.metadata.sorted_tables:
        assert "SELECT" in str(select(table).compile(dialect=POSTGRESQL))
