"""The options of those who hand files over to workers, and of the workers themselves."""

from __future__ import annotations

from ordersheet.config.large_files_place import large_files
from ordersheet.config.options import types
from ordersheet.config.options.option import SUBMIT, UNDO, Option

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
        "large_files",
        "Where files lie that are too large for a shared ledger: a folder, or a URL such as s3://bucket/folder;"
        " env:NAME or file:PATH of that.",
        large_files,
        shown_default="none",
        metavar="PATH|URL",
        commands=(SUBMIT, UNDO, "report", "purge"),
        group="Where to",
    ),
    Option(
        "large_from",
        "Files above so many MB go to large-files; at most 50.",
        types.megabytes,
        50.0,
        metavar="MB",
        commands=(SUBMIT,),
        group="Where to",
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
