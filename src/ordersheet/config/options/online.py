"""The options of looking at the orders themselves."""

from __future__ import annotations

from ordersheet.config.options import types
from ordersheet.config.options.option import CHECK, SEND, Option

ONLINE_OPTIONS: tuple[Option, ...] = (
    Option(
        "online",
        "Read the orders, and show what stands there now and what would stand.",
        types.truth,
        default=False,
        switch=True,
        commands=(CHECK,),
        group="What stands in the orders",
        flag_only=True,
    ),
    Option(
        "preview",
        "Write your own file with what stands now, what would stand, and the change, for each column.",
        types.path,
        metavar="FILE",
        commands=(CHECK,),
        group="What stands in the orders",
        flag_only=True,
    ),
    Option(
        "guard",
        "Write your own file with expect: columns of what stands now: sent later, its rows go out only where "
        "that still stands.",
        types.path,
        metavar="FILE",
        commands=(CHECK,),
        group="What stands in the orders",
        flag_only=True,
    ),
    Option(
        "skip_unchanged",
        "Leave out what would replace, clear or set a field to what it holds already.",
        types.truth,
        default=False,
        switch=True,
        commands=(SEND,),
        group="What is sent",
    ),
)
