"""Reads one HTTP/1.1 answer out of bytes, strictly: what is not plain is no answer.

An answer read wrongly would be a row reported wrongly, so nothing is guessed here
(RFC 9112, sections 4 to 7).
"""

from __future__ import annotations

import re
from enum import Enum, auto

HEAD_LIMIT = 1 << 16
"""Bytes of the status line and the headers together."""
_LINE_LIMIT = 1 << 10
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
KEPT_HEADERS = {
    b"content-type": "content-type",
    b"retry-after": "retry-after",
    b"date": "date",
    b"location": "location",
}
_NO_BODY = frozenset({204, 304})
_INTERIM, _FINAL, _UPGRADE = 100, 200, 101


class GarbledError(ValueError):
    """The bytes are not an HTTP/1.1 answer."""


class TooLargeError(ValueError):
    """The body is larger than the cap."""


class _Part(Enum):
    HEAD = auto()
    LENGTH = auto()
    CHUNK_LINE = auto()
    CHUNK = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    CLOSE = auto()
    DONE = auto()


class ResponseReader:
    """One answer, fed as it arrives.

    Attributes:
        status: the final status; None before it has arrived.
        headers: content-type, retry-after, date and location, as far as they are there.
        body: what has arrived of it.
        whole: whether the answer has arrived to its last byte.
        reusable: whether the connection may carry another request, once the answer is whole.
    """

    __slots__ = ("_buffer", "_cap", "_head_bytes", "_left", "_part", "body", "headers", "reusable", "status")

    def __init__(self, cap: int) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.reusable = True
        self._cap = cap
        self._buffer = bytearray()
        self._head_bytes = 0
        self._left = 0
        self._part = _Part.HEAD

    @property
    def whole(self) -> bool:
        """Whether the answer has arrived to its last byte."""
        return self._part is _Part.DONE

    def feed(self, data: bytes) -> bool:
        """Take more bytes, and tell whether the answer is whole now.

        Raises:
            GarbledError: it is no HTTP/1.1 answer.
            TooLargeError: the body is larger than the cap.
        """
        self._buffer += data
        while self._part is not _Part.DONE and self._step():
            pass
        if self._part is _Part.DONE and self._buffer:
            # Bytes behind the answer belong to no request: the next answer would be read out of them.
            self.reusable = False
        return self._part is _Part.DONE

    def close(self) -> bool:
        """Take note that the connection has ended, and tell whether the answer is whole."""
        self.reusable = False
        if self._part is _Part.CLOSE:
            self._part = _Part.DONE
        return self._part is _Part.DONE

    def _step(self) -> bool:
        """Read one more piece; False where more bytes are needed for it."""
        if self._part is _Part.HEAD:
            return self._head()
        if self._part in (_Part.LENGTH, _Part.CHUNK):
            return self._counted()
        if self._part is _Part.CLOSE:
            self._take(len(self._buffer))
            return False
        return self._line()

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if self._head_bytes + (len(self._buffer) if end < 0 else end) > HEAD_LIMIT:
            raise GarbledError("endless head")
        if end < 0:
            if not b"HTTP/1.".startswith(self._buffer[:7]):
                raise GarbledError("no status line")
            return False
        lines = bytes(self._buffer[:end]).split(b"\r\n")
        del self._buffer[: end + 4]
        self._head_bytes += end + 4
        found = _STATUS.fullmatch(lines[0])
        if found is None:
            raise GarbledError("no status line")
        status = int(found[2])
        if _INTERIM <= status < _FINAL:
            if status == _UPGRADE:
                raise GarbledError("an upgrade that nobody asked for")
            return True
        self._begin_body(status, self._headers(lines[1:]), http10=found[1] == b"0")
        return True

    def _headers(self, lines: list[bytes]) -> dict[bytes, bytes]:
        framing: dict[bytes, bytes] = {}
        for line in lines:
            found = _HEADER.fullmatch(line)
            if found is None:
                raise GarbledError("no header")
            name, value = found[1].lower(), found[2]
            kept = KEPT_HEADERS.get(name)
            if kept is not None:
                self.headers[kept] = value.decode("latin-1")
            elif name in (b"content-length", b"transfer-encoding", b"connection"):
                if name == b"content-length" and framing.get(name, value) != value:
                    raise GarbledError("two lengths")
                if name != b"content-length" and name in framing:
                    value = framing[name] + b"," + value
                framing[name] = value
        return framing

    def _begin_body(self, status: int, framing: dict[bytes, bytes], *, http10: bool) -> None:
        self.status = status
        self.reusable = not http10 and b"close" not in framing.get(b"connection", b"").lower()
        coding, length = framing.get(b"transfer-encoding"), framing.get(b"content-length")
        if status in _NO_BODY:
            self._part = _Part.DONE
        elif coding is not None:
            if length is not None or http10 or coding.strip().lower() != b"chunked":
                raise GarbledError("two framings, or an unknown one")
            self._part = _Part.CHUNK_LINE
        elif length is not None:
            if not _LENGTH.fullmatch(length):
                raise GarbledError("no length")
            self._expect(int(length), _Part.LENGTH)
        else:
            self.reusable = False
            self._part = _Part.CLOSE

    def _expect(self, size: int, part: _Part) -> None:
        self._left = size
        self._part = part if size else _Part.DONE

    def _counted(self) -> bool:
        count = min(self._left, len(self._buffer))
        self._take(count)
        self._left -= count
        if self._left:
            return False
        self._part = _Part.DONE if self._part is _Part.LENGTH else _Part.CHUNK_END
        return True

    def _take(self, count: int) -> None:
        room = self._cap - len(self.body)
        self.body += self._buffer[: min(count, room)]
        del self._buffer[:count]
        if count > room:
            raise TooLargeError

    def _line(self) -> bool:
        end = self._buffer.find(b"\r\n")
        if end < 0 or end > _LINE_LIMIT:
            if len(self._buffer) > _LINE_LIMIT:
                raise GarbledError("endless line")
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if self._part is _Part.CHUNK_LINE:
            found = _CHUNK.fullmatch(line)
            if found is None:
                raise GarbledError("no chunk")
            size = int(found[1], 16)
            self._left = size
            self._part = _Part.CHUNK if size else _Part.TRAILER
        elif self._part is _Part.CHUNK_END:
            if line:
                raise GarbledError("a chunk longer than it says")
            self._part = _Part.CHUNK_LINE
        elif not line:
            self._part = _Part.DONE
        else:
            self._head_bytes += end
            if not _HEADER.fullmatch(line) or self._head_bytes > HEAD_LIMIT:
                raise GarbledError("no trailer")
        return True
