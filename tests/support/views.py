"""What a reading shows of an order: all of it as it stands, or as some servers and caches show it.

Nothing here knows what ordersheet makes of a reading. A view is data, so that it can be drawn, kept as a
counterexample, and told to a server in another process.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_MARKUP = re.compile(r"<[^<>]*>")
_FIRST_WORDS = 60
KINDS = (
    "whole and as it stands",
    "cut: its beginning or its end, with or without an ellipsis",
    "changed: escaped, folded, in other letters, reordered, with another order's lines",
    "old: from a cache, from a copy that lags, from one of several copies",
    "under other names, in both fields, or not at all",
    "several of these at once",
)
"""How a comment is shown."""
NEVER_FRESH = 1e9
"""Seconds by which a replica lags that gets no updates any more."""


class Held(NamedTuple):
    """What an order's comments hold, by PUT's names for them."""

    internalComment: str = ""  # noqa: N815 - the API's own name
    comment: str = ""


class View(NamedTuple):
    """How a server shows its orders."""

    texts: tuple[str, ...] = ()
    """What is done to each comment before it is shown, by name in TEXTS, one after the other."""
    moment: str = "now"
    """Which state is shown: one of MOMENTS."""
    seconds: float = 0.0
    """How old that state is, or how long a cache keeps it."""
    tells: tuple[str, ...] = ()
    """Which headers tell how old it is: `age`, `date`; `other time` is a clock that is hours late."""
    fields: str = "documented"
    """Under which names the comments stand: one of FIELDS."""
    apart: tuple[str, str, float] | tuple[()] = ()
    """A comment field that comes from a store of its own, the moment of which that shows, and its seconds."""

    @property
    def honest(self) -> bool:
        """Whether each reading shows the whole of what was there at the moment of reading."""
        return not self.texts and not self.old and self.fields == "documented"

    @property
    def old(self) -> bool:
        """Whether a reading may show what was there before."""
        return self.moment != "now" or bool(self.apart)

    def faster(self, times: float) -> View:
        """Give the same view of a shop in which everything goes so many times as fast."""
        apart = (*self.apart[:2], self.apart[2] / times) if self.apart else ()
        return self._replace(seconds=self.seconds / times, apart=apart)

    @property
    def kind(self) -> str:
        """What is wrong with it: one of KINDS."""
        wrong = []
        if any(text in CUTS for text in self.texts):
            wrong.append(KINDS[1])
        if any(text in CHANGES for text in self.texts):
            wrong.append(KINDS[2])
        if self.old:
            wrong.append(KINDS[3])
        if self.fields != "documented":
            wrong.append(KINDS[4])
        return KINDS[5] if len(wrong) > 1 else [*wrong, KINDS[0]][0]

    @property
    def name(self) -> str:
        """The view in a few words."""
        words = [*self.texts]
        if self.moment != "now":
            words.append(f"{self.moment} {self.seconds:g} s")
        if self.apart:
            words.append("{} apart, {} {:g} s".format(*self.apart))
        words += [f"tells {one}" for one in self.tells]
        if self.fields != "documented":
            words.append(self.fields)
        return ", ".join(words) or "honest"


def _first(size: int, end: str = "") -> Callable[[str, str], str]:
    return lambda text, _other: text if len(text) <= size else text[:size] + end


def _last(size: int) -> Callable[[str, str], str]:
    return lambda text, _other: text[-size:]


def _first_lines(size: int, end: str = "") -> Callable[[str, str], str]:
    def show(text: str, _other: str) -> str:
        lines = text.split("\n")
        return text if len(lines) <= size else "\n".join(lines[:size]) + end

    return show


def _last_lines(size: int) -> Callable[[str, str], str]:
    return lambda text, _other: "\n".join(text.split("\n")[-size:])


def _each(change: Callable[[str], str]) -> Callable[[str, str], str]:
    return lambda text, _other: change(text)


def _without_emoji(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char) != "So")


def _joined(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _lines(change: Callable[[list[str]], list[str]]) -> Callable[[str, str], str]:
    return lambda text, _other: "\n".join(change(text.split("\n")))


def _once(lines: list[str]) -> list[str]:
    return list(dict.fromkeys(lines))


CUTS: dict[str, Callable[[str, str], str]] = {
    **{f"first {size} characters": _first(size) for size in (5, 20, 60, 200)},
    **{f"first {size} and an ellipsis": _first(size, "…") for size in (20, 60, 200)},
    "first 60 and three dots": _first(_FIRST_WORDS, "..."),
    "first 60 and a word": _first(_FIRST_WORDS, " [more]"),
    **{f"last {size} characters": _last(size) for size in (5, 20, 60, 200)},
    **{f"first {size} lines": _first_lines(size) for size in (1, 3)},
    "first 3 lines and an ellipsis": _first_lines(3, "\n…"),
    **{f"last {size} lines": _last_lines(size) for size in (1, 3)},
}
CHANGES: dict[str, Callable[[str, str], str]] = {
    "escaped": _each(html.escape),
    "escaped with breaks": _each(lambda text: html.escape(text).replace("\n", "<br>")),
    "NFC": _each(lambda text: unicodedata.normalize("NFC", text)),
    "NFD": _each(lambda text: unicodedata.normalize("NFD", text)),
    "blanks folded": _each(lambda text: " ".join(text.split())),
    "CRLF": _each(lambda text: text.replace("\n", "\r\n")),
    "upper case": _each(str.upper),
    "lower case": _each(str.lower),
    "without markup": _each(lambda text: _MARKUP.sub("", text)),
    "without emoji": _each(_without_emoji),
    "only ASCII": _each(lambda text: text.encode("ascii", "ignore").decode()),
    "only ASCII and ?": _each(lambda text: text.encode("ascii", "replace").decode()),
    "newest line first": _lines(lambda lines: lines[::-1]),
    "lines sorted": _lines(sorted),
    "each line once": _lines(_once),
    "another order's lines first": lambda text, other: _joined(other, text),
    "another order's lines last": _joined,
    "another order's lines alone": lambda _text, other: other,
    "nothing": lambda _text, _other: "",
}
TEXTS = {**CUTS, **CHANGES}
MOMENTS = ("now", "lagging", "cached", "two replicas", "one of three replicas")
"""Now; so long ago; at a reading that a cache keeps so long; every second or third reading lags."""
FIELDS = (
    "documented",
    "comment under its own name",
    "comment not shown",
    "internalComment not shown",
    "null",
    "comment in both",
)
HONEST = View()


def view_of(told: dict[str, Any]) -> View:
    """Make a view of what JSON tells of it: the fields that differ from those of an honest one."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in told.items()
    }
    return HONEST._replace(**fields)


@dataclass
class Copies:
    """Which state of an order is shown; it remembers what a cache holds, and how often it was asked."""

    moment: str = "now"
    seconds: float = 0.0
    reads: dict[int, int] = field(default_factory=dict)
    kept: dict[int, tuple[float, Held, Held]] = field(default_factory=dict)

    def show(self, order: int, now: float, held: Callable[[int, float], Held]) -> tuple[float, Held, Held]:
        """Give the moment that is shown of an order, what it held then, and what the next one held."""
        then = self._moment(order, now)
        shown = then, held(order, then), held(order + 1, then)
        if self.moment != "cached":
            return shown
        kept = self.kept.get(order)
        if kept is None or now - kept[0] >= self.seconds:
            kept = self.kept[order] = shown
        return kept

    def _moment(self, order: int, now: float) -> float:
        count = self.reads[order] = self.reads.get(order, 0) + 1
        late = now - self.seconds
        match self.moment:
            case "lagging":
                return late
            case "two replicas":
                return late if count % 2 == 0 else now
            case "one of three replicas":
                return late if count % 3 == 0 else now
            case _:
                return now


class Reader:
    """Shows orders in one view."""

    def __init__(self, view: View = HONEST) -> None:
        self.view = view
        self._copies = Copies(view.moment, view.seconds)
        self._apart = Copies(*view.apart[1:])

    def show(
        self, order: int, now: float, held: Callable[[int, float], Held]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Show an order.

        Args:
            order: its ID.
            now: seconds since the epoch.
            held: tells what an order held at a moment.

        Returns:
            The order as GET shows it, and headers of the answer.
        """
        then, own, other = self._copies.show(order, now, held)
        if self.view.apart:
            name = self.view.apart[0]
            _, mine, theirs = self._apart.show(order, now, held)
            own = own._replace(**{name: getattr(mine, name)})
            other = other._replace(**{name: getattr(theirs, name)})
        shown = Held(*(self._text(mine, theirs) for mine, theirs in zip(own, other, strict=True)))
        return {"orderId": str(order), **self._named(shown)}, self._headers(now, then)

    def _text(self, text: str, other: str) -> str:
        for name in self.view.texts:
            text = TEXTS[name](text, other)
        return text

    def _named(self, shown: Held) -> dict[str, Any]:
        match self.view.fields:
            case "comment under its own name":
                return {"internalComment": shown.internalComment, "comment": shown.comment}
            case "comment not shown":
                return {"internalComment": shown.internalComment}
            case "internalComment not shown":
                return {"otherComment": shown.comment}
            case "null":
                return {
                    "internalComment": shown.internalComment or None,
                    "otherComment": shown.comment or None,
                }
            case "comment in both":
                return {"internalComment": _joined(*shown), "otherComment": shown.comment}
            case _:
                return {"internalComment": shown.internalComment, "otherComment": shown.comment}

    def _headers(self, now: float, then: float) -> dict[str, str]:
        headers = {}
        if "age" in self.view.tells:
            headers["age"] = str(int(min(now - then, NEVER_FRESH)))
        if "date" in self.view.tells:
            headers["date"] = formatdate(max(0.0, then), usegmt=True)
        if "other time" in self.view.tells:
            headers["date"] = formatdate(now - 5 * 3600, usegmt=True)
        return headers
