"""How the sandbox words its answers: JSON, or XML where the request asks for it, and the bent ones."""

from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ordersheet.sandbox.store import Order

_HUGE = 2 * 1024 * 1024
_PAGE = "<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"
_SHORT = 20
DATE = "%Y-%m-%d %H:%M:%S"
"""How the API writes a time, in the shop's own zone."""


class Body(NamedTuple):
    """An answer's body and its type."""

    content: bytes
    type: str


def encode(answer: Mapping[str, Any], *, xml: bool) -> Body:
    """Write an answer as the API would."""
    if xml:
        inner = "".join(_element(name, value) for name, value in answer.items())
        text = f'<?xml version="1.0" encoding="UTF-8"?><response>{inner}</response>'
        return Body(text.encode(), "application/xml; charset=utf-8")
    return Body(json.dumps(answer, ensure_ascii=False).encode(), "application/json")


def _element(name: str, value: object) -> str:
    if isinstance(value, list):
        inner = "".join(_element("order", item) for item in value)
    elif isinstance(value, dict):
        inner = "".join(_element(key, item) for key, item in value.items())
    else:
        inner = "" if value is None else html.escape(str(value), quote=False)
    return f"<{name}>{inner}</{name}>"


def updated(order: object) -> dict[str, Any]:
    """Answer an update that was carried out."""
    return {"status": "ok", "order": order}


def refused(order: object, message: str) -> dict[str, Any]:
    """Answer an update that was refused."""
    return {"status": "no", "msg": message, "order": order}


def as_read(order: Order, *, attributes: bool = False) -> dict[str, Any]:
    """Give an order as GET tells it: the ID as text, `comment` as `otherComment`, and what else it carries.

    Args:
        order: the order.
        attributes: whether `extraAttributes` are shown; the API's reference does not say.
    """
    shown: dict[str, Any] = {
        "orderId": str(order.id),
        "selectionId": f"{order.id:032x}",
        "status": "1",
        "orderStatus": "pending",
        "orderDate": order.date.strftime(DATE),
        "marketId": order.market,
        "orderStore": "1",
        "orderCurrency": "SEK",
        "hold": False,
        "waitingForPayment": False,
        "email": f"customer{order.id}@example.com",
        "internalComment": order.internal_comment,
        "otherComment": order.comment,
        "products": [{"sku": f"A{order.id % 97:03}", "comment": "gift", "otherComment": "of a line"}],
    }
    if attributes:
        shown["extraAttributes"] = dict(order.attributes)
    return shown


def bend(detail: str, answer: dict[str, Any], *, xml: bool) -> Body:
    """Write the answer to an update in a wrong way.

    Args:
        detail: the variant, as `faults.KINDS` names it.
        answer: the right answer.
        xml: whether XML was asked for.
    """
    whole = encode(answer, xml=xml)
    order = answer.get("order")
    variants: dict[str, Body] = {
        "garbled": Body(whole.content[:-1] + b"\x00,", whole.type),
        "html": Body(_PAGE.encode(), "text/html; charset=utf-8"),
        "empty": Body(b"", whole.type),
        "list": Body(json.dumps([answer]).encode(), whole.type),
        "wrong-order": encode({**answer, "order": order + 1 if isinstance(order, int) else 1}, xml=xml),
        "no-order": encode({key: value for key, value in answer.items() if key != "order"}, xml=xml),
        "order-true": encode({**answer, "order": True}, xml=xml),
        "status-upper": encode({**answer, "status": str(answer["status"]).upper()}, xml=xml),
        "no": encode(refused(order, "update failed"), xml=xml),
    }
    if detail == "huge":
        return encode({**answer, "padding": "x" * _HUGE}, xml=xml)
    return variants.get(detail, whole)


def bend_read(detail: str, orders: list[dict[str, Any]], *, xml: bool) -> Body:
    """Write the answer to a GET in a wrong way; arguments as for `bend`."""
    comments = ("internalComment", "otherComment")
    if detail == "empty":
        orders = []
    elif detail == "wrong-order":
        orders = [{**order, "orderId": str(int(order["orderId"]) + 1)} for order in orders]
    elif detail == "no-field":
        orders = [{key: value for key, value in order.items() if key not in comments} for order in orders]
    elif detail == "null-field":
        orders = [{**order, **dict.fromkeys(comments)} for order in orders]
    elif detail == "misses":
        orders = orders[1::2]
    elif detail == "repeats":
        orders = [order for order in orders for _ in range(2)]
    elif detail == "shuffled":
        orders = [*orders[1::2], *orders[::2]]
    whole = encode({"status": "ok", "orders": orders}, xml=xml)
    if detail == "garbled":
        return Body(whole.content[:-2], whole.type)
    return Body(_PAGE.encode(), "text/html; charset=utf-8") if detail == "html" else whole


def change(detail: str, text: str) -> str:
    """Change a text as some systems do when they store it."""
    if detail == "trims":
        return text.strip()
    if detail == "escapes":
        return html.escape(text)
    if detail == "breaks":
        return text.replace("\n", "<br>")
    return text[:_SHORT] if detail == "shortens" else text
