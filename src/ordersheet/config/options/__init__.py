"""One table of every option: type, unit, default, environment name, settings key and help.

The command's options, the settings file, the Python keywords and the reference in the docs
are all made from this table, so that they cannot disagree.
"""

from __future__ import annotations

from ordersheet.config.options.option import CHECK, SEND, SUBMIT, Option
from ordersheet.config.options.table import LEDGER_COMMANDS, OPTIONS

__all__ = ["BY_NAME", "CHECK", "LEDGER_COMMANDS", "OPTIONS", "SEND", "Option", "of_command"]

BY_NAME = {option.name: option for option in OPTIONS}


def of_command(command: str) -> tuple[Option, ...]:
    """Give the options of one command, in the table's order."""
    return tuple(
        option
        for option in OPTIONS
        if command in option.commands or (command == SUBMIT and SEND in option.commands)
    )
