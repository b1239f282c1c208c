"""Answers in XML: four fields, found wherever they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError

from defusedxml.ElementTree import DefusedXMLParser

if TYPE_CHECKING:
    from ordersheet.core.model import JsonValue


class _Fields:
    """An XML target that keeps four fields and builds no tree, so that depth costs nothing."""

    WANTED = frozenset({"status", "order", "msg", "code"})

    def __init__(self) -> None:
        self.elements: dict[str, list[str]] = {}
        self.attributes: dict[str, list[str]] = {}
        self._open: list[tuple[str, list[str]]] = []
        self._depth: list[int] = []
        self._level = 0
        self.root: str | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self.root = self.root or name
        self._level += 1
        for key, value in attributes.items():
            if key in self.WANTED:
                self.attributes.setdefault(key, []).append(value.strip())
        if name in self.WANTED:
            self._open.append((name, []))
            self._depth.append(self._level)

    def data(self, text: str) -> None:
        # To the innermost field that is open: <order><status>ok</status></order> is no order "ok".
        if self._open:
            self._open[-1][1].append(text)

    def end(self, _tag: str) -> None:
        if self._depth and self._depth[-1] == self._level:
            self._depth.pop()
            name, parts = self._open.pop()
            self.elements.setdefault(name, []).append(" ".join("".join(parts).split()))
        self._level -= 1

    def close(self) -> dict[str, JsonValue] | None:
        if (self.root or "").lower() == "html":
            return None
        fields: dict[str, JsonValue] = {}
        for name in self.WANTED:
            filled = [value for value in self.elements.get(name, ()) if value]
            values = filled or self.attributes.get(name, [])
            if name in ("status", "order") and len(set(values)) > 1:
                return None  # Two answers are none.
            if values:
                fields[name] = values[0]
        return fields


def xml_fields(body: bytes) -> dict[str, JsonValue] | None:
    """Find `status`, `order`, `msg` and `code` in an XML answer, wherever they stand.

    Elements first, then attributes; names count without their namespace.

    Returns:
        The text of each that is there; None for what is not well formed, is an HTML page, declares entities,
        or names two different statuses or orders.
    """
    parser = DefusedXMLParser(target=_Fields(), forbid_dtd=True)
    fields: JsonValue
    try:
        parser.feed(body)
        fields = parser.close()
    except (ParseError, ValueError, LookupError):
        return None  # ValueError: what defusedxml forbids; LookupError: an encoding that nobody knows.
    return fields if isinstance(fields, dict) else None
