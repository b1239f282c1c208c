"""Runs, one after the other: a second one waits in line, and a signal winds the one under way down."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordersheet.console.log_line import CallLog
from ordersheet.core.errors import OrdersheetError
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.core.stop_switch import CUT, LEAVE, RUN_ON, WIND_DOWN, StopSwitch
from ordersheet.web import messages
from ordersheet.web.page_words import in_page_words
from ordersheet.web.uploads import sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.core.result import RunResult
    from ordersheet.delivery import Progress
    from ordersheet.ledger import RunInfo
    from ordersheet.pipeline.intake import Reading
    from ordersheet.web.undoing import UndoWishes
    from ordersheet.web.uploads import Upload, Uploads

WAITING, PREPARING, SENDING, ENDED = "waiting", "preparing", "sending", "ended"


@dataclass(slots=True)
class Sending:
    """One wish to send, from the line to its end."""

    token: str
    upload_id: str
    name: str
    flags: Mapping[str, object]
    undoes: str | None = None
    """The run that it undoes; None where it sends a file."""
    switch: StopSwitch = field(default_factory=StopSwitch)
    state: str = WAITING
    run: str | None = None
    progress: Progress | None = None
    read: int = 0
    began: float | None = None
    """When the first row was sent, by the monotonic clock."""
    log: CallLog | None = None

    @property
    def pace(self) -> tuple[float, float | None] | None:
        """Rows a second, and the seconds that are left where that is known."""
        if self.progress is None or self.began is None or not self.progress.done:
            return None
        rate = self.progress.done / max(time.monotonic() - self.began, 0.001)
        total = self.progress.total
        return rate, None if total is None else (total - self.progress.done) / rate

    @property
    def stopping(self) -> int:
        """How far it has been told to end: 0, 1 or 2."""
        return self.switch.level


class RunQueue:
    """Sends what waits in line, in a thread of its own."""

    def __init__(
        self,
        uploads: Uploads,
        wishes: UndoWishes,
        settings_of: Callable[[Mapping[str, object]], Settings],
        ended: Callable[[str], None],
    ) -> None:
        """Start with an empty line.

        Args:
            uploads: where the files are, and what became of them is noted.
            wishes: where it is noted what became of undos.
            settings_of: resolves settings.
            ended: told the id of a file whose run has ended.
        """
        self._uploads = uploads
        self._wishes = wishes
        self._settings_of = settings_of
        self._ended = ended
        self._line: deque[Sending] = deque()
        self._unkept: dict[str, Mapping[str, Any]] = {}
        self._current: Sending | None = None
        self._wake = threading.Condition()
        self._closed = False
        self.ending = False
        """Whether a signal has told the server to end."""
        self._thread = threading.Thread(target=self._work, name="runs", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether a run is under way or waits."""
        with self._wake:
            return self._current is not None or bool(self._line)

    def submit(self, upload: Upload, token: str, flags: Mapping[str, object]) -> bool:
        """Put a wish to send in line, once for each token; tell whether it was new."""
        if self.ending or not self._uploads.note_send(upload.id, token, state=WAITING):
            return False
        self._append(Sending(token, upload.id, upload.name, {**upload.flags(), **flags}))
        return True

    def undo(self, info: RunInfo, upload: Upload | None, token: str, flags: Mapping[str, object]) -> bool:
        """Put a wish to undo a run in line, once for each token; tell whether it was new."""
        if self.ending or not self._wishes.note(token, state=WAITING, undoes=info.run):
            return False
        name = f"Undo of {Path(info.input).name}"
        upload_id = upload.id if upload is not None else ""
        own = {**self._wishes.flags(info.profile), **flags}
        self._append(Sending(token, upload_id, name, own, info.run))
        return True

    def _append(self, sending: Sending) -> None:
        with self._wake:
            self._line.append(sending)
            self._wake.notify_all()

    def find(self, name: str) -> Sending | None:
        """Find what waits or is under way, by its token or its run."""
        with self._wake:
            return next((one for one in self._all() if name in (one.token, one.run)), None)

    def unkept(self, name: str) -> Mapping[str, Any]:
        """Tell what became of a wish as far as the disk could not take it, by its token or its run."""
        return self._unkept.get(name, {})

    def of_upload(self, upload_id: str) -> Sending | None:
        """Find what waits or is under way for a file."""
        with self._wake:
            return next((one for one in self._all() if one.upload_id == upload_id), None)

    def ahead_of(self, sending: Sending) -> int:
        """Count the runs that come before one in line."""
        with self._wake:
            return list(self._all()).index(sending) if sending in self._all() else 0

    def stop(self, name: str) -> None:
        """Wind a run down; cut it off the second time. One that waits leaves the line."""
        found = self.find(name)
        if found is None:
            return
        with self._wake:
            if found in self._line:
                self._line.remove(found)
                self._note(found, state=ENDED, error=messages.TAKEN_BACK)
                found.state = ENDED
                return
        found.switch.raise_to(WIND_DOWN if found.switch.level == RUN_ON else CUT)

    def end(self, signal: int) -> None:
        """Empty the line and wind down what is under way, one step further with each signal."""
        with self._wake:
            self.ending = True
            waiting, self._line = list(self._line), deque()
            current = self._current
        for one in waiting:
            self._note(one, state=ENDED, error=messages.SERVER_ENDED)
        if current is not None:
            current.switch.signal = current.switch.signal or signal
            if current.switch.level >= CUT:
                current.switch.raise_to(LEAVE)
                with self._wake:
                    self._current = None
                return
            current.switch.press()

    def close(self) -> None:
        """Wait for nothing more."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()

    def _all(self) -> Iterator[Sending]:
        if self._current is not None:
            yield self._current
        yield from self._line

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._line and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                self._current = self._line.popleft()
                sending = self._current
            try:
                self._send(sending)
            finally:
                with self._wake:
                    self._current = None
                sending.state = ENDED
                self._ended(sending.upload_id)

    def _send(self, sending: Sending) -> None:
        try:
            came_to = self._sent(sending)
        except OrdersheetError as error:
            self._note(sending, state=ENDED, error=sentence_of(error), code=error.code)
        except Exception:  # noqa: BLE001 - a bug in a run is told in the page
            self._note(sending, state=ENDED, error=messages.RUN_BROKE, code="bug")
        else:
            self._note(sending, state=ENDED, **came_to)

    def _sent(self, sending: Sending) -> dict[str, object]:
        """Send, undo or hand over; gives what is noted of the end."""
        from ordersheet.pipeline.send import send
        from ordersheet.pipeline.undo import UndoWays, undo

        sending.state = PREPARING
        settings = self._settings_of(sending.flags)
        sending.log = CallLog(settings.log_format)

        def tell(progress: Progress) -> None:
            sending.progress = progress
            sending.began = sending.began or time.monotonic()
            if sending.run is None and sending.log is not None and "run" in sending.log.facts:
                sending.state, sending.run = SENDING, str(sending.log.facts["run"])
                self._note(sending, state=SENDING, run=sending.run)
                self._meant_once(sending)

        def reading() -> _Reading:
            return _Reading(sending)

        if sending.undoes is not None:
            ways = UndoWays(tell=tell, looking=reading, stop=sending.switch, log=sending.log)
            return _noted(undo(sending.undoes, settings, ways=ways))
        upload = self._uploads.find(sending.upload_id)
        if upload is None:
            raise OrdersheetError(messages.FORGOTTEN, code="no-file")
        if isinstance(settings.ledger, LedgerUrl):
            from ordersheet.team.submit import goes_to_workers

            if goes_to_workers(upload.source, settings):
                return self._handed_over(sending, upload, settings, reading)
        ended = send(
            upload.source, settings, tell=tell, reading=reading, stop=sending.switch, log=sending.log
        )
        return _noted(ended)

    def _handed_over(
        self, sending: Sending, upload: Upload, settings: Settings, reading: Reading
    ) -> dict[str, object]:
        """Have workers send it: the line goes on with the next one, and the run's page asks the ledger."""
        from ordersheet.team.submit import submit

        given = submit(
            *(upload.source, settings),
            ask=lambda _seen: True,
            confirm=None,
            reading=reading,
            stop=sending.switch,
        )
        sending.state, sending.run = SENDING, given.run
        self._meant_once(sending)
        return {"run": given.run}

    def _meant_once(self, sending: Sending) -> None:
        """Take back what was asked for this run alone; the ledger knows what of it is left to be done."""
        if sending.undoes is not None:
            return
        with suppress(OrdersheetError):
            self._uploads.choose(
                sending.upload_id, lambda choices: replace(choices, again=False, retry_no=False)
            )

    def _note(self, sending: Sending, **facts: object) -> None:
        try:
            if sending.undoes is not None:
                self._wishes.note(sending.token, **facts)
            else:
                self._uploads.note_send(sending.upload_id, sending.token, **facts)
        except OrdersheetError:
            # The ledger has what was sent; why it ended is told from here, for as long as the page runs.
            for name in filter(None, (sending.token, sending.run)):
                self._unkept[name] = {**self._unkept.get(name, {}), **facts}


def _noted(result: RunResult) -> dict[str, object]:
    said = result.summary.error
    return {
        "run": result.run,
        "report": result.summary.report,
        "said": in_page_words(said) if said else None,
    }


class _Reading:
    """Tells how many rows have been read."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending

    def __enter__(self) -> Callable[[int], None]:
        return self._read

    def __exit__(self, *_: object) -> None:
        self._sending.state = PREPARING

    def _read(self, rows: int) -> None:
        self._sending.read = rows
