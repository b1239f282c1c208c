"""A job's file that the workers of a shared ledger send: handed over once, followed, its report fetched.

The ledger is asked for the run before a file is handed over: a process that is killed in between goes on with
what it had handed over, and so does another computer. A file's run is known by its bytes and by its private
copy, whose path ends with the job, the number of the file's line, and the file's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any

from ordersheet.core.model import StoppedBy
from ordersheet.core.trying_again import FEWEST_TRIES
from ordersheet.jobs.endings import by_row, ended_of
from ordersheet.jobs.file_work import Ended, sha256_of
from ordersheet.jobs.states import FAILED, WAITING
from ordersheet.ledger import Ledger
from ordersheet.team.follow import result_of
from ordersheet.team.submit import shared_place, submit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.ledger import RunInfo
    from ordersheet.ledger.waiting import SubmissionState

NOBODY_AFTER = timedelta(hours=1)
"""So long after it was handed over a file of which nothing is done is told as one that nobody takes."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A job's file, for workers to send.

    Attributes:
        path: its private copy.
        settings: those of this send.
        known: what was noted of the file before.
    """

    path: Path
    settings: Settings
    known: Mapping[str, Any]

    def go_on(self, stop: StopSwitch) -> Ended:
        """Hand it over, or see how far it is, or fetch what it came to.

        Raises:
            OrdersheetError: it cannot be handed over, or the ledger cannot be asked.
        """
        facts: dict[str, Any] = {}
        with self._ledger() as ledger:
            run = self._run(ledger)
            seen = None if run is None else (ledger.run(run), ledger.submissions().state(run))
        if run is None or seen is None:
            run, facts = self._hand_over(stop)
            with self._ledger() as ledger:
                seen = ledger.run(run), ledger.submissions().state(run)
        info, state = seen
        facts |= {"run": run, "with_workers": run, "handed_over": info.started.isoformat(), "host": info.host}
        if state.finished:
            return self._ended(info, facts)
        facts |= {"chunks": dict(state.chunks), "error": None, "exit_code": None}
        return Ended(WAITING, {**facts, **self._nobody(info, state)})

    def _ledger(self) -> Ledger:
        return Ledger.open(shared_place(self.settings, "This job"), create=False, read_only=True)

    def _run(self, ledger: Ledger) -> str | None:
        """Name the run that the workers have of it."""
        if self.known.get("with_workers"):
            return str(self.known["with_workers"])
        for run, path in ledger.submissions().of_content(sha256_of(self.path)):
            if run == self.known.get("run"):
                break  # What came of it is known.
            if PureWindowsPath(path).parts[-3:] == self.path.parts[-3:]:
                return run
        return None

    def _hand_over(self, stop: StopSwitch) -> tuple[str, dict[str, Any]]:
        given = submit(self.path, self.settings, ask=lambda _seen: True, confirm=None, stop=stop)
        lines = {str(row): line for row, line in by_row(given.problems).items()}
        return given.run, {"row_lines": lines}

    def _ended(self, info: RunInfo, facts: Mapping[str, Any]) -> Ended:
        place = shared_place(self.settings, "This job")
        result = result_of(place, info.run, self.settings, None)
        lines = {**self.known, **facts}.get("row_lines") or {}
        ended = ended_of(result, {int(row): line for row, line in lines.items()})
        if result.report is None:
            # What the workers did is known; only its sheet could not be written here.
            return Ended(WAITING, {**facts, "error": result.summary.error, "exit_code": 3, "retry": True})
        known = {**facts, **ended.facts, "with_workers": None, "chunks": None, "row_lines": None}
        if result.summary.stopped_by is StoppedBy.INTERRUPTED:
            # Somebody has stopped it on purpose.
            return Ended(FAILED, known, report=ended.report)
        if ended.state == WAITING:
            # The workers have tried it since then, time and again.
            known |= {"held_since": info.started.isoformat(), "tries": FEWEST_TRIES}
        return ended._replace(facts=known)

    def _nobody(self, info: RunInfo, state: SubmissionState) -> dict[str, Any]:
        begun = state.chunks.get("done", 0) + state.chunks.get("taken", 0)
        if begun or datetime.now(UTC) - info.started < NOBODY_AFTER:
            return {"retry": True}
        return {
            "retry": False,
            "error": (
                f"It was handed over to the workers an hour ago or more, as run {info.run}, and nothing of it"
                f" is done. Start a worker for {info.host} (ordersheet worker), or see why none sends it:"
                f" ordersheet show {info.run}"
            ),
        }
