"""What the page works with: its private folder, settings, files, looks, and the line of runs."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordersheet.config.settings import resolve, user_file
from ordersheet.config.target import target_of
from ordersheet.core.errors import OrdersheetError
from ordersheet.web import messages
from ordersheet.web.looks import LookKeeper
from ordersheet.web.mappings import SavedMappings
from ordersheet.web.page_words import in_page_words
from ordersheet.web.private import make_private_folder, read_json, write_private
from ordersheet.web.render import load_templates
from ordersheet.web.run_queue import RunQueue
from ordersheet.web.undoing import UndoLooks, UndoWishes
from ordersheet.web.uploads import Uploads

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.ledger import Ledger, RunInfo

SANDBOX = "sandbox"
_START_SECONDS = 30.0
_KEPT_DAYS = 90.0
_LOOKED_AT = 5
"""So many of the newest runs tell whether something was done since."""


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """What the command hands over."""

    folder: Path
    """The page's private folder, beside the ledger."""
    flags: Mapping[str, object]
    """The command's own options by name."""
    find_sandbox: Callable[[], Any]
    """Finds the running sandbox."""
    start_sandbox: Callable[[], subprocess.Popen[bytes]]
    """Starts one in a process of its own."""
    sample: Path
    """A workbook to practise with."""


@dataclass(frozen=True, slots=True)
class Shop:
    """A place that sheets can go to."""

    profile: str | None
    host: str
    ready: bool
    """Whether an address and a key are known."""
    why_not: str = ""

    @property
    def name(self) -> str:
        """What it is called in the page."""
        return self.profile or "as set"


class Site:
    """One running page."""

    def __init__(self, config: SiteConfig) -> None:
        self.config = config
        self.folder = config.folder
        make_private_folder(self.folder)
        self.uploads = Uploads(self.folder / "files")
        self.mappings = SavedMappings(self.folder / "mappings")
        self.looks = LookKeeper(self.uploads, self.settings, self.mappings, self._done_so_far)
        self.wishes = UndoWishes(self.folder / "undos")
        self.undo_looks = UndoLooks(self.settings, self.wishes)
        self.queue = RunQueue(self.uploads, self.wishes, self.settings, self.looks.refresh)
        self.closing = threading.Event()
        self._sandbox: subprocess.Popen[bytes] | None = None
        self.uploads.forget_older_than(_KEPT_DAYS)

    def settings(self, flags: Mapping[str, object] | None = None) -> Settings:
        """Resolve settings for one file or one look at the ledger.

        Raises:
            SettingsError: one of them is wrong, or the profile is gone.
        """
        own = {name: value for name, value in (flags or {}).items() if value is not None}
        return resolve(
            {**self.config.flags, **own}, folder=self.folder, find_sandbox=self.config.find_sandbox
        )

    # ---- shops ----

    def shops(self) -> list[Shop]:
        """Name the places that sheets can go to, those that are ready alone."""
        named = [self.config.flags["profile"]] if self.config.flags.get("profile") else self._profiles()
        found = [self.shop(None), *(self.shop(str(name)) for name in named)]
        ready: dict[str, Shop] = {}
        for one in found:
            if one.ready:
                ready.setdefault(one.profile or "", one)
        plain = ready.get("")
        if plain is not None and any(one.host == plain.host for key, one in ready.items() if key):
            # What is meant by default has a name.
            ready.pop("")
        return list(ready.values())

    def _profiles(self) -> list[str]:
        named = list(self.profile_names())
        if self.config.find_sandbox() is not None and SANDBOX not in named:
            named.append(SANDBOX)
        return named

    def profile_names(self) -> list[str]:
        """Name the profiles of the person's settings file."""
        import tomllib

        with suppress(OSError, ValueError, OrdersheetError):
            named = self.config.flags.get("config") or os.environ.get("ORDERSHEET_CONFIG")
            path = Path(str(named)) if named else user_file()
            return list(tomllib.loads(path.read_text(encoding="utf-8-sig")).get("profiles", {}))
        return []

    def shop(self, profile: str | None) -> Shop:
        """Tell whether a place is ready to be written to."""
        try:
            settings = self.settings({"profile": profile})
            host = target_of(settings).host
        except OrdersheetError as error:
            return Shop(profile, "", ready=False, why_not=in_page_words(str(error)))
        if settings.api_key is None:
            return Shop(profile, host, ready=False, why_not="No API key is known.")
        return Shop(profile, host, ready=True)

    @property
    def last_profile(self) -> str | None:
        """The profile that the last file went to."""
        found = read_json(self.folder / "page.json").get("profile")
        return str(found) if found else None

    def remember_profile(self, profile: str | None) -> None:
        """Offer this profile first the next time."""
        write_private(self.folder / "page.json", json.dumps({"profile": profile}))

    def practise(self) -> None:
        """Start a sandbox, where none runs.

        Raises:
            OrdersheetError: it did not come up.
        """
        if self.config.find_sandbox() is None:
            self._sandbox = self.config.start_sandbox()
            deadline = time.monotonic() + _START_SECONDS
            while self.config.find_sandbox() is None:
                if time.monotonic() > deadline or self._sandbox.poll() is not None:
                    raise OrdersheetError(messages.NO_SANDBOX, code="no-sandbox")
                time.sleep(0.05)
        self.remember_profile(SANDBOX)

    # ---- the ledger ----

    @contextmanager
    def ledger(self, *, read_only: bool = True) -> Iterator[Ledger | None]:
        """Open the ledger; None where nothing was sent yet."""
        from ordersheet.ledger import Ledger

        path = self.settings({"profile": None}).ledger
        if not path.exists():
            yield None
            return
        with Ledger.open(path, create=False, read_only=read_only) as ledger:
            yield ledger

    def runs(self, limit: int | None = None) -> list[RunInfo]:
        """Tell the runs, newest first."""
        with self.ledger() as ledger:
            return ledger.runs(limit=limit) if ledger is not None else []

    def _done_so_far(self) -> object:
        try:
            return [(info.run, info.state, info.ok) for info in self.runs(_LOOKED_AT)]
        except OrdersheetError:
            # Whoever looks at the file is told why.
            return None

    def run(self, name: str) -> RunInfo | None:
        """Tell one run by its whole id."""
        with self.ledger() as ledger:
            if ledger is None:
                return None
            try:
                found = ledger.run(name)
            except OrdersheetError:
                return None
            return found if found.run == name else None

    def warm_up(self) -> None:
        """Load what the first pages need, while the browser starts."""
        import ordersheet.ledger
        import ordersheet.pipeline.check  # noqa: F401 - loaded, and used elsewhere

        load_templates()
        self.shops()

    def close(self) -> None:
        """End what runs beside the server."""
        self.closing.set()
        self.looks.close()
        self.undo_looks.close()
        self.queue.close()
        if self._sandbox is not None:
            self._sandbox.terminate()
            with suppress(Exception):
                self._sandbox.wait(10)
