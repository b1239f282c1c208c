"""Addresses that may be secrets: where they stand, instead of what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


def resolved(address: str, what: str, environ: Mapping[str, str]) -> str:
    """Give an address, read from where it stands if it only names that.

    Args:
        address: itself, or `env:NAME` or `file:PATH`.
        what: the setting that it is of, for messages.
        environ: the environment.

    Raises:
        SettingsError: there is nothing where it should stand.
    """
    kind, colon, rest = address.partition(":")
    if colon and kind == "env":
        if not environ.get(rest):
            raise SettingsError(
                f"{what} names the environment variable {rest}, which is empty.", code=f"bad-{what}"
            )
        return environ[rest].strip()
    if colon and kind == "file" and not rest.startswith("//"):
        try:
            return Path(rest).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"{what} names the file {rest}, which cannot be read.", code=f"bad-{what}"
            ) from error
    return address
