"""A copy of the package with one place written anew; whoever lets Python find it first runs that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PACKAGE = ROOT / "src" / "ordersheet"


def reworded(folder: Path, path: str, old: str, new: str) -> str:
    """Make the copy; gives the `PYTHONPATH` by which it is found.

    Args:
        folder: the copy stands in it.
        path: of a module, below the package.
        old: stands there exactly once.
        new: stands there instead.

    Raises:
        ValueError: it does not stand there, or more than once.
    """
    copy = folder / _PACKAGE.name
    shutil.copytree(_PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    place = copy / path
    text = place.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"it does not stand in {path} as it is quoted")
    place.write_text(text.replace(old, new), encoding="utf-8")
    return os.pathsep.join((str(folder), str(ROOT)))
