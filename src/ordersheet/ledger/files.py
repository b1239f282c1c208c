"""The ledger's files: private, local, whole, and its user's own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import struct
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ordersheet.core.errors import LedgerError, SourceError
from ordersheet.ledger.faults import plain_words
from ordersheet.ledger.schema import APPLICATION_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_CHUNK = 1 << 20
_WINDOWS_REMOTE_DRIVE = 4

NETWORK_TYPES = frozenset(
    [
        "9p",
        "afpfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "drvfs",
        "fuse.ceph",
        "fuse.curlftpfs",
        "fuse.davfs2",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.vmhgfs-fuse",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "webdav",
    ]
)
"""File systems, as Linux and macOS name them, on which SQLite's WAL and the locks are not to be relied on.

Those by which a virtual machine sees its host's folders (9p, virtiofs, vboxsf, vmhgfs, WSL's drvfs) are among
them: to both sides they are another computer's disk.
"""


def locks_folder(path: Path) -> Path:
    """Name the folder of the process locks of the ledger at `path`."""
    return path.with_name(path.name + ".locks")


def copies_folder(path: Path) -> Path:
    """Name the folder of the private copies of inputs of the ledger at `path`."""
    return path.with_name(path.name + ".copies")


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the user alone.

    Those that exist stay as they are.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)


def refuse_network(path: Path, kind: str | None = None) -> None:
    """Raise LedgerError where the ledger would lie on another computer's disk.

    Args:
        path: the ledger's file, there or not.
        kind: the type of its file system; asked of the system where None.
    """
    kind = kind or _file_system(path)
    if kind in NETWORK_TYPES:
        raise LedgerError(
            f"The ledger {path} lies on a network disk ({kind}), where a crash or a second computer could"
            f" damage it."
            " Choose a ledger on a local disk with --ledger.",
            code="network-disk",
        )


def _file_system(path: Path) -> str:
    place = Path(os.path.realpath(path))
    if sys.platform == "win32":
        import ctypes

        drive = place.drive
        remote = drive.startswith("\\\\") or (
            ctypes.windll.kernel32.GetDriveTypeW(drive + "\\") == _WINDOWS_REMOTE_DRIVE
        )
        return "smbfs" if remote else "local"
    if sys.platform == "darwin":
        table = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=False).stdout
        return kind_of_mount(place, mac_mounts(table.splitlines()))
    try:
        table = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return "unknown"
    return kind_of_mount(place, linux_mounts(table.splitlines()))


def linux_mounts(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Read mount points and their types from /proc/self/mounts (blanks are written as octal escapes)."""
    mounts = []
    for line in lines:
        _device, _, of_mount = line.partition(" ")
        place, blank, kind = of_mount.partition(" ")
        if blank:
            for escape, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
                place = place.replace(escape, letter)
            mounts.append((place, kind.partition(" ")[0]))
    return mounts


def mac_mounts(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Read mount points and their types from what macOS's `mount` prints: `device on place (type, ...)`."""
    mounts = []
    for line in lines:
        _, _, rest = line.partition(" on ")
        place, bracket, kinds = rest.rpartition(" (")
        if bracket:
            mounts.append((place, kinds.rstrip(")").split(",")[0].strip()))
    return mounts


def kind_of_mount(place: PurePath, mounts: Iterable[tuple[str, str]]) -> str:
    """Name the type of the file system that holds a place; the longest, last mount above it counts."""
    best, kind = -1, "unknown"
    for point, name in mounts:
        if len(point) >= best and place.is_relative_to(point):
            best, kind = len(point), name
    return kind


_guard = threading.RLock()
"""One that its holder may take again: what ends a use may run whenever memory is tidied."""
_in_use: Counter[tuple[int, int]] = Counter()
"""By device and inode: how often this process has opened a ledger's file.

Closing any descriptor of a file lets go of all the locks that this process has on it, SQLite's own included;
the next process to leave would then take the write-ahead log away, and with it what is written afterwards. So
a file that SQLite has open here is not opened beside it.
"""


def note_use(path: Path) -> Callable[[], None]:
    """Note that SQLite opens a file from now on; gives what notes the end of that."""
    status = path.stat()
    identity = status.st_dev, status.st_ino

    def end() -> None:
        with _guard:
            _in_use[identity] -= 1
            if not _in_use[identity]:
                del _in_use[identity]

    with _guard:
        _in_use[identity] += 1
    return end


def _header(path: Path, status: os.stat_result) -> bytes | None:
    """Read the beginning of a file; None where this process has it open, and has looked at it before."""
    with _guard:
        if (status.st_dev, status.st_ino) in _in_use:
            return None
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)


def inspect(path: Path) -> None:
    """Raise LedgerError where a file cannot be this user's whole ledger. Repairs a mode that is too open."""
    with plain_words(path):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise LedgerError(
                f"{path} is not a file, so it cannot be a ledger. Choose a file with --ledger.",
                code="not-a-ledger",
            )
        if sys.platform != "win32" and status.st_uid != os.geteuid():
            raise LedgerError(
                f"The ledger {path} belongs to another user. Each user has a ledger of their own: choose"
                f" one with --ledger.",
                code="not-yours",
            )
        header = _header(path, status)
        if header is not None:
            _inspect_header(path, header, status.st_size)
        if stat.S_IMODE(status.st_mode) & 0o077:
            path.chmod(stat.S_IMODE(status.st_mode) & 0o700)


def _inspect_header(path: Path, header: bytes, size: int) -> None:
    if not header:
        raise LedgerError(
            f"The ledger {path} is empty: it was cut off, or is none. Put a backup in its place, or"
            f" choose another with --ledger.",
            code="truncated",
        )
    if not header.startswith(_MAGIC[: len(header)]):
        raise LedgerError(
            f"{path} is not a ledger of ordersheet. Choose another file with --ledger.", code="not-a-ledger"
        )
    if len(header) < _HEADER_BYTES:
        raise _truncated(path)
    # https://www.sqlite.org/fileformat.html: page size at 16, pages at 28, application id at 68.
    page_size = struct.unpack(">H", header[16:18])[0]
    pages, application = struct.unpack(">I", header[28:32])[0], struct.unpack(">I", header[68:72])[0]
    if application != APPLICATION_ID:
        raise LedgerError(
            f"{path} is a database of another program, not a ledger. Choose another file with --ledger.",
            code="not-a-ledger",
        )
    wal = path.with_name(path.name + "-wal")
    # With a write-ahead log beside it the file may lag behind its header: SQLite completes it.
    if size < pages * (65536 if page_size == 1 else page_size) and not (wal.exists() and wal.stat().st_size):
        raise _truncated(path)


def _truncated(path: Path) -> LedgerError:
    return LedgerError(
        f"The ledger {path} is cut off. Put a backup in its place; without one, choose a new ledger with"
        f" --ledger and look at the"
        " orders first.",
        code="truncated",
    )


class Watch:
    """Notices that an open file was removed, replaced or made read-only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        status = path.stat()
        self._identity = (status.st_dev, status.st_ino)

    def check(self) -> None:
        """Raise LedgerError where the file is no longer what was opened."""
        try:
            status = self._path.stat()
        except OSError as fault:
            raise self._gone() from fault
        if (status.st_dev, status.st_ino) != self._identity:
            raise self._gone()
        if not status.st_mode & stat.S_IWUSR:
            raise LedgerError(
                f"The ledger {self._path} was made read-only while it was in use. Make it writable, and"
                f" run again.",
                code="read-only",
            )

    def _gone(self) -> LedgerError:
        return LedgerError(
            f"The ledger {self._path} was removed or replaced while it was in use. Put it back before"
            f" running again:"
            " without it, what was sent is not known.",
            code="removed",
        )


def copy_private(source: Path, folder: Path) -> tuple[Path, str]:
    """Copy a file for the user's eyes alone, and hash it in the same pass.

    Args:
        source: the file; read once, from its beginning to its end.
        folder: where the copy goes; made where it is missing.

    Returns:
        The copy's path (a name of its own, with the source's suffix), and the SHA-256 of its bytes in
        hexadecimal.

    Raises:
        SourceError: the source cannot be read.
        LedgerError: the copy cannot be written; nothing of it is left behind.
    """
    target = folder / f"{secrets.token_hex(8)}{source.suffix}"
    digest = hashlib.sha256()
    try:
        incoming = source.open("rb")
    except OSError as fault:
        raise SourceError(
            f"{source} cannot be read ({fault.strerror}). Check the path and its rights."
        ) from fault
    with incoming, plain_words(target):
        make_private_folder(folder)
        try:
            with os.fdopen(
                os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600),
                "wb",
            ) as outgoing:
                while chunk := incoming.read(_CHUNK):
                    digest.update(chunk)
                    outgoing.write(chunk)
                outgoing.flush()
                os.fsync(outgoing.fileno())
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return target, digest.hexdigest()


@contextlib.contextmanager
def new_private_file(target: Path) -> Iterator[Path]:
    """Give the path of a draft, its user's alone, that takes the target's place once it is whole.

    Raises:
        LedgerError: it cannot be written; nothing of it is left behind.
    """
    draft = target.with_name(f"{target.name}.{secrets.token_hex(4)}.new")
    with plain_words(target):
        try:
            os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            yield draft
            draft.replace(target)
            sync_folder(target.parent)
        finally:
            draft.unlink(missing_ok=True)


def sync_file(file: Path) -> None:
    """Make a file's content durable."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can (Windows does so by itself)."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
