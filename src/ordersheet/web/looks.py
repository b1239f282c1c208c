"""The looks that are under way or done, one for each file; checks run beside the run that sends."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ordersheet.core.stop_switch import CUT, StopSwitch
from ordersheet.web import messages
from ordersheet.web.look import DISK_FULL, DONE, READING, Look, Looker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.web.mappings import SavedMappings
    from ordersheet.web.uploads import Uploads

_AT_ONCE = 2
_KEPT = 20
"""So many looks keep their rows on disk; the oldest is made anew when somebody comes back to it."""


@dataclass(slots=True)
class _Entry:
    look: Look
    version: int = 0
    busy: bool = False
    stale: bool = False
    online: bool = False
    """Whether the next look reads the orders, too."""
    stamp: object = None
    """What had been done when it was counted."""
    stop: StopSwitch = field(default_factory=StopSwitch)


class LookKeeper:
    """Starts looks, and knows how far each has come."""

    def __init__(
        self,
        uploads: Uploads,
        settings_of: Callable[[Mapping[str, object]], Settings],
        mappings: SavedMappings,
        stamp: Callable[[], object],
    ) -> None:
        """Keep no look yet.

        Args:
            uploads: the files, and what was chosen for them.
            settings_of: resolves settings.
            mappings: saved mappings.
            stamp: tells what has been done so far, by this page or by the command; another one when more has.
        """
        self._uploads = uploads
        self._settings_of = settings_of
        self._mappings = mappings
        self._stamp = stamp
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="look")

    def of(self, upload_id: str) -> tuple[Look, int]:
        """Give the look at a file and its version; starts one where there is none, or choices changed."""
        upload = self._uploads.find(upload_id)
        assert upload is not None
        with self._lock:
            entry = self._entries.get(upload_id)
            if entry is None:
                entry = self._entries[upload_id] = _Entry(Look(upload.choices))
                self._drop_oldest()
                self._start(upload_id, entry)
            elif entry.look.choices != upload.choices and not entry.stale:
                self._again(upload_id, entry)
            return entry.look, entry.version

    def freshen(self, upload_id: str) -> None:
        """Count anew where something was done since the last count, whoever did it, or the disk was full."""
        stamp = self._stamp()
        with self._lock:
            entry = self._entries.get(upload_id)
            if entry is None or entry.busy:
                return
            if entry.stamp != stamp or entry.look.code == DISK_FULL:
                self._start(upload_id, entry)

    def refresh(self, upload_id: str) -> None:
        """Count anew, since what was done before has changed."""
        with self._lock:
            entry = self._entries.get(upload_id)
            if entry is not None and not entry.stale:
                self._again(upload_id, entry)

    def read_orders(self, upload_id: str) -> None:
        """Look once more, and read the orders."""
        with self._lock:
            entry = self._entries.get(upload_id)
            if entry is not None and not entry.busy:
                entry.online = True
                self._start(upload_id, entry)

    def stale(self, upload_id: str) -> bool:
        """Tell whether a file is being looked at, or was chosen for since."""
        upload = self._uploads.find(upload_id)
        with self._lock:
            entry = self._entries.get(upload_id)
            return entry is None or entry.busy or upload is None or entry.look.choices != upload.choices

    def version(self, upload_id: str) -> int:
        """Give the version of a look, for whoever waits for news."""
        with self._lock:
            entry = self._entries.get(upload_id)
            return entry.version if entry is not None else -1

    def forget(self, upload_id: str) -> None:
        """Drop a look, with its rows."""
        with self._lock:
            entry = self._entries.pop(upload_id, None)
        if entry is not None and entry.look.store is not None and not entry.busy:
            entry.look.store.close()

    def close(self) -> None:
        """Start no further look, and end the reading of orders."""
        with self._lock:
            for entry in self._entries.values():
                entry.stop.raise_to(CUT)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _again(self, upload_id: str, entry: _Entry) -> None:
        if entry.busy:
            entry.stale = True
        else:
            self._start(upload_id, entry)

    def _start(self, upload_id: str, entry: _Entry) -> None:
        entry.busy, entry.stale = True, False
        # What was counted stays to be seen, and is not taken for the latest.
        entry.look = replace(entry.look, stage=READING)
        entry.version += 1
        self._pool.submit(self._run, upload_id, entry)

    def _run(self, upload_id: str, entry: _Entry) -> None:
        try:
            self._look(upload_id, entry)
        except Exception:  # noqa: BLE001 - a bug in a look is told in the page
            self._publish(entry, replace(entry.look, stage=DONE, error=messages.WENT_WRONG, code="bug"))
        finally:
            with self._lock:
                entry.busy = False
                if entry.stale:
                    self._start(upload_id, entry)

    def _look(self, upload_id: str, entry: _Entry) -> None:
        upload = self._uploads.find(upload_id)
        if upload is None:
            return
        entry.stamp = self._stamp()
        before = entry.look if entry.look.store is not None else None
        looker = Looker(
            upload,
            self._settings_of,
            lambda look: self._publish(entry, look),
            self._mappings.fitting,
            before,
            online=entry.online,
            stop=entry.stop,
        )
        entry.online = False
        looker.run()
        if looker.adopted is not None:
            name, columns = looker.adopted
            self._uploads.choose(upload_id, lambda choices: replace(choices, columns=columns, mapping=name))

    def _publish(self, entry: _Entry, look: Look) -> None:
        with self._lock:
            entry.look = look
            entry.version += 1

    def _drop_oldest(self) -> None:
        idle = [name for name, entry in self._entries.items() if not entry.busy]
        for name in idle[: max(0, len(self._entries) - _KEPT)]:
            entry = self._entries.pop(name)
            if entry.look.store is not None:
                entry.look.store.close()
