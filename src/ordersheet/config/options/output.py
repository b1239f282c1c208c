"""The options of the report and of what is shown: the end of the table."""

from __future__ import annotations

from ordersheet.config.options import types
from ordersheet.config.options.option import CHECK, SEND, UNDO, Option

OUTPUT_OPTIONS: tuple[Option, ...] = (
    Option(
        "report",
        "The report: a file, or a folder.",
        types.path,
        shown_default="reports/<name>-<run><suffix>",
        metavar="PATH",
        commands=(SEND, UNDO, "report"),
        group="Report and output",
        local=True,
    ),
    Option(
        "overwrite",
        "Let the files that this command writes replace existing ones; never the input.",
        types.truth,
        default=False,
        switch=True,
        commands=(CHECK, SEND, UNDO, "report", "ledger backup", "export"),
        group="Report and output",
        flag_only=True,
    ),
    Option(
        "open",
        "Open the report when it is written.",
        types.truth,
        default=False,
        switch=True,
        commands=(SEND, "report"),
        group="Report and output",
        local=True,
    ),
    Option(
        "problems",
        "Write your own file with the problems beside the rows.",
        types.path,
        metavar="FILE",
        group="Report and output",
        flag_only=True,
    ),
    Option(
        "json",
        "One JSON object on stdout, all else on stderr.",
        types.truth,
        default=False,
        switch=True,
        commands=(CHECK, SEND, UNDO, "runs", "show", "doctor", "jobs", "ledger check", "export"),
        group="Report and output",
        flag_only=True,
    ),
    Option(
        "log_format",
        "How log lines look where there is no terminal.",
        types.choice("text", "json"),
        "text",
        metavar="text|json",
        commands=(CHECK, SEND, UNDO, "jobs", "watch", "export", "worker"),
        group="Report and output",
    ),
    Option(
        "verbose",
        "check: each problem on a line; send, undo: a line on stderr for each attempt and each result.",
        types.truth,
        default=False,
        switch=True,
        commands=(CHECK, SEND, UNDO),
        group="Report and output",
    ),
    Option(
        "progress",
        "No progress display.",
        types.truth,
        default=True,
        switch=True,
        negative=True,
        commands=(CHECK, SEND, UNDO, "export"),
        group="Report and output",
    ),
)
