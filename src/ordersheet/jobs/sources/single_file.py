"""One file behind a URL, as the command takes it: fetched, and something put beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from ordersheet.core.errors import SettingsError
from ordersheet.core.file_place import READ_ONLY, shown_url
from ordersheet.jobs.sources.remote import RemoteSource, trust

if TYPE_CHECKING:
    from pathlib import Path


def fetch_url(url: str, folder: Path, ca_bundle: object = None) -> Path:
    """Copy one file behind a URL to a folder of this computer, under its own name.

    Args:
        url: of the file.
        folder: where it goes.
        ca_bundle: certificates to trust besides the system's, for `https://`.

    Raises:
        SettingsError: the address is none, or the package for its protocol is not installed.
        SourceGone: it cannot be had.
    """
    name = unquote(url.partition("?")[0].rpartition("/")[2])
    place = folder_of(url) or url
    if not name or "/" in name or place.endswith(":/"):
        raise SettingsError(f"{shown_url(url)} names no file.", code="bad-url")
    target = folder / name
    # Where there are folders, the file is one of them; a web server knows only whole addresses.
    source = RemoteSource(place, "*", "working", trust(url, ca_bundle))
    source.fetch(url.rpartition("/")[2], target)
    return target


def folder_of(url: str) -> str | None:
    """Give the URL of the folder that a file lies in; None where nothing can be put beside it."""
    return None if url.partition("://")[0] in READ_ONLY else url.rpartition("/")[0]


def put_url(local: Path, url: str) -> str:
    """Copy a file of this computer to a folder behind a URL, never over another; gives where it lies.

    Raises:
        SettingsError: the address is none, or the package for its protocol is not installed.
        SourceGone: it cannot be put there.
    """
    if url.partition("://")[0] in READ_ONLY:
        raise SettingsError(f"Nothing can be put at {shown_url(url)}: it can only be read.", code="bad-url")
    return RemoteSource(url, "*", "working").put(local, "", local.name)
