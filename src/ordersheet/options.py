"""One table of every option: type, unit, default, environment name, settings key and help.

The command's options, the settings file, the Python keywords and the reference in the docs
are all made from this table, so that they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ordersheet import optiontypes as types

if TYPE_CHECKING:
    from collections.abc import Callable

CHECK, SEND = "check", "send"
LEDGER_COMMANDS = (CHECK, SEND, "runs", "show", "resolve", "report", "purge", "doctor")


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as every surface shows it."""

    name: str
    """The Python keyword, such as `base_url`; the flag and the settings key follow from it."""
    help: str
    """One sentence, with the unit where there is one."""
    parse: Callable[[Any], Any] = types.text
    """Turns a text, or a TOML value, into the setting; raises ValueError with half a sentence."""
    default: Any = None
    shown_default: str = ""
    """The default in words, where `default` itself would not tell."""
    metavar: str = "TEXT"
    commands: tuple[str, ...] = (CHECK, SEND)
    switch: bool = False
    """On or off, without a value."""
    negative: bool = False
    """A switch that turns something off: its flag is `--no-` and the name."""
    repeatable: bool = False
    group: str = "Reading the file"
    local: bool = False
    """May stand in the `ordersheet.toml` of the working folder: how sheets are read, mapped, reported."""
    flag_only: bool = False
    """Only on the command line, since it is about one call."""

    @property
    def flag(self) -> str:
        """The flag on the command line, such as `--base-url`."""
        return "--" + ("no-" if self.negative else "") + self.name.replace("_", "-")

    @property
    def key(self) -> str:
        """The key in `ordersheet.toml`, such as `base-url`."""
        return self.name.replace("_", "-")

    @property
    def env(self) -> str | None:
        """The environment variable, such as `ORDERSHEET_BASE_URL`; None for options about one call."""
        return None if self.flag_only else "ORDERSHEET_" + self.name.upper()


OPTIONS: tuple[Option, ...] = (
    Option(
        "sheet",
        "The sheet to read; needed only where several visible sheets have an ID header.",
        metavar="NAME",
        local=True,
    ),
    Option(
        "encoding",
        "The CSV's encoding, such as cp1252, instead of the detector's guess.",
        types.encoding,
        metavar="E",
        local=True,
    ),
    Option(
        "delimiter",
        "The CSV's delimiter: one character, or tab, comma, semicolon, pipe.",
        types.delimiter,
        metavar="D",
        local=True,
    ),
    Option(
        "hidden",
        "What to do with hidden and filtered rows, and hidden columns that would be sent.",
        types.choice("refuse", "include", "skip"),
        "refuse",
        metavar="refuse|include|skip",
        local=True,
    ),
    Option(
        "allow_empty",
        "Accept a header without rows: exit 0 with a report, not exit 2.",
        types.truth,
        default=False,
        switch=True,
        local=True,
    ),
    Option("limit", "Only the first N data rows.", types.whole(1), metavar="N", flag_only=True),
    Option(
        "rows",
        "Only these rows, by the numbers you see: 5,9-12.",
        types.row_numbers,
        metavar="5,9-12",
        flag_only=True,
    ),
    Option(
        "mapping",
        "A mapping file (TOML) that says which column feeds which field.",
        types.path,
        metavar="FILE",
        group="Mapping columns",
        local=True,
    ),
    Option(
        "save_mapping",
        "Write what was recognised as a mapping file, with comments.",
        types.path,
        metavar="FILE",
        group="Mapping columns",
        flag_only=True,
    ),
    Option(
        "set",
        "A constant for every row, such as internalComment='Delayed by strike'. Repeatable.",
        types.texts,
        (),
        shown_default="none",
        metavar="FIELD=VALUE",
        repeatable=True,
        group="Mapping columns",
        local=True,
    ),
    Option(
        "only_columns",
        "Send only the columns with these headers; the ID column always counts.",
        types.names,
        metavar="A,B",
        group="Mapping columns",
        local=True,
    ),
    Option(
        "duplicates",
        "Identical rows of one file: send the first alone, send all, or refuse the file.",
        types.choice("skip", "send", "refuse"),
        "skip",
        metavar="skip|send|refuse",
        group="What is sent",
        local=True,
    ),
    Option(
        "batch",
        "Part of what an operation is known by: the same text in a new batch is sent, the same batch "
        "run again never sends twice (in cron: the date).",
        types.name,
        metavar="NAME",
        group="What is sent",
    ),
    Option(
        "again",
        "The same texts are meant once more; finishes this file's unfinished --again run where there is one.",
        types.truth,
        default=False,
        switch=True,
        commands=(SEND,),
        group="What is sent",
        flag_only=True,
    ),
    Option(
        "retry_no",
        "Ask again what the API refused in an earlier run.",
        types.truth,
        default=False,
        switch=True,
        commands=(SEND,),
        group="What is sent",
        flag_only=True,
    ),
    Option(
        "trust_report",
        "Leave the rows that a report of another computer calls ok.",
        types.truth,
        default=False,
        switch=True,
        commands=(SEND,),
        group="What is sent",
        flag_only=True,
    ),
    Option(
        "max_no",
        "Stop where more rows than this have problems or end in no: a number, or a share such as 5%.",
        types.share,
        metavar="N|P%",
        commands=(SEND,),
        group="What is sent",
    ),
    Option(
        "yes",
        "Do not ask before sending.",
        types.truth,
        default=False,
        switch=True,
        commands=(SEND,),
        group="What is sent",
        flag_only=True,
    ),
    Option(
        "profile",
        "The part of ordersheet.toml to use: [profiles.NAME]; `sandbox` finds the running sandbox.",
        types.name,
        metavar="NAME",
        commands=LEDGER_COMMANDS,
        group="Where to",
    ),
    Option(
        "base_url",
        "The address of the Order API plugin, such as https://shop.example.com/api/order-api/1.",
        types.text,
        metavar="URL",
        commands=(CHECK, SEND, "doctor"),
        group="Where to",
    ),
    Option(
        "config",
        "Your settings file.",
        types.path,
        shown_default="ordersheet.toml in your settings folder",
        metavar="FILE",
        commands=LEDGER_COMMANDS,
        group="Where to",
    ),
    Option(
        "store",
        "A name that stands for the address in what an operation is known by, so that an address can move.",
        types.name,
        metavar="NAME",
        commands=(),
        group="Where to",
    ),
    Option(
        "api_key_file",
        "A file that holds the API key, readable by its owner alone.",
        types.path,
        metavar="FILE",
        commands=(),
        group="Where to",
    ),
    Option(
        "ledger",
        "Where what was done is kept: a path, or sqlite:///path.",
        types.ledger,
        shown_default="ledger.db in your data folder",
        metavar="PATH|URL",
        commands=LEDGER_COMMANDS,
        group="Where to",
    ),
    Option(
        "ledger_must_exist",
        "Refuse to make a new ledger where none is found.",
        types.truth,
        default=False,
        switch=True,
        commands=LEDGER_COMMANDS,
        group="Where to",
    ),
    Option(
        "allow_http",
        "Allow plain http to a host other than this computer.",
        types.truth,
        default=False,
        switch=True,
        commands=(CHECK, SEND, "doctor"),
        group="Where to",
    ),
    Option(
        "proxy",
        "A proxy's address, or env to take it from HTTPS_PROXY and NO_PROXY.",
        types.text,
        shown_default="none",
        metavar="URL|env",
        commands=(SEND, "doctor"),
        group="Where to",
    ),
    Option(
        "ca_bundle",
        "A file of further certificates to trust, besides the operating system's.",
        types.path,
        metavar="FILE",
        commands=(SEND, "doctor"),
        group="Where to",
    ),
    Option(
        "rate",
        "At most N requests a second, reads included; decimals allowed.",
        types.positive,
        shown_default="no cap",
        metavar="N",
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "concurrency",
        "Lanes: how many requests may be under way at once.",
        types.lanes,
        "auto",
        metavar="N|auto",
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "timeout",
        "Seconds for one whole request.",
        types.positive,
        30.0,
        metavar="S",
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "attempts",
        "PUTs of one row in one run that may have reached the server; 429 and not-sent do not count.",
        types.whole(1),
        5,
        metavar="N",
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "settle",
        "Seconds for which an unanswered request may still arrive.",
        types.not_negative,
        90.0,
        metavar="S",
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "grace",
        "Seconds that an interrupt may take.",
        types.not_negative,
        20.0,
        metavar="S",
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "baseline",
        "Do not read orders before changing their comments: half the requests, but doubts stay open.",
        types.truth,
        default=True,
        switch=True,
        negative=True,
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "xml",
        "Ask for answers in XML.",
        types.truth,
        default=False,
        switch=True,
        commands=(SEND,),
        group="Pace",
    ),
    Option(
        "report",
        "The report: a file, or a folder.",
        types.path,
        shown_default="reports/<name>-<run><suffix>",
        metavar="PATH",
        commands=(SEND, "report"),
        group="Report and output",
        local=True,
    ),
    Option(
        "overwrite",
        "Let the files that this command writes replace existing ones; never the input.",
        types.truth,
        default=False,
        switch=True,
        commands=(CHECK, SEND, "report"),
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
        commands=(CHECK, SEND, "runs", "show", "doctor"),
        group="Report and output",
        flag_only=True,
    ),
    Option(
        "log_format",
        "How log lines look where there is no terminal.",
        types.choice("text", "json"),
        "text",
        metavar="text|json",
        group="Report and output",
    ),
    Option(
        "verbose",
        "Say more about what happens.",
        types.truth,
        default=False,
        switch=True,
        group="Report and output",
    ),
    Option(
        "progress",
        "No progress display.",
        types.truth,
        default=True,
        switch=True,
        negative=True,
        group="Report and output",
    ),
)

BY_NAME = {option.name: option for option in OPTIONS}


def of_command(command: str) -> tuple[Option, ...]:
    """Give the options of one command, in the table's order."""
    return tuple(option for option in OPTIONS if command in option.commands)
