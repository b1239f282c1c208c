"""What stands in the way of a sheet's guards, said before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from ordersheet.config.settings import Settings
    from ordersheet.pipeline.intake import Prepared


def refuse_unread_guards(prepared: Prepared, settings: Settings) -> None:
    """Refuse guards in a run that reads no orders.

    Raises:
        UsageError: `guard-unread`.
    """
    guards = prepared.column_map.guards
    if guards and not settings.baseline:
        raise UsageError(
            f'The column "{guards[0].header}" is compared with what stands in the orders, and with '
            "--no-baseline they are not read. Leave --no-baseline out, or delete the column.",
            code="guard-unread",
        )
