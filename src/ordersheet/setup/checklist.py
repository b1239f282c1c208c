"""What must be set at the shop's side, in the plugin's own settings, before updates can be sent."""

from __future__ import annotations

CHECKLIST = """What the settings of the Order API plugin must allow (in AMS):
  Endpoints               GET orders and PUT orders, for this key
  Get Orders with Status  each status whose orders you update; many shops
                          leave out cancelled and archived ones
  On hold, waiting        the switch that shows orders on hold or waiting for
  for payment             payment, where you update such orders
  Additional stores       the other markets whose orders you update
  Debug logging           keeps each call and its answer in AMS, Diagnostics,
                          API log: the one witness for a row `unconfirmed`"""
"""Fits into 80 columns, so that help can show it as it stands."""
