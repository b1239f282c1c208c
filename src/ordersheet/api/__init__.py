"""All that knows the Order API's shape: what goes out, what comes back, and where it is."""

from __future__ import annotations

from ordersheet.api.address import clean_address, is_loopback, normal_base
from ordersheet.api.answers import (
    OrderView,
    PutAnswer,
    clean_message,
    parse_date,
    read_order_answer,
    read_put_answer,
)
from ordersheet.api.listing import ListedOrder, OrderList, list_url, read_list_answer
from ordersheet.api.payload import order_url, orders_url, put_body

__all__ = [
    "ListedOrder",
    "OrderList",
    "OrderView",
    "PutAnswer",
    "clean_address",
    "clean_message",
    "is_loopback",
    "list_url",
    "normal_base",
    "order_url",
    "orders_url",
    "parse_date",
    "put_body",
    "read_list_answer",
    "read_order_answer",
    "read_put_answer",
]
