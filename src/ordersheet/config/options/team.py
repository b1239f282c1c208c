"""The options of those who hand files over to workers, and of the workers themselves."""

from __future__ import annotations

from ordersheet.config.options import types
from ordersheet.config.options.option import SUBMIT, Option

WORKER = "worker"

TEAM_OPTIONS: tuple[Option, ...] = (
    Option(
        "wait",
        "Wait for the run's end, and write its report.",
        types.truth,
        default=False,
        switch=True,
        commands=(SUBMIT,),
        group="Report and output",
        flag_only=True,
    ),
    Option(
        "stores",
        "Only these: names of profiles, or of stores as runs and show have them.",
        types.names,
        shown_default="all with address and key",
        metavar="A,B",
        commands=(WORKER,),
        group="Where to",
    ),
    Option(
        "poll",
        "Seconds between two looks for work.",
        types.positive,
        5.0,
        metavar="S",
        commands=(WORKER,),
        group="Pace",
    ),
    Option(
        "health",
        "Touched at each look while all is well, for a container's probe.",
        types.path,
        metavar="FILE",
        commands=(WORKER,),
        group="Report and output",
        flag_only=True,
    ),
    Option(
        "metrics",
        "What the worker has done so far, as Prometheus reads text files.",
        types.path,
        metavar="FILE.prom",
        commands=(WORKER,),
        group="Report and output",
        flag_only=True,
    ),
)
