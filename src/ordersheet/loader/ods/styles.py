"""The styles of an OpenDocument spreadsheet, as far as they decide what a cell shows."""

from __future__ import annotations

from enum import Enum

_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
_STYLE = "urn:oasis:names:tc:opendocument:xmlns:style:1.0 "
_NUMBER = "urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0 "


class Shows(Enum):
    """What a cell's format shows."""

    LENGTH = "length"
    """A length of time, such as 36:00."""
    MOMENT = "moment"
    """A date with its time."""
    DATE = "date"
    TIME = "time"
    GENERAL = "general"
    """Numbers as the program likes."""
    OTHER = "other"
    """Numbers or texts in another way."""


_FORMATS = {
    _NUMBER + "date-style": Shows.OTHER,
    _NUMBER + "time-style": Shows.TIME,
    **{
        _NUMBER + f"{kind}-style": Shows.OTHER
        for kind in ("number", "currency", "percentage", "boolean", "text")
    },
}
"""What a format shows as far as its own element tells; that of dates depends on the elements in it."""
_CALENDAR = frozenset(
    _NUMBER + name for name in ("day", "month", "year", "era", "day-of-week", "week-of-year", "quarter")
)
_CLOCK = frozenset(_NUMBER + name for name in ("hours", "minutes", "seconds", "am-pm"))
_DEFAULT = "Default"
"""The style that all others inherit from."""


class OdsStyles:
    """The few facts of styles that decide what a cell shows."""

    def __init__(self) -> None:
        self.hidden_tables: set[str] = set()
        self.formats: dict[str, Shows] = {}
        """What each format shows, by its name."""
        self.format_of: dict[str, str] = {}
        """The format that a cell's style names itself."""
        self.parents: dict[str, str] = {}
        """The style that a cell's style inherits from."""
        self.conditional: set[str] = set()
        """Cell styles in which a condition may choose another format."""
        self._style = self._data_style = ""

    def shows(self, style: str | None) -> Shows:
        """Tell what a cell's style shows: as its format says, or that of the next style it inherits from."""
        name = self._format(style)
        return Shows.GENERAL if name is None else self.formats.get(name, Shows.OTHER)

    def has_format(self, style: str | None) -> bool:
        """Tell whether a cell's style has a format, of its own or inherited."""
        return self._format(style) is not None

    def _format(self, style: str | None) -> str | None:
        passed: set[str] = set()
        name = style or _DEFAULT
        while name not in passed:
            if name in self.format_of:
                return self.format_of[name]
            passed.add(name)
            name = self.parents.get(name, _DEFAULT)
        return None

    def start(self, name: str, attributes: dict[str, str], parent: str) -> None:
        """Take the start tag of an element among the styles.

        Args:
            name: its name.
            attributes: its attributes.
            parent: the name of the element that it stands in.
        """
        if name in (_STYLE + "style", _STYLE + "default-style"):
            self._start_style(name, attributes)
        elif name == _STYLE + "map" and parent == _STYLE + "style":
            self.conditional.add(self._style)
        elif name == _STYLE + "table-properties":
            if attributes.get(_TABLE + "display") == "false":
                self.hidden_tables.add(self._style)
        elif name in _FORMATS:
            self._data_style = attributes.get(_STYLE + "name", "")
            elapsed = attributes.get(_NUMBER + "truncate-on-overflow") == "false"
            self.formats[self._data_style] = Shows.LENGTH if elapsed else _FORMATS[name]
        elif parent == _NUMBER + "date-style":
            self._part_of_date(name)
        elif name == _NUMBER + "number" and parent == _NUMBER + "number-style" and _is_general(attributes):
            self.formats[self._data_style] = Shows.GENERAL

    def _start_style(self, name: str, attributes: dict[str, str]) -> None:
        own = name == _STYLE + "style"
        self._style = attributes.get(_STYLE + "name", "") if own else _DEFAULT
        if attributes.get(_STYLE + "family") != "table-cell":
            return
        if _STYLE + "data-style-name" in attributes:
            self.format_of[self._style] = attributes[_STYLE + "data-style-name"]
        if _STYLE + "parent-style-name" in attributes:
            self.parents[self._style] = attributes[_STYLE + "parent-style-name"]

    def _part_of_date(self, name: str) -> None:
        """Note whether a date's format shows days, times or both."""
        found = Shows.TIME if name in _CLOCK else Shows.DATE if name in _CALENDAR else None
        before = self.formats.get(self._data_style, Shows.OTHER)
        if found is not None:
            self.formats[self._data_style] = found if before in (Shows.OTHER, found) else Shows.MOMENT


def _is_general(attributes: dict[str, str]) -> bool:
    return (
        _NUMBER + "decimal-places" not in attributes
        and attributes.get(_NUMBER + "min-integer-digits", "1") == "1"
        and attributes.get(_NUMBER + "grouping", "false") == "false"
        and attributes.get(_NUMBER + "display-factor", "1") == "1"
    )
