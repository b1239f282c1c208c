"""Where files go that are too large for the ledger, from what a person wrote: a folder, or a URL."""

from __future__ import annotations

import os
from pathlib import Path

from ordersheet.config.ledger_place import referred
from ordersheet.core.errors import SettingsError
from ordersheet.core.file_place import READ_ONLY, FilePlace

_OF_ONE_PROCESS = frozenset({"memory"})


def large_files(value: object) -> FilePlace:
    """A folder's absolute path, or a URL that fsspec takes, or where it stands: env:NAME, file:PATH."""
    given = str(value).strip() if isinstance(value, str | Path) else ""
    if not given:
        raise ValueError("must be a folder or a URL")
    place = FilePlace(referred(given, os.environ, "the URL of a place for large files"))
    if not place.is_escaped:
        # A ValueError would have the value shown, with what may be a part of the password.
        raise SettingsError(
            "large-files has a password in it with a sign that must be escaped: %2F for /, %40 for @, %3A for"
            " :, %23 for #, %3F for ?",
            code="bad-setting",
        )
    if "://" not in place.url:
        folder = Path(place.url).expanduser()
        if not folder.is_absolute():
            raise ValueError("must be a URL, or a folder's whole path, which is the same wherever one stands")
        return FilePlace(str(folder))
    if place.scheme in READ_ONLY:
        raise ValueError("must be a place that can be written to, which a web address is not")
    if place.scheme in _OF_ONE_PROCESS or "::" in place.url:
        raise ValueError("must be a place that other computers reach")
    return place


def refuse_open_secret(place: FilePlace | None, given: object, source: str) -> None:
    """Refuse a password where others read it: in a list of processes, or in a settings file.

    Raises:
        SettingsError: it stands in the URL as given.
    """
    is_open = place is not None and place.holds_secret and str(given).strip() == place.url
    if is_open and not source.startswith("environment variable"):
        raise SettingsError(
            f"large-files must not hold a password where others can read it (from {source}). Let the"
            " protocol's own means know it (an SSH agent, ~/.aws), or name where the URL stands: env:NAME or"
            " file:PATH.",
            code="open-password",
        )
