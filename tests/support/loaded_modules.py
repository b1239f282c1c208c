"""What a program loads, seen in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def loaded_by(what: str, *, folder: Path | None = None, env: Mapping[str, str] | None = None) -> set[str]:
    """Name the modules that some lines of Python load, which must not fail.

    Args:
        what: the lines.
        folder: where they run; None for here.
        env: their environment; None for this one.
    """
    code = f"{what}\nimport sys\nprint('', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())
