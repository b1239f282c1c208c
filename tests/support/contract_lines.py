"""The lines of the contract and the tests that exercise them: `python -m tests.support.contract_lines`.

Options and commands come from the tables that the command itself is made from, outcomes and columns from
the model, exit codes and JSON keys from docs/contract.md. A test exercises a line where the line's own word
stands in the test's code as a text, or as a number; an option, where its command stands there too.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer.main

from ordersheet.cli import app
from ordersheet.cli.app import ORDER
from ordersheet.core.model import RESULT_COLUMNS, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests" / "acceptance"
CONTRACT = ROOT / "docs" / "contract.md"
ENVIRONMENT = ("BASE_URL", "API_KEY", "API_KEY_FILE", "LEDGER", "PROFILE", "CONFIG")


class Line(NamedTuple):
    """One thing that scripts may rely on."""

    kind: str
    name: str
    word: str | int
    """What a test that exercises it must have in its code."""


def lines() -> Iterator[Line]:
    """Give every line of the contract."""
    for name in ORDER:
        command: Any = typer.main.get_command(app)
        for word in name.split():
            command = command.commands[word]
        yield Line("command", name, name)
        for parameter in command.params:
            long = [flag for flag in parameter.opts if flag.startswith("--")]
            for flag in long:
                yield Line("option", f"{name} {flag}", flag)
    for outcome in Outcome:
        yield Line("outcome", outcome.value, outcome.value)
    page = CONTRACT.read_text(encoding="utf-8")
    codes = re.search(r"## Exit codes\n(.*?)\n## ", page, re.DOTALL)
    assert codes is not None
    for cell in re.findall(r"^\| ([0-9, ]+) \|", codes[1], re.MULTILINE):
        for code in cell.split(","):
            yield Line("exit code", code.strip(), int(code))
    for column in RESULT_COLUMNS:
        yield Line("result column", column, column)
    keys = re.search(r"## JSON\n(.*?)\n## ", page, re.DOTALL)
    assert keys is not None
    for cell in re.findall(r"^\| ([`a-z0-9_, ]+) \|", keys[1], re.MULTILINE):
        for key in re.findall(r"`(\w+)`", cell):
            yield Line("JSON key", key, key)
    for name in ENVIRONMENT:
        yield Line("environment", f"ORDERSHEET_{name}", f"ORDERSHEET_{name}")


class Place(NamedTuple):
    """A test, or the part of a test module outside its tests."""

    name: str
    texts: frozenset[str]
    numbers: frozenset[int]

    def exercises(self, line: Line) -> bool:
        """Tell whether the line's word stands here; an option beside its command."""
        if isinstance(line.word, int):
            return line.word in self.numbers
        if line.kind == "option":
            return line.word in self.texts and self._has_all(line.name.partition(" --")[0])
        return self._has_all(line.word)

    def _has_all(self, words: str) -> bool:
        return words in self.texts or self.texts.issuperset(words.split())


def places() -> Iterator[Place]:
    """Give every acceptance test; what its module has beside it counts where the test names it."""
    for path in sorted(TESTS.glob("test_*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for test in body:
            if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
                named = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
                named |= {argument.arg for argument in test.args.args}
                texts, numbers = _said([test, *(node for node in body if _name(node) in named)])
                yield Place(f"{path.name}::{test.name}", texts, numbers)


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return str(getattr(node, "name", ""))


def _said(nodes: list[ast.stmt]) -> tuple[frozenset[str], frozenset[int]]:
    """Give the texts, and the single words of longer ones, and the numbers in a piece of code."""
    texts: set[str] = set()
    numbers: set[int] = set()
    for node in nodes:
        for found in ast.walk(node):
            if isinstance(found, ast.Constant) and isinstance(found.value, str):
                texts |= {found.value, *found.value.split()}
            elif isinstance(found, ast.Constant) and type(found.value) is int:
                numbers.add(found.value)
    return frozenset(texts), frozenset(numbers)


def coverage() -> dict[Line, list[str]]:
    """Give the tests that exercise each line."""
    known = list(places())
    return {line: [place.name for place in known if place.exercises(line)] for line in lines()}


def main() -> int:
    """Print each line with its tests; fail where a line has none."""
    found = coverage()
    for line, tests in found.items():
        sys.stdout.write(
            f"{line.kind:14} {line.name:32} {len(tests):3}  {', '.join(tests[:2]) or 'NOT EXERCISED'}\n"
        )
    missing = sum(not tests for tests in found.values())
    sys.stdout.write(f"{len(found)} lines, {missing} of them not exercised\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
