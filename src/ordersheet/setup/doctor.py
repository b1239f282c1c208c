"""What ordersheet knows of this computer and its settings: safe to paste into a ticket."""

from __future__ import annotations

import platform
import sqlite3
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ordersheet.config.api_key import key_store
from ordersheet.config.settings import API_KEY, DEFAULT, describe, user_file
from ordersheet.config.target import target_of
from ordersheet.core.errors import OrdersheetError
from ordersheet.core.version import version
from ordersheet.setup.probe import Probe, probe

if TYPE_CHECKING:
    from ordersheet.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What doctor found."""

    version: str
    python: str
    system: str
    settings: tuple[tuple[str, str, str], ...]
    """Each setting, its value, and where it comes from; the key only as present or absent."""
    places: tuple[tuple[str, str, bool], ...]
    """What lies where, and whether it is there."""
    probe: Probe | None
    """What one GET said; None where there is no address or no key."""
    why_not: str | None
    """Why no GET was tried."""

    @property
    def verdict(self) -> str:
        """What it comes to, in words."""
        return self.probe.sentence if self.probe is not None else self.why_not or ""

    @property
    def set(self) -> tuple[tuple[str, str, str], ...]:
        """The settings that somebody has set, and the key."""
        return tuple(one for one in self.settings if one[2] != DEFAULT or one[0] == API_KEY)

    @property
    def well(self) -> bool:
        """Whether updates can be sent, as far as one can tell."""
        return self.probe is not None and self.probe.usable

    def as_object(self) -> dict[str, object]:
        """Give what `doctor --json` prints."""
        return {
            "schema": 1,
            "command": "doctor",
            "version": self.version,
            "python": self.python,
            "system": self.system,
            "settings": [
                {"name": name, "value": value, "source": source} for name, value, source in self.settings
            ],
            "places": [{"what": what, "path": path, "exists": there} for what, path, there in self.places],
            "probe": {"code": self.probe.code, "message": self.probe.sentence} if self.probe else None,
            "error": self.why_not,
            "exit_code": 0 if self.well else 1,
        }


def diagnose(settings: Settings) -> Diagnosis:
    """Look at settings and places, and try one GET where there is an address and a key."""
    found: Probe | None = None
    why_not: str | None = None
    try:
        target = target_of(settings)
        if settings.api_key is None:
            why_not = "No API key is known, so nothing was asked. Run: ordersheet setup"
        else:
            found = probe(target.base_url, settings.api_key, settings)
    except OrdersheetError as error:
        why_not = str(error)
    return Diagnosis(
        version=version(),
        python=f"{platform.python_version()} at {sys.executable}",
        system=f"{platform.platform()}, SQLite {sqlite3.sqlite_version}",
        settings=tuple(describe(settings)),
        places=places(settings),
        probe=found,
        why_not=why_not,
    )


def places(settings: Settings) -> tuple[tuple[str, str, bool], ...]:
    """Tell what lies where, and whether it is there."""
    own = settings.config or user_file()
    return (
        ("settings file", str(own), own.exists()),
        ("ledger", str(settings.ledger), settings.ledger.exists()),
        ("saved keys, where there is no keyring", str(key_store()), key_store().exists()),
    )
