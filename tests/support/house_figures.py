"""How large the house is: `python -m tests.support.house_figures [ROOT]` counts what a review looks at.

ROOT is another working copy, such as an earlier commit's, to compare with.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
LONG = 60
"""Lines of a function that fits a screen."""


class Source(NamedTuple):
    """One file of Python."""

    name: str
    text: str
    tree: ast.Module


def sources(folder: Path) -> list[Source]:
    """Read every Python file of a folder."""
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    return [Source(str(path.relative_to(folder)), text, ast.parse(text)) for path, text in texts.items()]


def functions(files: list[Source]) -> Iterator[tuple[Source, Function]]:
    """Give every function with its file."""
    for file in files:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield file, node


def length(function: Function) -> int:
    """Count a function's lines, from `def` to its end."""
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def long_functions(files: list[Source]) -> list[str]:
    """Name the functions of more than LONG lines."""
    return [
        f"{file.name}: {function.name} ({length(function)})"
        for file, function in functions(files)
        if length(function) > LONG
    ]


def takers(files: list[Source]) -> list[str]:
    """Name the functions that take both `context` and `job`."""
    found = []
    for file, function in functions(files):
        given = function.args
        names = {one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)}
        if {"context", "job"} <= names:
            found.append(f"{file.name}: {function.name}")
    return found


def classes(files: list[Source]) -> Counter[str]:
    """Count the classes by name."""
    return Counter(
        node.name for file in files for node in ast.walk(file.tree) if isinstance(node, ast.ClassDef)
    )


def noqas(files: list[Source]) -> Counter[str]:
    """Count what lines are let off, by rule."""
    found = (re.findall(r"# noqa: ([A-Z0-9, ]+)", file.text) for file in files)
    return Counter(rule for file in found for rules in file for rule in re.findall(r"[A-Z]+\d+", rules))


def figures(root: Path) -> dict[str, object]:
    """Count everything of a working copy."""
    package, tests = sources(root / "src" / "ordersheet"), sources(root / "tests")
    named = classes(package)
    lines = Counter[str]()
    for file in package:
        lines[Path(file.name).parts[0]] += len(file.text.splitlines())
    return {
        "lines": lines.total(),
        "lines by room": dict(lines.most_common()),
        "modules": len(package),
        "loose modules at the top": sum("/" not in file.name and "\\" not in file.name for file in package),
        "classes": named.total(),
        "class names that stand twice": [name for name, number in named.items() if number > 1],
        "functions": sum(1 for _ in functions(package)),
        f"functions of more than {LONG} lines": long_functions(package),
        "functions that take context and job": takers(package),
        "noqa": dict(noqas(package).most_common()),
        "lines with noqa": sum(file.text.count("# noqa") for file in package),
        "patches in tests": sum(
            len(re.findall(r"\b(?:monkeypatch|patch)\.setattr|mock\.patch|patch\.object", file.text))
            for file in tests
        ),
    }


def main() -> None:
    """Print the figures."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2]
    for name, figure in figures(root).items():
        if isinstance(figure, list):
            print(f"{name}: {len(figure)}", *figure, sep="\n    ")  # noqa: T201 - a script
        else:
            print(f"{name}: {figure}")  # noqa: T201 - a script


if __name__ == "__main__":
    main()
