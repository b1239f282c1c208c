"""Writing a profile into the person's own settings file, and leaving the rest of it as it is."""

from __future__ import annotations

import json
import os
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
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


def check_free(path: Path, name: str, base_url: str) -> None:
    """See that a profile of this name can be written, before anybody types a key for it.

    Raises:
        SettingsError: where the name stands for another address already, or the file cannot be read.
    """
    known = _profile(_parse(_read(path), path), name, path)
    if known and _address(known) not in (None, base_url):
        raise SettingsError(
            f"The profile {name} stands in {path} already, with another address: {_address(known)}. Choose "
            "another name, or correct the address there.",
            code="profile-exists",
        )


def write_profile(
    path: Path, name: str, base_url: str, further: Mapping[str, str | bool] | None = None
) -> bool:
    """Add `[profiles.NAME]` with this address; the first profile becomes the default one.

    Args:
        path: the settings file; it is made where there is none.
        name: the profile's name, as `check_name` gives it.
        base_url: the address in its normal form.
        further: further settings of the profile by key, such as `proxy`.

    Returns:
        Whether the file changed: False where the profile stood there just so already.

    Raises:
        SettingsError: where the profile exists with other settings, or the file cannot be written.
    """
    check_free(path, name, base_url)
    text = _read(path)
    table = _parse(text, path)
    known = _profile(table, name, path)
    wanted = {key: value for key, value in (further or {}).items() if known.get(key) != value}
    if _address(known) is None:
        wanted = {"base-url": base_url, **wanted}
    if not wanted:
        return False
    profiles = table.get("profiles", {})
    default = {} if "profile" in table or profiles else {"profile": name}
    new = _joined(text, name, default, wanted, exists=name in profiles)
    expected = {**table, **default, "profiles": {**profiles, name: {**known, **wanted}}}
    # A file that is written in another of TOML's many ways is left to the person who wrote it.
    if _parsed(new) != expected:
        lines = "\n".join([f"[profiles.{name}]", *_lines(wanted)])
        raise SettingsError(
            f"The profile {name} cannot be added to {path} as that is written. Add by hand:\n{lines}",
            code="profile-exists",
        )
    _replace(path, new)
    return True


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error}.", code="bad-settings-file"
        ) from error


def _parse(text: str, path: Path) -> dict[str, Any]:
    table = _parsed(text)
    if table is None:
        raise SettingsError(
            f"The settings file {path} is not valid TOML. Correct it.", code="bad-settings-file"
        )
    return table


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except ValueError:
        return None


def _profile(table: Mapping[str, Any], name: str, path: Path) -> dict[str, Any]:
    profiles = table.get("profiles", {})
    found = profiles.get(name, {}) if isinstance(profiles, dict) else None
    if not isinstance(found, dict):
        raise SettingsError(
            f"profiles in {path} must be tables such as [profiles.qa].", code="bad-settings-file"
        )
    return found


def _address(profile: Mapping[str, Any]) -> object:
    return profile.get("base-url", profile.get("base_url"))


def _lines(values: Mapping[str, str | bool]) -> list[str]:
    # A JSON string is a TOML string, too, as long as letters stand for themselves.
    return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]


def _joined(
    text: str, name: str, default: Mapping[str, str], wanted: Mapping[str, str | bool], *, exists: bool
) -> str:
    """Give the file's text with the new lines in their places; all others stay as they are."""
    end = "\r\n" if "\r\n" in text else "\n"
    # A top-level key must stand before the first table.
    before = "".join(line + end for line in _lines(default))
    added = "".join(line + end for line in _lines(wanted))
    if exists:
        head = re.compile(rf"^[ \t]*\[profiles\.{re.escape(name)}\][^\n]*(?:\n|\Z)", re.MULTILINE)
        return before + head.sub(lambda found: found[0].rstrip("\r\n") + end + added, text, count=1)
    body = text if not text or text.endswith("\n") else text + end
    gap = end if before or body else ""
    return f"{before}{body}{gap}[profiles.{name}]{end}{added}"


def _replace(path: Path, text: str) -> None:
    """Write the file in one step; its mode, and a link to it, stay as they are."""
    real = path.resolve()
    new = real.with_name(real.name + ".new")
    try:
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A proxy's address can hold a password, so a new file is its owner's alone.
        mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o600
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(real)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}.", code="unwritable") from error
