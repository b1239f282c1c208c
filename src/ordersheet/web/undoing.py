"""Undos of the page: what one would put back, read beside everything else, and the wishes to do it."""

from __future__ import annotations

import json
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import OrdersheetError, UsageError
from ordersheet.core.stop_switch import CUT, StopSwitch
from ordersheet.web import messages
from ordersheet.web.private import make_private_folder, read_json, write_private
from ordersheet.web.uploads import is_token, sentence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ordersheet.config.settings import Settings
    from ordersheet.ledger import RunInfo
    from ordersheet.pipeline.undo_preview import UndoPreview


_FRESH_SECONDS = 10.0
"""So long a look that nobody took is not shown as what stands now."""


class UndoWishes:
    """What became of each wish to undo, by the one-time token of its form; on disk before it is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        make_private_folder(folder)

    def flags(self, profile: str | None) -> dict[str, object]:
        """Give the options of an undo."""
        return {
            "profile": profile,
            "report": self._folder / "reports",
            "overwrite": True,
            "yes": True,
            "progress": False,
            "open": False,
        }

    def find(self, token: str) -> dict[str, Any]:
        """Tell what became of a wish; nothing where there is none."""
        return read_json(self._folder / f"{token}.json") if is_token(token) else {}

    def note(self, token: str, **facts: object) -> bool:
        """Note what became of a wish; tell whether its token is new."""
        with self._lock:
            known = self.find(token)
            try:
                write_private(self._folder / f"{token}.json", json.dumps({**known, **facts}))
            except OSError as error:
                raise UsageError(
                    messages.UNDO_NOT_KEPT.format(reason=error.strerror), code="disk-full"
                ) from error
        return not known


@dataclass(frozen=True, slots=True)
class UndoLook:
    """How far a look at what an undo would put back has come."""

    read: int = 0
    """Orders that have been read."""
    seen: UndoPreview | None = None
    error: str = ""
    ended: float = 0.0
    """When all was known, by the monotonic clock."""
    stop: StopSwitch = field(default_factory=StopSwitch)

    @property
    def done(self) -> bool:
        """Whether all is known."""
        return self.seen is not None or bool(self.error)


class UndoLooks:
    """Looks at runs in threads of their own, one for each run at a time."""

    def __init__(self, settings_of: Callable[[Mapping[str, object]], Settings], wishes: UndoWishes) -> None:
        self._settings_of = settings_of
        self._wishes = wishes
        self._looks: dict[str, UndoLook] = {}
        self._lock = threading.Lock()

    def of(self, info: RunInfo) -> UndoLook:
        """Give the look at a run that is under way, or begin one; one that is done is given once."""
        with self._lock:
            look = self._looks.get(info.run)
            if look is None or (look.done and time.monotonic() - look.ended > _FRESH_SECONDS):
                look = self._looks[info.run] = UndoLook()
                threading.Thread(
                    target=self._run, args=(info, look.stop), name="undo look", daemon=True
                ).start()
            elif look.done:
                # What stands in orders changes: whoever asks again is told anew.
                del self._looks[info.run]
            return look

    def close(self) -> None:
        """End what is under way."""
        with self._lock:
            for look in self._looks.values():
                look.stop.raise_to(CUT)

    def _run(self, info: RunInfo, stop: StopSwitch) -> None:
        from ordersheet.pipeline.undo import UndoWays, preview_undo

        tell = partial(self._publish, info.run, stop)
        try:
            settings = self._settings_of(self._wishes.flags(info.profile))
            ways = UndoWays(looking=lambda: nullcontext(lambda orders: tell(read=orders)), stop=stop)
            seen = preview_undo(info.run, settings, ways=ways)
        except OrdersheetError as error:
            tell(error=sentence_of(error), ended=time.monotonic())
        except Exception:  # noqa: BLE001 - a bug in a look is told in the page
            tell(error=messages.WENT_WRONG, ended=time.monotonic())
        else:
            tell(seen=seen, ended=time.monotonic())

    def _publish(self, run: str, stop: StopSwitch, **facts: Any) -> None:
        """Put a look's next state in the place of the one before, which whoever has it goes on showing."""
        with self._lock:
            look = self._looks.get(run)
            if look is not None and look.stop is stop:
                self._looks[run] = replace(look, **facts)
