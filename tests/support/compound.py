"""Compound files (the container of old Office files) made by hand, with streams that hold nothing."""

from __future__ import annotations

import struct

_FREE, _END, _TABLE = 0xFFFF_FFFF, 0xFFFF_FFFE, 0xFFFF_FFFD
_STORAGE, _STREAM, _ROOT = 1, 2, 5


def compound_file(streams: list[str], *, inside: list[str] | None = None) -> bytes:
    """Make one.

    Args:
        streams: the names of the streams right below the root.
        inside: the names of streams in a storage `MBD0001` below the root, as embedded objects have.
    """
    inner = inside or []
    own = [*streams, *(["MBD0001"] if inner else [])]
    entries = [_entry("Root Entry", _ROOT, child=1 if own else _FREE)]
    for place, name in enumerate(own, 1):
        right = place + 1 if place < len(own) else _FREE
        child = len(own) + 1 if name == "MBD0001" else _FREE
        entries.append(_entry(name, _STORAGE if child != _FREE else _STREAM, right=right, child=child))
    for place, name in enumerate(inner, len(own) + 1):
        entries.append(_entry(name, _STREAM, right=place + 1 if place < len(own) + len(inner) else _FREE))
    directory = b"".join(entries)
    directory += bytes(-len(directory) % 512)
    sectors = len(directory) // 512
    # Sector 0 is the table, and the directory's sectors follow, in reverse order to try the table.
    chain = {number: number - 1 for number in range(2, sectors + 1)} | {1: _END}
    table = [_TABLE, *(chain[number] for number in range(1, sectors + 1))]
    table += [_FREE] * (128 - len(table))
    blocks = [directory[at : at + 512] for at in range(0, len(directory), 512)][::-1]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<5H6x6I", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, sectors, 0, 0x1000, _END)
    header += struct.pack("<3I", 0, _END, 0) + struct.pack("<109I", 0, *[_FREE] * 108)
    return header + struct.pack("<128I", *table) + b"".join(blocks)


def _entry(name: str, kind: int, *, right: int = _FREE, child: int = _FREE) -> bytes:
    text = name.encode("utf-16-le")
    head = text.ljust(64, b"\0") + struct.pack("<HBB3I", len(text) + 2, kind, 1, _FREE, right, child)
    return head.ljust(116, b"\0") + struct.pack("<IQ", _END, 0)
