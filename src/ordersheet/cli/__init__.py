"""The command: parse, call, print, exit code."""

from __future__ import annotations

# Each adds its commands to the app.
from ordersheet.cli import jobs, ledger, ledger_group, online, purge, sandbox, send, setup, team, undo, web
from ordersheet.cli.app import app

__all__ = [
    "app",
    "jobs",
    "ledger",
    "ledger_group",
    "online",
    "purge",
    "sandbox",
    "send",
    "setup",
    "team",
    "undo",
    "web",
]
