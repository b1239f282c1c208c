"""Delivers updates: lanes, pace, attempts, and the reading back that makes every result true."""

from __future__ import annotations

from ordersheet.delivery.clock import Clock, SystemClock
from ordersheet.delivery.drive import deliver
from ordersheet.delivery.options import DeliveryEnd, DeliveryOptions
from ordersheet.delivery.progress import Progress
from ordersheet.delivery.thread import run_in_thread
from ordersheet.delivery.transport.factory import Transport, make_transport_factory

__all__ = [
    "Clock",
    "DeliveryEnd",
    "DeliveryOptions",
    "Progress",
    "SystemClock",
    "Transport",
    "deliver",
    "make_transport_factory",
    "run_in_thread",
]
