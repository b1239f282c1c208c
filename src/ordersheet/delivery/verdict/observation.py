"""What is known of one request when it has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Failure(StrEnum):
    """Why no whole answer came, in words that fit after "The request failed: "."""

    REFUSED = "the connection was refused"
    CONNECT = "no connection could be made"
    NAME = "the server's name could not be found"
    TLS = "no secure connection could be made"
    PROXY = "the proxy refused the connection"
    DEADLINE = "no answer came in time"
    CLOSED = "the connection broke"
    GARBLED = "the answer was not HTTP"
    TOO_LARGE = "the answer was too large"
    CUT = "it was interrupted"
    OTHER = "something unforeseen"


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is known of one request when it has ended. It shows no key."""

    bytes_left: bool
    """Whether the sending of the request itself began: through a proxy, after the tunnel stood."""
    status: int | None = None
    """The HTTP status, where a status line arrived."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, by lower-case name: content-type, retry-after, date, age and location, where present."""
    body: bytes = b""
    """What arrived of the body, at most the cap."""
    failure: Failure | None = None
    """None for a whole answer."""
    stuck_at_proxy: str | None = None
    """The proxy's address where the request failed before the way to the server stood."""
    hide: Callable[[str], str] = field(default=str, repr=False, compare=False)
    """Takes the API key out of a text of the server; whoever reads one out of the body gives it this way."""
    detail: str = ""
    """The failure's own words, for the log: the exception's type and the system's error, never a header."""
    seconds: float = 0.0
    """From the call to its end."""

    @property
    def whole(self) -> bool:
        """Whether an answer arrived from its first byte to its last."""
        return self.status is not None and self.failure is None

    @property
    def interrupted(self) -> bool:
        """Whether our own side cut the request."""
        return self.failure is Failure.CUT
