"""What an attempt has ended in: one pure decision, from what was observed.

The rule behind every line: `not sent` and `not applied` need a proof, an answer must be whole and name the
order that was sent, and all the rest is unknown. The class of an exception proves nothing; whether the
request's first byte left the machine does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.api import PutAnswer, read_put_answer
from ordersheet.delivery.verdict.observation import Failure, Observation

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "PUT_TABLE",
    "Failure",
    "Observation",
    "PutLine",
    "StopReason",
    "Verdict",
    "VerdictKind",
    "classify",
    "is_push_back",
    "stop_by_status",
]


class VerdictKind(StrEnum):
    """What an attempt has ended in; the words stand in the ledger."""

    NOT_SENT = "not sent"
    """No byte of the request left: it may be sent again."""
    NOT_APPLIED = "not applied"
    """The server turned the request away before doing anything: it may be sent again."""
    ANSWERED_OK = "answered ok"
    ANSWERED_NO = "answered no"
    """Final: the API refused this update, or cannot take such a request."""
    UNKNOWN = "unknown"
    """It may or may not have been applied: an append must not be sent again before it is looked up."""


class StopReason(StrEnum):
    """Why a run stops before its end; the words stand in `stopped_by`."""

    KEY_REFUSED = "key refused"
    """A 401."""
    FORBIDDEN = "forbidden"
    """Three PUTs answered 403 with no PUT answered 200 between them: the caller counts."""
    REDIRECT = "redirect"
    """Any 3xx."""
    DEAD_SERVER = "server unreachable"
    """Five connection failures in a row over at least 30 s: the caller counts."""
    TOO_MANY_UNKNOWN = "too many unknown outcomes"
    """The caller counts."""
    FAILING = "server failing"
    """Two minutes in which every request failed: the caller counts."""
    FAILED_PUTS = "updates failing"
    """Fifty PUTs in a row failed: the caller counts."""
    PUSHED_BACK = "pushed back"
    """An hour in which every request was pushed back: the caller counts."""
    LONG_PAUSE = "long pause"
    """The server asked for a pause of over 15 minutes."""


class PutFacts(NamedTuple):
    """What a line of the table looks at."""

    observation: Observation
    answer: PutAnswer | None
    """The documented object in the body, where one arrived whole."""
    order: int
    """The order that was sent."""

    @property
    def status(self) -> int:
        """The status of a whole answer; 0 where there is none."""
        return self.observation.status or 0

    @property
    def unsent(self) -> bool:
        """Whether no byte of the request left."""
        return not self.observation.bytes_left

    @property
    def names_ours(self) -> bool:
        """Whether the answer names the very order that was sent."""
        return self.answer is not None and self.answer.order == self.order

    @property
    def names_other(self) -> bool:
        """Whether the answer names another order."""
        return self.answer is not None and self.answer.order not in (None, self.order)

    @property
    def says_ok(self) -> bool:
        """Whether the answer's status is exactly `ok`."""
        return self.answer is not None and self.answer.ok


class PutLine(NamedTuple):
    """One line of the table of classes."""

    code: str
    """A stable word for logs and tests."""
    seen: str
    """What was observed, as the documentation's table says it."""
    fits: Callable[[PutFacts], bool]
    kind: VerdictKind
    meaning: str
    """Why this is so, or what it means for the row."""
    stop: StopReason | None = None
    drop: bool = False
    """Whether the connection must not be used again."""


_END = 600
"""The first number that is no status of HTTP."""
_N, _A, _U = VerdictKind.NOT_SENT, VerdictKind.NOT_APPLIED, VerdictKind.UNKNOWN
_FINAL = frozenset({400, 404, 405, 413, 415, 422})

PUT_TABLE: tuple[PutLine, ...] = (
    PutLine(
        "ok",
        "200, `ok` and the very order that was sent",
        lambda seen: (
            not seen.unsent
            and seen.observation.whole
            and seen.status == HTTPStatus.OK
            and seen.says_ok
            and seen.names_ours
        ),
        VerdictKind.ANSWERED_OK,
        "The API applied it.",
    ),
    PutLine(
        "unsent",
        "no byte left: refused, no such name, TLS failure, connect timeout, turned away by a proxy",
        lambda seen: seen.unsent and seen.observation.status is None,
        _N,
        "Nothing was sent, so nothing can have been applied.",
        drop=True,
    ),
    PutLine(
        "contradiction",
        "an answer although no byte left",
        lambda seen: seen.unsent,
        _U,
        "It belongs to no request of ours and proves nothing.",
        drop=True,
    ),
    PutLine(
        "no-answer",
        "the request began to leave, and no whole answer came: timeout, reset, close, cut or garbled answer, "
        "interrupt, answer over 1 MiB",
        lambda seen: not seen.observation.whole,
        _U,
        "The server may have applied it and lost the answer, or may still be busy with it.",
        drop=True,
    ),
    PutLine(
        "other-order",
        "any answer that names another order",
        lambda seen: seen.names_other,
        _U,
        "Answers got out of step: this one belongs to another request.",
        drop=True,
    ),
    PutLine(
        "no",
        "200, `no` and the very order that was sent",
        lambda seen: seen.status == HTTPStatus.OK and seen.names_ours,
        VerdictKind.ANSWERED_NO,
        "The API refused it.",
    ),
    PutLine(
        "undocumented",
        "200 with anything but the documented object",
        lambda seen: seen.status == HTTPStatus.OK,
        _U,
        "It is something else, and does not say what became of the request.",
        drop=True,
    ),
    PutLine(
        "denied-ok",
        "`ok` under another status than 200",
        lambda seen: seen.says_ok,
        _U,
        "The answer contradicts itself.",
        drop=True,
    ),
    PutLine(
        "key-refused",
        "401",
        lambda seen: seen.status == HTTPStatus.UNAUTHORIZED,
        _A,
        "The key may not do this: no row can be sent with it, and the run stops.",
        StopReason.KEY_REFUSED,
    ),
    PutLine(
        "forbidden",
        "403",
        lambda seen: seen.status == HTTPStatus.FORBIDDEN,
        _A,
        "This key may not do this here: refused, and three of them without a 200 between stop the run.",
    ),
    PutLine(
        "too-many",
        "429",
        lambda seen: seen.status == HTTPStatus.TOO_MANY_REQUESTS,
        _A,
        "Turned away before it was looked at, for there were too many; sent again after a pause.",
    ),
    PutLine(
        "not-now",
        "421, 425",
        lambda seen: seen.status in (421, 425),
        _A,
        "Turned away before it was looked at, over this connection or so early; sent again.",
        drop=True,
    ),
    PutLine(
        "final",
        "400, 404, 405, 413, 415, 422",
        lambda seen: seen.status in _FINAL,
        VerdictKind.ANSWERED_NO,
        "The server cannot take such a request, and sending it again would not help.",
    ),
    PutLine(
        "redirect",
        "any 3xx",
        lambda seen: _is_redirect(seen.status),
        _U,
        "The address has moved, and the key is not sent to another one: the run stops.",
        StopReason.REDIRECT,
        drop=True,
    ),
    PutLine(
        "server-error",
        "any 5xx",
        lambda seen: HTTPStatus.INTERNAL_SERVER_ERROR <= seen.status < _END,
        _U,
        "The server failed, before or after it applied the request.",
        drop=True,
    ),
    PutLine(
        "other-status",
        "202, 204, 408, 409 and every status not named here",
        lambda _seen: True,
        _U,
        "It does not say whether the request was applied.",
        drop=True,
    ),
)
"""In the order in which they are tried; the first that fits decides. docs/delivery.md shows this table."""


def _is_redirect(status: int) -> bool:
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one PUT has ended in."""

    kind: VerdictKind
    code: str
    """The line of PUT_TABLE that decided."""
    meaning: str
    """That line's sentence."""
    status: int | None = None
    answer: PutAnswer | None = None
    """The documented object, where one arrived whole, whatever the status."""
    message: str = ""
    """The API's words, or the failure's, fit for a clerk; `""` where there are none."""
    stop: StopReason | None = None
    """Set where this one observation stops the run."""
    drop_connection: bool = False
    """The connection must not be used again: its next answer might be this request's."""
    pushed_back: bool = False
    """429 or 503: everybody holds."""
    retry_after: str | None = None
    """The header as it came, of a 429 or 503 only."""
    date: str | None = None
    """The response's own `Date`, to count Retry-After from."""

    @property
    def repeats(self) -> bool:
        """Whether the very same payload may simply leave again: nothing of it can have been applied."""
        return self.stop is None and (self.kind is VerdictKind.NOT_SENT or self.code == "too-many")

    @property
    def by_no_api(self) -> bool:
        """Whether it is what a web server says to a PUT that is no Order API."""
        no_such = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        return self.answer is None and self.status in no_such

    @property
    def failed(self) -> bool:
        """Whether the server, or the way to it, did not do its work; a push-back is no failure."""
        unfit = self.kind in (VerdictKind.UNKNOWN, VerdictKind.NOT_SENT) or self.code == "not-now"
        return unfit and not self.pushed_back

    @property
    def may_have_arrived(self) -> bool:
        """Whether the attempt counts towards `--attempts`."""
        return self.kind not in (VerdictKind.NOT_SENT, VerdictKind.NOT_APPLIED)


def classify(observation: Observation, *, order: int) -> Verdict:
    """Decide what one PUT has ended in.

    Total and pure: every observation gives exactly one verdict.

    Args:
        observation: what was seen of the request.
        order: the order in the payload that was sent.
    """
    answer = None
    if observation.whole:
        kind = observation.headers.get("content-type")
        answer = read_put_answer(observation.body, kind, hide=observation.hide)
    seen = PutFacts(observation, answer, order)
    line = next(line for line in PUT_TABLE if line.fits(seen))
    pushed_back = observation.whole and is_push_back(observation)
    return Verdict(
        kind=line.kind,
        code=line.code,
        meaning=line.meaning,
        status=observation.status,
        answer=answer,
        message=_message(observation, answer),
        # A status of 401 or 3xx says that no row can be sent, even where the rest of the answer is lost.
        stop=line.stop or stop_by_status(observation),
        drop_connection=line.drop,
        pushed_back=pushed_back,
        retry_after=observation.headers.get("retry-after") if pushed_back else None,
        date=observation.headers.get("date"),
    )


def is_push_back(seen: Observation) -> bool:
    """Tell whether an answer asks for a slower pace: 429, or 503 with Retry-After.

    A 503 that does not say when to come back tells nothing of the pace: servers fail that way too.
    """
    return seen.status == HTTPStatus.TOO_MANY_REQUESTS or (
        seen.status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in seen.headers
    )


def stop_by_status(seen: Observation) -> StopReason | None:
    """Tell whether a status alone stops the run: 401 and any 3xx, on PUT and on GET."""
    if not seen.bytes_left or seen.status is None:
        return None
    if seen.status == HTTPStatus.UNAUTHORIZED:
        return StopReason.KEY_REFUSED
    return StopReason.REDIRECT if _is_redirect(seen.status) else None


def _message(seen: Observation, answer: PutAnswer | None) -> str:
    if seen.failure is not None:
        return str(seen.failure)
    return "" if answer is None else answer.message
