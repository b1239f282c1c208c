"""How an operation is known: a keyed hash of what it does to which field of which order.

A hash instead of the text, because it must outlive the text: when the retention of a text has
ended, the ledger still has to know that it was applied. Keyed with the ledger's own salt,
because short texts could be guessed from a plain hash.
"""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING

from ordersheet.core.history.normal import normalise_append
from ordersheet.core.model import OperationKind

if TYPE_CHECKING:
    from ordersheet.core.model import Operation

KEY_VERSION = 1
"""Which form of `normalise_append` and of `operation_key` made a key; stored with each key."""

SALT_BYTES = 32

_encode = json.JSONEncoder().encode


def operation_key(salt: bytes, order: int, operation: Operation) -> str:
    """Hash what an operation does.

    Args:
        salt: the ledger's own.
        order: the order's ID.
        operation: an append is keyed by its normalised text; every other value as it is, so that
            1, 1.0, true and "1" differ.

    Returns:
        32 hexadecimal digits.
    """
    field, kind, value = operation
    if kind is OperationKind.APPEND:
        value = normalise_append(str(value))
    # json tells the types apart and writes lone surrogates, which UTF-8 cannot. Only the list around them is
    # put together here: json makes all of its machinery anew for each list, and rows come by the million.
    return _digest(salt, f'[{KEY_VERSION}, {order}, {_encode(field)}, "{kind}", {_encode(value)}]')


def text_hash(salt: bytes, text: str) -> str:
    """Hash a text whose retention has ended, as 32 hexadecimal digits."""
    return _digest(salt, json.dumps([KEY_VERSION, text]))


def _digest(salt: bytes, message: str) -> str:
    # Half of SHA-256: 128 bits are beyond any collision that one order's history could meet.
    return hmac.digest(salt, message.encode("ascii"), "sha256")[:16].hex()
