"""LibreOffice as an independent writer of workbooks, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SOFFICE = shutil.which("soffice")

needs_libreoffice = pytest.mark.needs("libreoffice")


def convert(sources: Sequence[Path], form: str, folder: Path) -> list[Path]:
    """Save files in another form into a folder; a form is such as `ods`, `xls` or `csv`."""
    assert SOFFICE is not None
    # A profile of its own, so that an open LibreOffice does not swallow the call.
    profile = (folder.parent / "libreoffice-profile").absolute().as_uri()
    subprocess.run(
        [
            SOFFICE,
            f"-env:UserInstallation={profile}",
            "--headless",
            "--convert-to",
            form,
            "--outdir",
            str(folder),
            *map(str, sources),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    made = [folder / f"{source.stem}.{form.partition(':')[0]}" for source in sources]
    assert all(path.exists() for path in made)
    return made
