"""A desk, and a sandbox that it can reach."""

from __future__ import annotations

import json
import urllib.request

import pytest
from tests.support.command import Desk
from tests.support.team import home, team_desk
from tests.support.team_sheet import ORDERS

from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store


@pytest.fixture
def store():
    store = Store()
    yield store
    store.close()


@pytest.fixture
def shop(store):
    """A sandbox that is listening."""
    with running(store) as one:
        yield one


@pytest.fixture
def big_shop():
    """A sandbox that has the orders of a team's sheet."""
    store = Store(orders=ORDERS)
    with running(store) as one:
        yield one
    store.close()


@pytest.fixture
def clerk(tmp_path, big_shop, team_writer):
    """A desk whose ledger is shared."""
    return team_desk(home(tmp_path, "clerk"), big_shop, team_writer)


@pytest.fixture
def desk(tmp_path, shop):
    """A desk with the sandbox's address and key set."""
    return Desk(tmp_path, shop.base_url, shop.key)


@pytest.fixture
def bare_desk(tmp_path):
    """A desk with nothing set."""
    return Desk(tmp_path, None, None)


@pytest.fixture
def held(shop):
    """What the sandbox holds of an order, asked over the wire."""

    def ask(order: int) -> dict[str, object]:
        with urllib.request.urlopen(shop.page_url + "state.json") as answer:
            orders = json.load(answer)["orders"]
        return next(
            one for one in orders if int(one.get("order", one.get("id", one.get("orderId", 0)))) == order
        )

    return ask
