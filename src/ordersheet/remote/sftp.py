"""What SFTP needs besides fsspec's ways: whom to trust, for how long, and a rename that loses nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

PROTOCOLS = frozenset({"sftp", "ssh"})
KEY_FAULTS = frozenset({"HostKeyNotVerifiable", "KeyExchangeFailed"})
"""The package's errors for a host key that is not to be trusted."""
_PATIENCE, _BEAT = 30, 15
"""Seconds to wait for a connection, and between the signs of life that a quiet one must give."""


def options() -> dict[str, Any]:
    """Give what every connection is made with."""
    return {
        "known_hosts": _known_hosts(),
        "connect_timeout": _PATIENCE,
        "login_timeout": _PATIENCE,
        "keepalive_interval": _BEAT,
    }


def _known_hosts() -> list[str] | bytes:
    """Give the files of known host keys; none at all trusts nobody.

    Said in so many words, since the package for SFTP trusts any server where nothing is said.
    """
    places = (Path.home() / ".ssh" / "known_hosts", Path("/etc/ssh/ssh_known_hosts"))
    return [str(place) for place in places if os.access(place, os.R_OK)] or b""


def rename(filesystem: AbstractFileSystem, source: str, target: str) -> bool:
    """Rename a file by the protocol's own rename, which does not replace; False where the name is taken.

    The package's own move replaces what is there; and where a server has no such rename, it copies through
    a shell, which accounts for SFTP alone have not, and removes the file whatever became of the copy.
    """
    from asyncssh import SFTPError
    from fsspec.asyn import sync

    async def carry_out() -> None:
        async with filesystem.client.start_sftp_client() as channel:
            await channel.rename(source, target)

    try:
        sync(filesystem.loop, carry_out)
    except SFTPError:
        if not filesystem.exists(target):
            raise
        filesystem.info(source)
        return False
    return True


def remove_if_empty(filesystem: AbstractFileSystem, folder: str) -> None:
    """Remove a folder in which nothing lies; the package's own way does nothing, and says nothing."""
    from asyncssh import SFTPError
    from fsspec.asyn import sync

    async def carry_out() -> None:
        async with filesystem.client.start_sftp_client() as channel:
            await channel.rmdir(folder)

    with suppress(SFTPError):
        sync(filesystem.loop, carry_out)
