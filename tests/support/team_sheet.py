"""A sheet of three chunks that a desk hands over, and what has become of it at the shop."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.command import Desk

    from ordersheet.sandbox.server import Running

FIRST, MANY = 84000, 420
"""Three chunks."""
ORDERS = range(FIRST, FIRST + MANY)


def sheet(desk: Desk, orders: range = ORDERS, name: str = "calls.csv") -> None:
    lines = "".join(f"{order},Called {order}\n" for order in orders)
    desk.file(name, f"order,internalComment\n{lines}")


def texts(shop: Running) -> dict[int, str]:
    """What each order holds."""
    with urllib.request.urlopen(shop.page_url + "state.json") as answer:
        orders: list[dict[str, Any]] = json.load(answer)["orders"]
    numbers = (int(one.get("order", one.get("id", one.get("orderId", 0)))) for one in orders)
    return dict(zip(numbers, (str(one.get("internalComment") or "") for one in orders), strict=True))


def written(shop: Running) -> Counter[int]:
    """How often each order holds its text."""
    return Counter({order: text.count(f"Called {order}") for order, text in texts(shop).items()})


def submitted(desk: Desk, *words: str) -> str:
    told = desk.run("submit", "calls.csv", "--yes", "--json", *words)
    assert told.code == 0, told.err
    return str(told.json["run"])


def is_over(desk: Desk, run: str) -> bool:
    return bool(desk.run("show", run, "--json").json["finished"])


def outcomes(desk: Desk, run: str) -> dict[str, int]:
    told: dict[str, int] = desk.run("show", run, "--json").json["outcomes"]
    return told


def each_once(shop: Running) -> bool:
    return set(written(shop).values()) == {1}
