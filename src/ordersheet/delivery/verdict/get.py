"""What reading an order has ended in: one pure decision, from what was observed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from ordersheet.api import OrderList, OrderView, read_list_answer, read_order_answer
from ordersheet.delivery.verdict.observation import Failure
from ordersheet.delivery.verdict.put import StopReason, is_push_back, stop_by_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.delivery.verdict.observation import Observation


class GetKind(StrEnum):
    """What reading an order has ended in."""

    USABLE = "usable"
    """The documented object; the order may still be missing from it."""
    RETRY = "retry"
    """No usable answer; a GET changes nothing and can be asked again."""
    UNREADABLE = "unreadable"
    """This key or this server does not let orders be read (403, 405, 501): warn once, and go on without."""
    STOP = "stop"
    """401 or 3xx: the run stops, as on PUT."""


@dataclass(frozen=True, slots=True)
class GetVerdict:
    """What one GET has ended in."""

    kind: GetKind
    view: OrderView | None = None
    """Set where `kind` is USABLE and one order was asked for."""
    listed: OrderList | None = None
    """Set where `kind` is USABLE and a list was asked for."""
    status: int | None = None
    message: str = ""
    stop: StopReason | None = None
    drop_connection: bool = False
    pushed_back: bool = False
    retry_after: str | None = None
    date: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the server, or the way to it, did not do its work; a push-back is no failure."""
        return self.kind is GetKind.RETRY and not self.pushed_back


_UNREADABLE = frozenset({403, 405, 501})
_GONE = frozenset({404, 410})


def classify_get(observation: Observation, *, order: int) -> GetVerdict:
    """Decide what one GET of an order has ended in.

    A 404 or 410 is an answer without the order: it proves nothing about the order, and gives no baseline.

    Args:
        observation: what was seen of the request.
        order: the order that was asked for.
    """
    seen = observation
    answered = _without_answer(seen)
    if answered is not None:
        return answered
    if seen.status in _GONE:
        return GetVerdict(
            GetKind.USABLE, view=read_order_answer(b'{"status":"no"}', None, order), status=seen.status
        )
    view = read_order_answer(seen.body, seen.headers.get("content-type"), order)
    if view is None:
        return _undocumented()
    # An answer without our order may be another request's: the next one comes over a new connection.
    return GetVerdict(GetKind.USABLE, view=view, status=HTTPStatus.OK, drop_connection=not view.found)


def classify_list(observation: Observation, *, fields: Sequence[str] = ()) -> GetVerdict:
    """Decide what one GET of a list of orders has ended in; a 404 or 410 is an empty list.

    Args:
        observation: what was seen of the request.
        fields: further fields of an order to keep.
    """
    seen = observation
    answered = _without_answer(seen)
    if answered is not None:
        return answered
    body = b'{"status":"no"}' if seen.status in _GONE else seen.body
    listed = read_list_answer(body, seen.headers.get("content-type"), fields)
    return (
        _undocumented() if listed is None else GetVerdict(GetKind.USABLE, listed=listed, status=seen.status)
    )


def _undocumented() -> GetVerdict:
    return GetVerdict(
        GetKind.RETRY,
        status=HTTPStatus.OK,
        message="the answer was not the documented object",
        drop_connection=True,
    )


def _without_answer(seen: Observation) -> GetVerdict | None:
    """Decide what a GET has ended in that brought no answer of the API; None where it brought one."""
    stop = stop_by_status(seen)
    if not seen.bytes_left or seen.status is None or (seen.failure is not None and stop is None):
        return GetVerdict(
            GetKind.RETRY,
            status=seen.status,
            message=str(seen.failure or Failure.OTHER),
            drop_connection=True,
        )
    if stop is not None:
        return GetVerdict(GetKind.STOP, status=seen.status, stop=stop, drop_connection=True)
    if seen.status == HTTPStatus.OK or seen.status in _GONE:
        return None
    if seen.status in _UNREADABLE:
        return GetVerdict(GetKind.UNREADABLE, status=seen.status, message=f"HTTP {seen.status}")
    pushed_back = is_push_back(seen)
    return GetVerdict(
        GetKind.RETRY,
        status=seen.status,
        message=f"HTTP {seen.status}",
        drop_connection=seen.status != HTTPStatus.TOO_MANY_REQUESTS,
        pushed_back=pushed_back,
        retry_after=seen.headers.get("retry-after") if pushed_back else None,
        date=seen.headers.get("date"),
    )
