"""What all work on one job shares: the job, its lines in the ledger, its private folder, its clock."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from ordersheet.jobs.definition import JobDefinition
    from ordersheet.ledger.job_files import JobFiles


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where one job's work is done.

    Attributes:
        job: the job.
        files: its lines in the ledger.
        folder: this computer's private place for copies.
        clock: gives the time in UTC.
        on_point: called with the name of each step when it has been carried out, for tests that kill.
    """

    job: JobDefinition
    files: JobFiles
    folder: Path
    clock: Callable[[], datetime]
    on_point: Callable[[str], None] = field(default=lambda _name: None)

    def private(self, name: str = "") -> Path:
        """Make the private folder, or one below it, and give it."""
        place = self.folder / name
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chmod(self.folder, 0o700)  # noqa: PTH101 - whoever made it, it is the user's alone
        return place
