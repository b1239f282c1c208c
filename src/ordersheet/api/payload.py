"""What goes to the Order API: the exact bytes of an update, and the addresses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ordersheet.core.model import ATTRIBUTE_PREFIX, ORDER, REPLACE_FLAGS, JsonValue, OperationKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ordersheet.core.model import Operation

_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
# A module-level encoder: json.dumps would build a new one for each row.


def put_body(order: int, operations: Sequence[Operation], *, xml: bool) -> bytes:
    """Build the payload of one `PUT <base>/orders`: only what is asked for, and nothing else.

    Replace flags are sent only where they are true; an attribute stands under `extraAttributes`;
    clearing a comment is the empty text with its replace flag (order-api reference, "Parameters").

    Args:
        order: the order's ID, sent as a JSON number.
        operations: at least one, and at most one for each field.
        xml: ask for the answer as XML instead of JSON.

    Returns:
        UTF-8 JSON without blanks, the same bytes for the same arguments.

    Raises:
        ValueError: a value that JSON or UTF-8 cannot carry (NaN, infinity, half of a surrogate pair), or an
            operation that the API has no words for (appending to an attribute, setting a comment).
    """
    payload: dict[str, JsonValue] = {ORDER: order}
    attributes: dict[str, JsonValue] = {}
    for field, kind, value in operations:
        if field.startswith(ATTRIBUTE_PREFIX):
            if kind not in (OperationKind.SET, OperationKind.CLEAR):
                raise ValueError(f"{field} cannot take {kind}.")
            attributes[field.removeprefix(ATTRIBUTE_PREFIX)] = "" if kind is OperationKind.CLEAR else value
            continue
        if field not in REPLACE_FLAGS or kind is OperationKind.SET:
            raise ValueError(f"{field} cannot take {kind}.")
        payload[field] = "" if kind is OperationKind.CLEAR else value
        if kind.overwrites:
            payload[REPLACE_FLAGS[field]] = True
    if attributes:
        payload["extraAttributes"] = attributes
    if xml:
        payload["xml"] = True
    return _encoder.encode(payload).encode()


def orders_url(base: str) -> str:
    """Give the address that updates go to, from a base in any form (with or without `/` at its end)."""
    return base.rstrip("/") + "/orders"


def order_url(base: str, order: int) -> str:
    """Give the address that reads one order."""
    return f"{orders_url(base)}?order={order}"
