"""Takes the safeguards out one by one, and shows which test notices.

    python -m tests.torture.mutations [NAME ...]

Each mutant is a copy of the tree with one safeguard gone. Two groups of tests are run on it, each until its
first failure: runs against the oracle, and the module's own. A mutant that one of them does not notice is a
fault of the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture import mutants_delivery, mutants_others

if TYPE_CHECKING:
    from tests.torture.mutant import Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "samples", "docs", "benchmarks", "pyproject.toml", "README.md", "CHANGELOG.md")
MUTANTS: tuple[Mutant, ...] = (*mutants_delivery.MUTANTS, *mutants_others.MUTANTS)


def stale(mutant: Mutant, root: Path = ROOT) -> str | None:
    """Say why a mutant cannot be made any more; None where it can."""
    text = (root / "src" / "ordersheet" / mutant.path).read_text(encoding="utf-8")
    found = text.count(mutant.old)
    return None if found == 1 else f"{mutant.name}: stands {found} times in {mutant.path}"


def make(mutant: Mutant, folder: Path) -> None:
    """Copy the tree and take the safeguard out of the copy."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
        elif source.exists():
            shutil.copy(source, folder / name)
    path = folder / "src" / "ordersheet" / mutant.path
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def first_failure(folder: Path, tests: str) -> str | None:
    """Run tests on a copy until one fails; gives its name, or None where all pass."""
    env = {
        **os.environ,
        "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    # Of a whole file only what is quick; a test that is named is meant, however long it takes.
    chosen = [tests] if "::" in tests else ["-m", "not torture", tests]
    done = subprocess.run(
        [*command, "--basetemp", str(folder / "tmp"), *chosen],
        cwd=folder,
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=900,
    )
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode != 1 or failed is None:
        raise RuntimeError(f"pytest did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1]


def run(names: list[str]) -> list[str]:
    """Try each mutant; gives the names of those that not both groups of tests noticed."""
    unnoticed = []
    for mutant in MUTANTS:
        if names and mutant.name not in names:
            continue
        problem = stale(mutant)
        if problem is not None:
            unnoticed.append(problem)
            continue
        with tempfile.TemporaryDirectory(prefix="ordersheet-mutant-") as name:
            folder = Path(name)
            make(mutant, folder)
            noticed = [first_failure(folder, mutant.against), first_failure(folder, mutant.module)]
        print(f"{mutant.name}: {', '.join(one or '-' for one in noticed)}", flush=True)  # noqa: T201 - a script
        if not all(noticed):
            unnoticed.append(mutant.name)
    return unnoticed


if __name__ == "__main__":
    left = run(sys.argv[1:])
    if left:
        sys.exit("Not noticed: " + "; ".join(left))
