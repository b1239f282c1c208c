"""Values of attributes, as texts: how they are shown, and when two are the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ordersheet.core.model import JsonValue


def shown_value(value: JsonValue) -> str:
    """Give an attribute's value as a text: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shows_as(value: JsonValue, shown: str) -> bool:
    """Tell whether what was sent may be shown so: a yes/no element is `"1"` or `"0"` to the vendor."""
    if value is True:
        return shown in ("true", "1")
    if value is False:
        return shown in ("false", "0")
    return shown == shown_value(value)
