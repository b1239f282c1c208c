"""The API key: held so that it cannot be printed by accident, and read from where it is kept."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.core.errors import SettingsError
from ordersheet.core.secret import LONGEST_KEY, Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

KEYRING_SERVICE = "ordersheet"
_PLATFORM_FOLDERS = ("/run/secrets", "/var/run/secrets")


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
        text = data[: LONGEST_KEY + 2].decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    return Secret(text.removesuffix("\n").removesuffix("\r"))


def _is_mounted(path: Path, environ: Mapping[str, str]) -> bool:
    folders = [*_PLATFORM_FOLDERS, *filter(None, [environ.get("CREDENTIALS_DIRECTORY")])]
    # Not resolved: Kubernetes links a secret to where it really lies. But .. leads out of a folder.
    named = Path(os.path.normpath(path.absolute()))
    return any(named.is_relative_to(Path(folder).absolute()) for folder in folders)


def saved_key(address: str) -> tuple[Secret, str] | None:
    """Find the key that was saved for exactly this address, and say where it was: keyring or key store.

    Args:
        address: the store's address in its normal form; a key saved with another address is not found.
    """
    keyring = _keyring()
    text = _from_keyring(keyring, address) if keyring is not None else None
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
    if keyring is not None and _into_keyring(keyring, address, key):
        return "the system keyring"
    path = key_store()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_private(path, json.dumps({**_read_store(path), address: key.reveal()}))
    except (OSError, subprocess.SubprocessError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it cannot be made yours alone"
        raise SettingsError(f"The key cannot be saved in {path}: {reason}.", code="key-file") from error
    return str(path)


def key_store() -> Path:
    """The file for keys where there is no keyring: in the user's data folder, readable by the user alone."""
    import platformdirs

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
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    if os.name == "nt":
        # Before the key is in it: a folder hands its own rights down to what is made in it.
        subprocess.run(owner_alone(beside, os.environ), check=True, capture_output=True)  # noqa: S603 - fixed
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def owner_alone(path: Path, environ: Mapping[str, str]) -> list[str]:
    """Give the call of icacls, a part of Windows, that leaves a file to its owner and to nobody else."""
    user = "\\".join(filter(None, [environ.get("USERDOMAIN"), environ.get("USERNAME")]))
    icacls = environ.get("SYSTEMROOT", "C:\\Windows") + "\\System32\\icacls.exe"
    return [icacls, str(path), "/inheritance:r", "/grant:r", f"{user}:F"]


def _from_keyring(keyring: ModuleType, address: str) -> str | None:
    try:
        text = keyring.get_password(KEYRING_SERVICE, address)
    except Exception:  # noqa: BLE001 - a backend raises whatever the system's own library raises
        return None
    return str(text) if text else None


def _into_keyring(keyring: ModuleType, address: str, key: Secret) -> bool:
    try:
        keyring.set_password(KEYRING_SERVICE, address, key.reveal())
    except Exception:  # noqa: BLE001 - the same
        return False
    # A keyring that was turned off takes everything and keeps nothing.
    return _from_keyring(keyring, address) == key.reveal()


def _keyring() -> ModuleType | None:
    """The keyring package with a backend that can keep something; None where there is none."""
    try:
        import keyring
        import keyring.backends.fail
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), keyring.backends.fail.Keyring) else keyring
