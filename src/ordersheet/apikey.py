"""The API key: held so that it cannot be printed by accident, and read from where it is kept."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

KEYRING_SERVICE = "ordersheet"
_PLATFORM_FOLDERS = ("/run/secrets", "/var/run/secrets")
_LONGEST_KEY = 4096


class Secret:
    """A text that shows itself to nobody who does not ask by name."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the request's header and nothing else."""
        return self._text

    def checked(self, source: str) -> Secret:
        """Give itself, if it can stand in an HTTP header.

        Raises:
            SettingsError: naming the source, never the text.
        """
        if not re.fullmatch(r"[\x21-\x7e]+", self._text) or len(self._text) > _LONGEST_KEY:
            raise SettingsError(
                f"The API key from {source} is empty, or holds blanks, line breaks or letters outside ASCII. "
                "Copy it again.",
                code="bad-key",
            )
        return self

    def __repr__(self) -> str:
        return "Secret(...)"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a key is not to be written anywhere")


def key_from_file(path: Path, source: str, environ: Mapping[str, str]) -> Secret:
    """Read a key file; a final line break is dropped.

    Raises:
        SettingsError: where it cannot be read, or where others could read it too. Below the folders in
            which a platform mounts secrets, the platform sets the mode, and it is not looked at.
    """
    try:
        data = path.read_bytes()
        others = stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError as error:
        raise SettingsError(
            f"The key file {path} (from {source}) cannot be read: {error.strerror}.", code="key-file"
        ) from error
    if os.name == "posix" and others and not _is_mounted(path, environ):
        raise SettingsError(
            f"The key file {path} can be read by others. Make it yours alone: chmod 600 {path}",
            code="key-file-open",
        )
    try:
        text = data[: _LONGEST_KEY + 2].decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    return Secret(text.removesuffix("\n").removesuffix("\r"))


def _is_mounted(path: Path, environ: Mapping[str, str]) -> bool:
    folders = [*_PLATFORM_FOLDERS, *filter(None, [environ.get("CREDENTIALS_DIRECTORY")])]
    resolved = path.absolute()
    return any(resolved.is_relative_to(Path(folder).absolute()) for folder in folders)


def saved_key(address: str) -> tuple[Secret, str] | None:
    """Find the key that was saved for exactly this address, and say where it was: keyring or key store.

    Args:
        address: the store's address in its normal form; a key saved with another address is not found.
    """
    keyring = _keyring()
    if keyring is not None:
        try:
            text = keyring.get_password(KEYRING_SERVICE, address)
        except keyring.errors.KeyringError:
            text = None
        if text:
            return Secret(text), "the system keyring"
    path = key_store()
    text = _read_store(path).get(address)
    return (Secret(text), str(path)) if text else None


def save_key(address: str, key: Secret) -> str:
    """Save a key with its address, and say where.

    The keyring is asked first; where there is none, the key store is a file that only this user can read.

    Raises:
        SettingsError: where neither can be written.
    """
    keyring = _keyring()
    if keyring is not None:
        try:
            keyring.set_password(KEYRING_SERVICE, address, key.reveal())
        except keyring.errors.KeyringError:
            pass
        else:
            return "the system keyring"
    path = key_store()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, json.dumps({**_read_store(path), address: key.reveal()}))
    except OSError as error:
        raise SettingsError(
            f"The key cannot be saved in {path}: {error.strerror}.", code="key-file"
        ) from error
    return str(path)


def forget_keys() -> None:
    """Remove the key store of this user; keys in the keyring are removed with the keyring's own program."""
    key_store().unlink(missing_ok=True)


def key_store() -> Path:
    """The file for keys where there is no keyring: in the user's data folder, readable by the user alone."""
    import platformdirs  # noqa: PLC0415 - not needed for --help

    return platformdirs.user_data_path("ordersheet", appauthor=False) / "keys.json"


def _read_store(path: Path) -> dict[str, str]:
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise SettingsError(
                f"The saved keys in {path} can be read by others. Make it yours alone: chmod 600 {path}",
                code="key-file-open",
            )
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(text) for name, text in saved.items()} if isinstance(saved, dict) else {}


def _write_private(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if os.name == "nt":
        _restrict_on_windows(beside)
    beside.replace(path)


def _restrict_on_windows(path: Path) -> None:
    """Take the inherited rights away and leave the file to its owner (icacls, part of Windows)."""
    user = os.environ.get("USERNAME", "")
    icacls = os.path.expandvars(r"%SystemRoot%\System32\icacls.exe")
    arguments = [icacls, str(path), "/inheritance:r", "/grant:r", f"{user}:F"]
    subprocess.run(arguments, check=True, capture_output=True)  # noqa: S603 - a fixed program, without a shell


def _keyring() -> ModuleType | None:
    """The keyring package with a backend that can keep something; None where there is none."""
    try:
        import keyring  # noqa: PLC0415 - an extra on Linux, and slow to import
        import keyring.backends.fail  # noqa: PLC0415
        import keyring.errors  # noqa: PLC0415
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), keyring.backends.fail.Keyring) else keyring
