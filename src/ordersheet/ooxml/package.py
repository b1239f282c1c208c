"""The zip package of a workbook: its parts as streams, within limits, and how they point at each other.

Everything is checked before it is unpacked, nothing is ever unpacked onto the disk, and whatever zipfile
raises over a damaged file leaves here as one SourceError.
"""

from __future__ import annotations

import posixpath
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from ordersheet.core.errors import SourceError
from ordersheet.ooxml.compound import COMPOUND_FILE, streams_of
from ordersheet.ooxml.limits import LIMITS, Limits
from ordersheet.ooxml.part import CHUNK, local_name, walk_part
from ordersheet.ooxml.refusals import not_a_workbook, password_protected, too_big

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_ZIP = b"PK\x03\x04"
_BIG_END = 56
"""Bytes of the end record of an archive that is too large for the usual one."""
_END_REACH = 22 + 20 + _BIG_END + 65535
"""From how far before the end of a zip its closing records can stand."""
_NOT_SAID = 0xFFFF_FFFF
_NOT_SAID_SHORT = 0xFFFF
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    IndexError,
    OverflowError,
)
"""What zipfile fails with on a damaged package."""


class Relationship(NamedTuple):
    """How one part points at another."""

    id: str
    type: str
    """The last word of its type, such as `worksheet`."""
    target: str
    """The name of the part, without a leading slash."""


class Package:
    """An open package: a zip of parts, whose names differ in more than case and slashes.

    Args:
        archive: the zip.
        limits: how big it may be.

    Raises:
        SourceError: where it has too many or too big parts, or two of one name.
    """

    def __init__(self, archive: zipfile.ZipFile, limits: Limits = LIMITS) -> None:
        self.archive = archive
        self.limits = limits
        self._parts: dict[str, zipfile.ZipInfo] = {}
        parts = [info for info in archive.infolist() if not info.is_dir()]
        if len(parts) > limits.parts:
            raise too_big(f"The file has {len(parts):,} parts")
        for info in parts:
            name = part_key(info.filename)
            if name in self._parts:
                raise not_a_workbook(f"The file is damaged: it has two parts named {info.filename}.")
            self._parts[name] = info
        if sum(info.file_size for info in parts) > limits.total:
            raise too_big(f"Unpacked, the file has more than {limits.total:,} bytes")

    def __contains__(self, name: str) -> bool:
        return part_key(name) in self._parts

    def names(self) -> list[str]:
        """List the parts' names, as they are compared."""
        return list(self._parts)

    def chunks(self, name: str, *, big: bool = False) -> Iterator[bytes]:
        """Unpack a part, piece by piece.

        Args:
            name: the part's name.
            big: whether it may be as big as a sheet.

        Raises:
            SourceError: where it is missing, damaged, encrypted or too big.
        """
        info = self._parts.get(part_key(name))
        if info is None:
            raise not_a_workbook(f"The file is damaged: its part {name} is missing.")
        _refuse_part(info, self.limits, big=big)
        try:
            with self.archive.open(info) as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except DAMAGED as error:
            raise not_a_workbook(f"The file is damaged: its part {name} cannot be unpacked.") from error
        except OSError as error:
            raise _unreadable(error) from error

    def read(self, name: str) -> bytes:
        """Unpack a small part whole; see `chunks`."""
        return b"".join(self.chunks(name))

    def relationships(self, name: str) -> list[Relationship]:
        """Read how a part points at others; the package itself has the name `""`.

        Raises:
            SourceError: where that cannot be read.
        """
        folder, base = posixpath.split(name)
        place = posixpath.join(folder, "_rels", f"{base}.rels")
        found: list[Relationship] = []
        if place not in self:
            return found

        def start(path: list[str], attributes: dict[str, str]) -> None:
            if local_name(path[-1]) != "Relationship" or attributes.get("TargetMode") == "External":
                return
            target = attributes.get("Target", "").replace("\\", "/")
            joined = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            if joined not in self:
                joined = unquote(joined)
            kind = attributes.get("Type", "").rsplit("/", 1)[-1]
            found.append(Relationship(attributes.get("Id", ""), kind, joined))

        walk_part(self.chunks(place), place, start)
        return found


@contextmanager
def open_package(path: Path, limits: Limits = LIMITS) -> Iterator[Package]:
    """Open a workbook package for reading.

    Args:
        path: the file.
        limits: how big it may be.

    Raises:
        SourceError: `password`, `bomb` or `not-a-workbook`.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(error) from error
    with file:
        try:
            _refuse_start(file, limits)
            archive = zipfile.ZipFile(file)
        except OSError as error:
            raise _unreadable(error) from error
        except DAMAGED as error:
            raise not_a_workbook("The file is damaged: it is no complete zip package.") from error
        with archive:
            yield Package(archive, limits)


def part_key(name: str) -> str:
    """Give a part's name as names are compared: case and the kind of slash do not count."""
    return name.replace("\\", "/").lstrip("/").casefold()


def _refuse_part(info: zipfile.ZipInfo, limits: Limits, *, big: bool) -> None:
    if info.flag_bits & 1:
        raise password_protected()
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise not_a_workbook(f"The part {info.filename} is packed in a way that workbooks are not.")
    if info.file_size > (limits.part if big else limits.small_part):
        raise too_big(f"Unpacked, the part {info.filename} has {info.file_size:,} bytes")
    if info.file_size > limits.ratio_from and info.file_size > limits.ratio * max(info.compress_size, 1):
        raise too_big(f"Unpacked, the part {info.filename} grows {limits.ratio}-fold and more")


def _refuse_start(file: BinaryIO, limits: Limits) -> None:
    """Refuse what is no zip by its first bytes, and a directory too big to be read."""
    begin = file.read(8)
    if begin == COMPOUND_FILE:
        if "EncryptedPackage" in streams_of(file):
            raise password_protected()
        raise not_a_workbook("The file is an old .xls workbook or another Office file, not an .xlsx.")
    if not begin:
        raise not_a_workbook("The file is empty: it has no bytes at all.")
    if not begin.startswith(_ZIP):
        raise not_a_workbook("The file is not an .xlsx workbook, whatever its name says.")
    count, size = _directory(file)
    if count > limits.parts or size > limits.directory:
        raise too_big(f"The file has {count:,} parts")


def _directory(file: BinaryIO) -> tuple[int, int]:
    """Give the count of parts and the bytes of the zip's directory, as its end says.

    zipfile reads the whole directory into memory before anything can be checked.
    """
    size = file.seek(0, 2)
    begin = max(size - _END_REACH, 0)
    file.seek(begin)
    tail = file.read(_END_REACH)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 22 > len(tail):
        raise not_a_workbook("The file is damaged or cut off: its end is missing.")
    count, length = struct.unpack_from("<HI", tail, at + 10)
    locator = at - 20
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        (place,) = struct.unpack_from("<Q", tail, locator + 8)
        # Where bytes stand before the zip, zipfile looks right before the locator.
        for where in (place, begin + locator - 56):
            if 0 <= where <= size:
                file.seek(where)
                record = file.read(_BIG_END)
                if record[:4] == b"PK\x06\x06" and len(record) == _BIG_END:
                    big_count, big_length = struct.unpack_from("<QQ", record, 32)
                    count, length = max(count, big_count), max(length, big_length)
    if length == _NOT_SAID:
        length = 0
    return count if count != _NOT_SAID_SHORT else 0, length


def _unreadable(error: OSError) -> SourceError:
    return SourceError(f"The file cannot be read: {error.strerror or error}.", code="unreadable")
