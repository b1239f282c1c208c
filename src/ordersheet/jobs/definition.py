"""What a `[jobs.NAME]` table of the settings file says, checked whole: every fault at once."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from ordersheet.config.options import BY_NAME, SEND
from ordersheet.core.errors import SettingsError
from ordersheet.jobs.places import place_faults
from ordersheet.jobs.schedule import Schedule, cron_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

KINDS = ("failed", "partial", "nothing", "done")
"""What a job tells of: what was not read or sent, rows that ended in `no`, that nothing came, success."""
PLACEHOLDERS = ("date", "file_date", "file", "stem", "job")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DURATION = re.compile(r"(?P<number>[0-9]{1,6})\s*(?P<unit>s|m|h|d)")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_CLOCK = re.compile(r"(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])")
_OWN_OPTIONS = frozenset(
    {"profile", "batch", "report", "config", "ledger", "ledger_must_exist", "yes", "json"}
)
"""Options of send that a job has a word of its own for, or that the call decides."""


class Folders(NamedTuple):
    """Where a file goes: names below the source, or places of their own."""

    working: str = "working"
    done: str = "done"
    failed: str = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDefinition:
    """One job, as its table says."""

    name: str
    source: str
    """A folder, the URL of one, or where that stands (`env:NAME`, `file:PATH`); shown as `shown_source`."""
    pattern: str = "*"
    profile: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    """Options of send, by their names."""
    batch: str | None = None
    """With placeholders, such as `{file_date}`."""
    schedule: Schedule = field(default_factory=Schedule)
    stable: float = 10.0
    """Seconds for which a file's size and time must have stayed the same."""
    marker: str | None = None
    """Of a file that says that another is whole: `calls.xlsx.done` beside `calls.xlsx`."""
    folders: Folders = field(default_factory=Folders)
    report_to: str | None = None
    """None: where the input goes."""
    senders: tuple[str, ...] = ()
    """Patterns of the addresses whose mails are looked at; of everybody where there are none."""
    expect_by: time | None = None
    notify: tuple[str, ...] = ()
    notify_on: frozenset[str] = frozenset({"failed", "partial", "nothing"})
    attach_report: bool = False
    keep: timedelta | None = None
    give_up: float = 86_400.0
    """Seconds for which a file is tried again."""

    @property
    def shown_source(self) -> str:
        """The source without what may be a secret in it."""
        return self.source.partition("?")[0] if "://" in self.source else self.source

    def batch_of(self, file: str, modified: datetime, now: datetime) -> str | None:
        """Give the batch of a file; None where the job names none.

        Args:
            file: its name.
            modified: its own date.
            now: the moment.
        """
        if self.batch is None:
            return None
        zone = self.schedule.zone
        return self.batch.format(
            date=f"{now.astimezone(zone):%Y-%m-%d}",
            file_date=f"{modified.astimezone(zone):%Y-%m-%d}",
            file=file,
            stem=file.rpartition(".")[0] or file,
            job=self.name,
        )


def read_jobs(tables: object, place: str) -> dict[str, JobDefinition]:
    """Read the `[jobs.NAME]` tables.

    Args:
        tables: what stands under `jobs` in the settings file.
        place: the file, for messages.

    Raises:
        SettingsError: with a line for each fault.
    """
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsError(f"jobs in {place} must be tables such as [jobs.nightly].", code="bad-job")
    faults: list[str] = []
    jobs = {}
    for name, table in tables.items():
        job = _read_job(name, table, faults, f"[jobs.{name}] of {place}")
        if job is not None:
            jobs[name] = job
    if faults:
        raise SettingsError("\n".join(faults), code="bad-job")
    return jobs


def _read_job(name: str, table: Mapping[str, Any], faults: list[str], place: str) -> JobDefinition | None:
    given: dict[str, Any] = {}
    options: dict[str, object] = {}
    before = len(faults)
    if not _NAME.fullmatch(name):
        faults.append(f"{place}: a job's name is letters, digits, dots, - and _, not {name!r}.")
    for key, value in table.items():
        word = key.replace("-", "_")
        try:
            if word in JOB_KEYS:
                given[word] = JOB_KEYS[word](value)
            elif _is_option(word):
                options[word] = BY_NAME[word].parse(value) and value
            else:
                faults.append(f"{place} has a setting that ordersheet does not know: {key}.")
        except ValueError as fault:
            shown = "" if word == "notify" else f", not {value!r}"
            faults.append(f"{place}: {key} {fault}{shown}.")
    if "source" not in table:
        faults.append(f"{place} has no source. Name the folder, or its URL, that the files come to.")
    faults += [f"{place}: {fault}" for fault in place_faults(given)]
    schedule = _schedule(given, faults, place)
    if len(faults) > before:
        return None
    folders = Folders(**{key: given.pop(key) for key in Folders._fields if key in given})
    return JobDefinition(name=name, options=options, schedule=schedule, folders=folders, **given)


def _is_option(word: str) -> bool:
    option = BY_NAME.get(word)
    return (
        option is not None and SEND in option.commands and not option.flag_only and word not in _OWN_OPTIONS
    )


def _schedule(given: dict[str, Any], faults: list[str], place: str) -> Schedule:
    every, cron = given.pop("every", None), given.pop("schedule", None)
    zone = given.pop("timezone", None)
    if every is not None and cron is not None:
        faults.append(f"{place} has both every and schedule. Keep one of them.")
    return Schedule(every=60.0 if every is None else every, cron=cron, zone=zone)


# --- one key each: from a TOML value to what the job holds; ValueError with the rest of the sentence


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("must be a text that is not empty")
    return value.strip()


def _seconds(value: object) -> float:
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a time such as 10s, 5m, 24h or 90d")
    return float(found["number"]) * _UNITS[found["unit"]]


def _more_than_none(value: object) -> float:
    seconds = _seconds(value)
    if seconds <= 0:
        raise ValueError("must be more than nothing, such as 5m")
    return seconds


def _batch(value: object) -> str:
    text = _text(value)
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        fields = [""]
    if any(name not in PLACEHOLDERS for name in fields):
        shown = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"has a placeholder that is none; there are {shown}")
    return text


def _cron(value: object) -> str:
    text = _text(value)
    fault = cron_fault(text)
    if fault is not None:
        raise ValueError(fault)
    return text


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (KeyError, OSError, ValueError):
        raise ValueError("must be a time zone such as Europe/Stockholm") from None


def _time_of_day(value: object) -> time:
    found = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a time of day such as 07:00")
    return time(int(found["hour"]), int(found["minute"]))


def _texts(value: object) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) and one.strip() for one in values):
        raise ValueError("must be a list of addresses")
    return tuple(one.strip() for one in values)


def _kinds(value: object) -> frozenset[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not set(values) <= set(KINDS):
        raise ValueError(f"must be a list of {', '.join(KINDS)}")
    return frozenset(values)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")  # noqa: TRY004 - each reader says it the same way
    return value


JobKeyReader: TypeAlias = "Callable[[object], object]"
JOB_KEYS: dict[str, JobKeyReader] = {
    "source": _text,
    "pattern": _text,
    "profile": _text,
    "batch": _batch,
    "every": _more_than_none,
    "schedule": _cron,
    "timezone": _zone,
    "stable": _seconds,
    "marker": _text,
    "working": _text,
    "done": _text,
    "failed": _text,
    "report_to": _text,
    "senders": _texts,
    "expect_by": _time_of_day,
    "notify": _texts,
    "notify_on": _kinds,
    "attach_report": _truth,
    "keep": lambda value: timedelta(seconds=_more_than_none(value)),
    "give_up": _more_than_none,
}
