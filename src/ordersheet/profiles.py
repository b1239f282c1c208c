"""Writing a profile into the person's own settings file, and leaving the rest of it as it is."""

from __future__ import annotations

import json
import os
import re
import tomllib
from typing import TYPE_CHECKING

from ordersheet.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def check_name(name: str) -> str:
    """Give a profile's name, if it can be one.

    Raises:
        SettingsError: where it cannot.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "A profile's name has letters, digits, - and _ only, at most 40, such as qa or production.",
            code="bad-profile-name",
        )
    return name


def write_profile(path: Path, name: str, base_url: str) -> bool:
    """Add `[profiles.NAME]` with this address; the first profile becomes the default one.

    Args:
        path: the settings file; it is made where there is none.
        name: the profile's name, as `check_name` gives it.
        base_url: the address in its normal form.

    Returns:
        Whether the file changed: False where the profile stood there with this address already.

    Raises:
        SettingsError: where the profile exists with another address, or the file cannot be written.
    """
    try:
        text = path.read_text(encoding="utf-8-sig") if path.exists() else ""
        table = tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error}.", code="bad-settings-file"
        ) from error
    known = table.get("profiles", {}).get(name)
    if known is not None:
        if known.get("base-url", known.get("base_url")) == base_url:
            return False
        raise SettingsError(
            f"The profile {name} stands in {path} already, with another address. Choose another name, or "
            "correct the address there.",
            code="profile-exists",
        )
    default = "" if "profile" in table or table.get("profiles") else f"profile = {json.dumps(name)}\n"
    body = text if not text or text.endswith("\n") else text + "\n"
    section = f"\n[profiles.{name}]\nbase-url = {json.dumps(base_url)}\n"
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("w", encoding="utf-8", newline="\n") as file:
            # A top-level key must stand before the first table.
            file.write(default + body + section)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.", code="unwritable") from error
    return True
