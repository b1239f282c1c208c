"""Delivers updates: lanes, pace, attempts, and the reading back that makes every result true."""

from __future__ import annotations

from ordersheet.sender.clock import Clock, SystemClock
from ordersheet.sender.deliver import deliver
from ordersheet.sender.progress import Progress
from ordersheet.sender.stop import StopSwitch
from ordersheet.sender.terms import DeliveryEnd, SenderOptions
from ordersheet.sender.thread import run_in_thread
from ordersheet.sender.transport import Transport, make_transport_factory

__all__ = [
    "Clock",
    "DeliveryEnd",
    "Progress",
    "SenderOptions",
    "StopSwitch",
    "SystemClock",
    "Transport",
    "deliver",
    "make_transport_factory",
    "run_in_thread",
]
