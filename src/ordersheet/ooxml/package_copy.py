"""A zip package read part by part, and copied with every unchanged part's stored bytes as they are."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Protocol, Self

from ordersheet.ooxml.refusals import CannotSplice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

READ_BLOCK = 1 << 18
SMALL_PART = 1 << 28
"""Bytes that a part may have that is held in memory (styles, a table): far beyond any real one."""
_LOCAL_SIZE = 30
_ENCRYPTED = 0x1
_SIZES_FOLLOW = 0x8
_UTF8_NAME = 0x800
_ZIP64_EXTRA = 1
_MAX32 = 0xFFFFFFFF
_MAX16 = 0xFFFF
_ZIP64_FROM = 0xE0000000
_ZIP64_VERSION = 45
_LEVEL = 5
"""Deflate level of the parts that change: 6 takes a tenth longer for 0.2 % less."""


class Sink(Protocol):
    """A file to write to, whose beginning can be patched."""

    def write(self, data: bytes, /) -> int:
        """Write all of the data."""
        ...

    def tell(self) -> int:
        """Give the place of the next byte."""
        ...

    def seek(self, offset: int, /) -> int:
        """Go to a place, counted from the beginning."""
        ...


_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, ValueError, RuntimeError, IndexError, OverflowError),
)
"""What zipfile fails with on a damaged package."""


class PackageCopy:
    """A zip package (.xlsx, .xlsm, .ods)."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            CannotSplice: where it is damaged, encrypted or has two parts of one name.
        """
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise CannotSplice(f"it is not a sound zip package ({error})") from error
        self._infos = {info.filename: info for info in self._zip.infolist()}
        names = {name.lower().lstrip("/") for name in self._infos}
        if len(names) < len(self._zip.infolist()):
            self._zip.close()
            raise CannotSplice("it has two parts of the same name")
        if any(info.flag_bits & _ENCRYPTED for info in self._infos.values()):
            self._zip.close()
            raise CannotSplice("parts of it are encrypted")
        self._check_places(path)
        self._by_lower = {name.lower().lstrip("/"): name for name in self._infos}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def find(self, name: str) -> str | None:
        """Give a part's name as the package writes it, or None; names differ in more than case."""
        return self._by_lower.get(name.lower().lstrip("/"))

    def chunks(self, name: str) -> Iterator[bytes]:
        """Read a part block by block."""
        try:
            with self._zip.open(self._infos[name]) as part:
                while block := part.read(READ_BLOCK):
                    yield block
        except _DAMAGED as error:
            raise CannotSplice(f"its part {name} cannot be unpacked ({error})") from error

    def read(self, name: str) -> bytes:
        """Read a small part whole."""
        if self._infos[name].file_size > SMALL_PART:
            raise CannotSplice(f"its part {name} is far too big")
        return b"".join(self.chunks(name))

    def copy(self, out: Sink, changed: Mapping[str, Callable[[], Iterable[bytes]]]) -> None:
        """Write the package anew: the parts in their order, unchanged ones without unpacking them.

        Args:
            out: where to, at its beginning.
            changed: by part name what gives the new bytes.
        """
        entries = []
        for name, info in self._infos.items():
            at = out.tell()
            if name in changed:
                sizes = _write_new(out, info, changed[name]())
            else:
                sizes = info.CRC, info.compress_size, info.file_size
                self._copy_raw(out, info)
            kept = name not in changed
            entries.append(_central(info, at, sizes, info.compress_type if kept else zipfile.ZIP_DEFLATED))
        _write_end(out, entries, self._zip.comment)

    def _check_places(self, path: Path) -> None:
        """Find each part's stored bytes now, since a report that is half written is too late to refuse."""
        source = self._zip.fp
        assert source is not None
        end = path.stat().st_size
        for info in self._infos.values():
            # Where bytes stand before the zip, or its end is damaged, a part may begin before the file does.
            source.seek(max(info.header_offset, 0))
            head = source.read(_LOCAL_SIZE) if info.header_offset >= 0 else b""
            sizes = (
                struct.unpack("<HH", head[26:])
                if head[:4] == b"PK\3\4" and len(head) == _LOCAL_SIZE
                else None
            )
            if sizes is None or info.header_offset + _LOCAL_SIZE + sum(sizes) + info.compress_size > end:
                self._zip.close()
                raise CannotSplice(f"its part {info.filename} is cut off")

    def _copy_raw(self, out: Sink, info: zipfile.ZipInfo) -> None:
        source = self._zip.fp
        assert source is not None
        source.seek(info.header_offset)
        name_size, extra_size = struct.unpack("<HH", source.read(_LOCAL_SIZE)[26:])
        source.seek(name_size, 1)
        extra = _without_zip64(source.read(extra_size))
        out.write(_local(info, (info.CRC, info.compress_size, info.file_size), info.compress_type, extra))
        left = info.compress_size
        while left:
            block = source.read(min(READ_BLOCK, left))
            out.write(block)
            left -= len(block)


def _write_new(out: Sink, info: zipfile.ZipInfo, chunks: Iterable[bytes]) -> tuple[int, int, int]:
    """Write a changed part and give its CRC, packed and unpacked size."""
    at = out.tell()
    big = info.file_size >= _ZIP64_FROM
    placeholder = (0, _MAX32, _MAX32) if big else (0, 0, 0)
    out.write(_local(info, placeholder, zipfile.ZIP_DEFLATED, b""))
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    crc = packed = size = 0
    for chunk in chunks:
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        if block := packer.compress(chunk):
            packed += out.write(block)
    packed += out.write(packer.flush())
    end = out.tell()
    out.seek(at)
    out.write(_local(info, (crc, packed, size), zipfile.ZIP_DEFLATED, b"", zip64=big))
    out.seek(end)
    return crc, packed, size


def _name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8_NAME else "cp437")


def _stamp(info: zipfile.ZipInfo) -> tuple[int, int]:
    year, month, day, hour, minute, second = info.date_time
    return hour << 11 | minute << 5 | second // 2, max(year - 1980, 0) << 9 | month << 5 | day


def _local(
    info: zipfile.ZipInfo, sizes: tuple[int, int, int], method: int, extra: bytes, *, zip64: bool = False
) -> bytes:
    crc, packed, size = sizes
    version = info.extract_version
    if zip64 or max(packed, size) >= _MAX32:
        extra = struct.pack("<HHQQ", _ZIP64_EXTRA, 16, size, packed) + extra
        packed = size = _MAX32
        version = max(version, _ZIP64_VERSION)
    name = _name(info)
    flags = info.flag_bits & ~_SIZES_FOLLOW
    numbers = (b"PK\3\4", version, flags, method, *_stamp(info), crc, packed, size, len(name), len(extra))
    return struct.pack("<4s5H3L2H", *numbers) + name + extra


def _central(info: zipfile.ZipInfo, at: int, sizes: tuple[int, int, int], method: int) -> bytes:
    crc, packed, size = sizes
    extra = _without_zip64(info.extra)
    version = info.extract_version
    wide = [number for number in (size, packed, at) if number >= _MAX32]
    if wide:
        extra = struct.pack(f"<HH{len(wide)}Q", _ZIP64_EXTRA, 8 * len(wide), *wide) + extra
        version = max(version, _ZIP64_VERSION)
        size, packed, at = min(size, _MAX32), min(packed, _MAX32), min(at, _MAX32)
    name = _name(info)
    return (
        struct.pack(
            "<4s4B4H3L5H2L",
            *(b"PK\1\2", info.create_version, info.create_system, version, info.reserved),
            *(info.flag_bits & ~_SIZES_FOLLOW, method, *_stamp(info), crc, packed, size),
            *(len(name), len(extra), len(info.comment), 0, info.internal_attr, info.external_attr, at),
        )
        + name
        + extra
        + info.comment
    )


def _write_end(out: Sink, entries: list[bytes], comment: bytes) -> None:
    at = out.tell()
    size = out.write(b"".join(entries))
    count = len(entries)
    if count >= _MAX16 or max(at, size) >= _MAX32:
        versions = (_ZIP64_VERSION, _ZIP64_VERSION)
        end64 = out.tell()
        out.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, *versions, 0, 0, count, count, size, at))
        out.write(struct.pack("<4sLQL", b"PK\6\7", 0, end64, 1))
        count, size, at = min(count, _MAX16), min(size, _MAX32), min(at, _MAX32)
    out.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, at, len(comment)) + comment)


def _without_zip64(extra: bytes) -> bytes:
    """Drop the extra field that repeats sizes; the rest stays."""
    kept = b""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        if kind != _ZIP64_EXTRA:
            kept += extra[at : at + 4 + size]
        at += 4 + size
    return kept
