"""Make docs/dependencies.md from what is installed: `python -m tests.support.licences`."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "dependencies.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["keyring"]]

HEAD = """# What is installed with ordersheet

The packages that `pip install 'ordersheet[keyring]'` brings along, with the licence that each one's own
metadata states, as made by `python -m tests.support.licences` on Linux with Python 3.11. What other systems
need can differ by a package or two (on Windows `colorama` and `pywin32-ctypes`, both BSD-3-Clause); a test
fails where one of them has a licence that asks for more than to be named. Lower bounds stand in
`pyproject.toml`, and `make lower-bounds` runs the tests against them.

| package | direct | licence |
|---|---|---|
"""


def direct() -> set[str]:
    """Give the normal names of the packages that ordersheet itself asks for."""
    return {_normal(Requirement(text).name) for text in OWN}


def closure() -> set[str]:
    """Give the normal names of all packages that ordersheet needs on this system."""
    waiting = [(Requirement(text), frozenset[str]()) for text in OWN]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        needed, extras = waiting.pop()
        step = (_normal(needed.name), frozenset(needed.extras))
        if needed.marker and not any(needed.marker.evaluate({"extra": one}) for one in ("", *extras)):
            continue
        if step not in seen:
            seen.add(step)
            waiting += [(Requirement(text), step[1]) for text in _distribution(step[0]).requires or ()]
    return {name for name, _ in seen}


def licence(name: str) -> str:
    """Give what a package says of its licence: the expression, else the classifier, else the short text."""
    said = _distribution(name).metadata
    # A package that is loaded by keyring changes what a missing line gives, so each is asked for.
    if "License-Expression" in said:
        return str(said["License-Expression"])
    classified = [
        line.rpartition(" :: ")[2] for line in said.get_all("Classifier", []) if "License ::" in line
    ]
    named = [one for one in classified if one != "OSI Approved"]
    return ", ".join(named) or (said["License"].splitlines()[0] if "License" in said else "")


def page() -> str:
    """The whole page."""
    names = sorted(closure())
    return HEAD + "".join(
        f"| {name} | {'yes' if name in direct() else ''} | {licence(name)} |\n" for name in names
    )


def _distribution(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return distribution(name.replace("-", "_"))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
