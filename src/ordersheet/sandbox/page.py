"""The sandbox as a plain page: what came in, and what it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ordersheet.sandbox.store import Order, Store, StoredChange

MOST_ORDERS = 500
MOST_CHANGES = 50

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ddd; }
td { white-space: pre-wrap; overflow-wrap: anywhere; }
td.id { white-space: nowrap; overflow-wrap: normal; }
th { background: #f4f4f2; } tr.changed td.id { font-weight: 700; }
code { background: #f4f4f2; padding: .1rem .3rem; }
"""


class SeenRequest(NamedTuple):
    """One request, as the page shows it."""

    at: float
    """Unix seconds."""
    method: str
    order: str
    what: str


def render(store: Store, base_url: str, seen: Iterable[SeenRequest]) -> str:
    """Write the page.

    Args:
        store: the orders; those that were changed come first, and not more than 500 are shown.
        base_url: the API's address.
        seen: the latest requests, newest first.
    """
    orders = sorted(store, key=lambda order: (order.applied == 0, order.id))
    shown = orders[:MOST_ORDERS]
    more = f"<p>{len(orders) - len(shown)} more are not shown.</p>" if len(orders) > len(shown) else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>ordersheet sandbox</title><style>{_STYLE}</style></head><body>"
        "<h1>ordersheet sandbox</h1>"
        f"<p>A practice Order API. Its address is <code>{escape(base_url)}</code>; "
        f"its market is {escape(store.market)}. Nothing here is a real order.</p>"
        f"<h2>Latest requests</h2>{_requests(seen)}"
        f"<h2>Who changed what</h2>{_changes(store.changes)}"
        f"<h2>Orders ({len(orders)})</h2>{_orders(shown, store.market)}{more}</body></html>"
    )


def _requests(seen: Iterable[SeenRequest]) -> str:
    rows = "".join(
        f"<tr>{_ids(_time(one.at))}{_cells(one.method)}{_ids(one.order)}{_cells(one.what)}</tr>"
        for one in seen
    )
    if not rows:
        return "<p>None yet.</p>"
    return f"<table><tr><th>time (UTC)</th><th>method</th><th>order</th><th>answer</th></tr>{rows}</table>"


def _changes(changes: Iterable[StoredChange]) -> str:
    rows = "".join(
        f"<tr>{_ids(_time(one.at))}{_cells(one.who)}{_ids(one.order)}"
        f"{_cells(one.field, one.before, one.after)}</tr>"
        for one in islice(changes, MOST_CHANGES)
    )
    if not rows:
        return "<p>Nothing yet.</p>"
    return (
        "<table><tr><th>time (UTC)</th><th>who</th><th>order</th><th>field</th><th>before</th>"
        f"<th>after</th></tr>{rows}</table>"
    )


def _orders(orders: Iterable[Order], market: str) -> str:
    rows = "".join(_order(order, market) for order in orders)
    return (
        "<table><tr><th>order</th><th>market</th><th>internal comment</th><th>comment (otherComment)</th>"
        f"<th>attributes</th><th>updates</th></tr>{rows}</table>"
    )


def _order(order: Order, market: str) -> str:
    attributes = "\n".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in order.attributes.items()
    )
    place = order.market if order.market == market else f"{order.market} (not visible)"
    cells = _ids(order.id) + _cells(place, order.internal_comment, order.comment, attributes, order.applied)
    return f'<tr class="changed">{cells}</tr>' if order.applied else f"<tr>{cells}</tr>"


def _cells(*values: object) -> str:
    return "".join(f"<td>{escape(str(value))}</td>" for value in values)


def _ids(*values: object) -> str:
    """Cells whose text stays on one line: order IDs and times."""
    return "".join(f'<td class="id">{escape(str(value))}</td>' for value in values)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M:%S")
