"""A second environment, `.venv-lower`: every dependency at the lowest version that pyproject allows.

`python -m tests.support.lower_bounds` makes it (only where a bound has changed since) and runs a selection of
tests there; options on its command line are handed to pytest.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv-lower"
_ROOMS = (
    *("api", "cli", "config", "console", "core", "jobs", "ledger", "pipeline", "reporter", "sandbox"),
    *("setup", "web"),
)
_LOADER = ("frame", "frame_arrow", "numberformat", "workbook", "workbook_safety")
_DELIVERY = ("deliver_reading", "h11", "http_connection", "list_walk")
TESTS = (
    *(f"tests/unit/{room}" for room in _ROOMS),
    *(f"tests/unit/loader/test_{name}.py" for name in _LOADER),
    *(f"tests/unit/delivery/test_{name}.py" for name in _DELIVERY),
    "tests/acceptance/test_main_job.py",
    "tests/integration/test_transport_contract.py",
)
"""Those whose code calls a library. What is pure is the same whatever is installed: most of delivery, the
mapping, CSV, histories, and the house's own rules."""


def lower_bounds() -> dict[str, str]:
    """Give the lowest version that pyproject allows of each dependency, and of what the tests need."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = [
        *table["project"]["dependencies"],
        *(text for texts in table["project"]["optional-dependencies"].values() for text in texts),
        *table["dependency-groups"]["test"],
    ]
    bounds: dict[str, str] = {}
    for text in named:
        found = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+)", text)
        assert found is not None, f"no lower bound: {text}"
        bounds[found[1]] = found[2]
    return bounds


def make() -> Path:
    """Make the environment where it is not there, or older than pyproject, and give its Python."""
    python = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    bounds = "".join(f"{name}=={version}\n" for name, version in lower_bounds().items())
    made = HOME / "constraints.txt"
    if made.exists() and made.read_text(encoding="utf-8") == bounds:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", HOME], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    wanted = HOME / "wanted.txt"
    wanted.write_text(bounds, encoding="utf-8")
    subprocess.run(
        [*pip, "--editable", ".[keyring]", "--group", "test", "--constraint", str(wanted)],
        cwd=ROOT,
        check=True,
    )
    # Written last: an environment that was left half made is made anew.
    wanted.rename(made)
    return python


def main() -> int:
    """Run the tests there."""
    several = ["-n", "auto", "--maxprocesses", "4"]
    options = ["-q", *several, "-m", "not torture", "-p", "no:cacheprovider", *sys.argv[1:]]
    command = [str(make()), "-m", "pytest", *options, *TESTS]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
