"""The Python API: check and send, with settings as keywords."""

from __future__ import annotations

import warnings
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

from ordersheet.config.settings import resolve
from ordersheet.core.errors import Interrupted, RunStopped, UsageError, signal_of
from ordersheet.core.result import RunResult
from ordersheet.core.secret import Secret
from ordersheet.core.summary import RunSummary
from ordersheet.pipeline.keywords import keywords, row_in_keywords, summary_in_keywords

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from ordersheet.config.settings import Settings
    from ordersheet.delivery.progress import Progress
    from ordersheet.pipeline.export import Exported


class ShopOptions(TypedDict, total=False):
    """The keywords of all: which shop, and by whose leave; docs/commands.md says what each means."""

    api_key: str
    base_url: str
    profile: str
    config: str | PathLike[str]
    api_key_file: str | PathLike[str]
    allow_http: bool
    overwrite: bool


class LedgerOptions(TypedDict, total=False):
    """Those of what looks into the ledger."""

    store: str
    ledger: str | PathLike[str]
    rows: str


class NetworkOptions(TypedDict, total=False):
    """Those of what asks the shop."""

    proxy: str
    ca_bundle: str | PathLike[str]
    rate: float
    timeout: float


class UpdateOptions(TypedDict, total=False):
    """Those of what updates orders."""

    same_store: bool
    concurrency: int | str
    attempts: int
    settle: float
    grace: float
    report: str | PathLike[str]


class CheckOptions(ShopOptions, LedgerOptions, total=False):
    """The keywords of `check`, which are those of `send`, too."""

    ledger_must_exist: bool
    sheet: str
    encoding: str
    delimiter: str
    hidden: str
    allow_empty: bool
    allow_empty_rows: bool
    limit: int
    mapping: str | PathLike[str]
    save_mapping: str | PathLike[str]
    set: Sequence[str] | Mapping[str, str]
    only_columns: Sequence[str]
    duplicates: str
    batch: str
    problems: str | PathLike[str]
    online: bool
    preview: str | PathLike[str]
    guard: str | PathLike[str]


class SendOptions(CheckOptions, NetworkOptions, UpdateOptions, total=False):
    """The keywords of `send`."""

    again: bool
    skip_unchanged: bool
    retry_no: bool
    trust_report: bool | str
    same_file: bool
    max_no: int | str
    baseline: bool
    xml: bool


class UndoOptions(ShopOptions, LedgerOptions, NetworkOptions, UpdateOptions, total=False):
    """The keywords of `undo`."""


class ExportOptions(ShopOptions, NetworkOptions, total=False):
    """The keywords of `export`, beside its own."""


def check(source: str | PathLike[str] | pd.DataFrame, **options: Unpack[CheckOptions]) -> RunResult:
    """Read, map and validate; send nothing.

    Args:
        source: a path, or a DataFrame with headers as column names.
        options: settings by name; what is not given comes from the environment and the settings files.

    Returns:
        The counts, and as rows those that cannot be sent.

    Raises:
        OrdersheetError: where the file, the mapping or a setting stands in the way.
    """
    _hide_key(options)
    from ordersheet.pipeline.check import check as check_source

    given, frame = _given(source)
    with keywords(frame=frame):
        return _in_keywords(check_source(given, _settings(options)).result, frame=frame)


def send(
    source: str | PathLike[str] | pd.DataFrame,
    *,
    progress: Callable[[Progress], None] | bool = False,
    **options: Unpack[SendOptions],
) -> RunResult:
    """Send each row, without asking; run it again to finish what is not finished.

    Works inside a running event loop and outside the main thread; it blocks until the run has ended.

    Args:
        source: a path, or a DataFrame with headers as column names. A frame has a report file only where
            `report` names one.
        progress: True shows a bar; a function is called at most ten times a second. Where it raises, it is
            called no more, the run goes on, and a RuntimeWarning tells of it at the end.
        options: settings by name; what is not given comes from the environment and the settings files.

    Raises:
        OrdersheetError: where nothing was sent.
        RunStopped: where the run ended early; `result` holds what it came to. `Interrupted` after Ctrl-C.
    """
    _hide_key(options)
    from ordersheet.console.log_line import CallLog
    from ordersheet.console.progress import sending_progress
    from ordersheet.pipeline.send import send as send_source

    given, frame = _given(source)
    faults: list[Exception] = []
    with keywords(frame=frame):
        settings = _settings(options)
        with sending_progress(progress=progress is True, log=CallLog(settings.log_format)) as tell:
            told = _tried(progress, faults) if callable(progress) else tell
            try:
                result = _in_keywords(send_source(given, settings, tell=told), frame=frame)
            except RunStopped as lost:
                lost.result = _nothing_known(lost)
                raise
    _warn_of(faults)
    _raise_where_stopped(result)
    return result


def undo(
    run: str = "last",
    *,
    guess_attributes: bool = False,
    progress: Callable[[Progress], None] | bool = False,
    **options: Unpack[UndoOptions],
) -> RunResult:
    """Put back what stood in the orders before a run, where nobody wrote since, without asking.

    Args:
        run: its id, its unique beginning, or `last`, which passes over undos.
        guess_attributes: put attributes that the shop does not show back to what this ledger wrote before.
        progress: as in `send`.
        options: settings by name; what is not given comes from the environment and the settings files.

    Returns:
        As rows, those of the run with what became of each.

    Raises:
        OrdersheetError: where nothing was sent.
        RunStopped: where it ended early; `result` holds what it came to. `Interrupted` after Ctrl-C.
    """
    _hide_key(options)
    from ordersheet.console.log_line import CallLog
    from ordersheet.console.progress import sending_progress
    from ordersheet.pipeline.undo import UndoWays
    from ordersheet.pipeline.undo import undo as undo_run

    faults: list[Exception] = []
    with keywords(frame=False):
        settings = _settings(options)
        with sending_progress(progress=progress is True, log=CallLog(settings.log_format)) as tell:
            told = _tried(progress, faults) if callable(progress) else tell
            found = undo_run(run, settings, guess=guess_attributes, ways=UndoWays(tell=told))
            result = _in_keywords(found, frame=False)
    _warn_of(faults)
    _raise_where_stopped(result)
    return result


def export(
    out: str | PathLike[str],
    *,
    newer_than: str | None = None,
    older_than: str | None = None,
    orders: str | PathLike[str] | None = None,
    status: str | None = None,
    fields: Sequence[str] = (),
    edit: str | None = None,
    **options: Unpack[ExportOptions],
) -> Exported:
    """Write orders of the shop into a new sheet, to look at, fill in and send.

    Args:
        out: the new file, .xlsx or .csv.
        newer_than: a date, or a date with a time, in the shop's time zone; likewise `older_than`.
        older_than: see there.
        orders: a sheet that names the orders; then no list is walked through.
        status: orders with this status alone, as the API names it.
        fields: further fields of the API's answer, dotted for nested ones.
        edit: `internalComment` or `comment`: its column holds what stands, and is guarded.
        options: settings by name; what is not given comes from the environment and the settings files.

    Raises:
        OrdersheetError: the place is taken, the choice makes no sense, or the orders cannot be read.
    """
    _hide_key(options)
    from ordersheet.pipeline.export import Chosen, parse_edit, parse_moment
    from ordersheet.pipeline.export import export as export_orders

    def read(name: str, parse: Callable[[object], T], value: str | None) -> T | None:
        try:
            return None if value is None else parse(value)
        except ValueError as fault:
            raise UsageError(f"{name} {fault}, not {value!r}.", code="bad-setting") from None

    with keywords(frame=False):
        chosen = Chosen(
            newer_than=read("newer_than", parse_moment, newer_than),
            older_than=read("older_than", parse_moment, older_than),
            orders=None if orders is None else Path(orders),
            status=status,
            fields=tuple(fields),
            edit=read("edit", parse_edit, edit),
        )
        return export_orders(Path(out), _settings(options), chosen)


def _warn_of(faults: Sequence[Exception]) -> None:
    for fault in faults:
        warnings.warn(
            f"The progress function failed ({fault!r}); the run went on without it.",
            RuntimeWarning,
            stacklevel=3,
        )


def _raise_where_stopped(result: RunResult) -> None:
    summary = result.summary
    if summary.stopped_by is None:
        return
    message = summary.error or "The run ended early; run it again to go on."
    signal = signal_of(result.exit_code)
    stopped = (
        RunStopped(message, stopped_by=summary.stopped_by)
        if signal is None
        else Interrupted(message, signal=signal)
    )
    stopped.result = result
    raise stopped


def _given(source: object) -> tuple[object, bool]:
    """Give the source as the stages know it, a path as text, and whether it is a frame."""
    return (fspath(source), False) if isinstance(source, str | PathLike) else (source, True)


def _in_keywords(result: RunResult, *, frame: bool) -> RunResult:
    """Give a result all of whose sentences speak of keywords."""
    read = result.read_rows
    return replace(
        result,
        summary=summary_in_keywords(result.summary, frame=frame),
        read_rows=lambda: (row_in_keywords(row, frame=frame) for row in read()),
    )


def _nothing_known(stopped: RunStopped) -> RunResult:
    """Give the result of a run of whose rows nothing can be told, since its ledger is gone."""
    summary = RunSummary(
        command="send",
        exit_code=stopped.exit_code,
        stopped_by=stopped.stopped_by,
        retry=stopped.retry,
        error=str(stopped),
    )
    return RunResult(summary, lambda: iter(()))


def _tried(progress: Callable[[Progress], None], faults: list[Exception]) -> Callable[[Progress], None]:
    """Call a function until it raises, and note what it raised: a run must not end by what only looks on."""

    def tell(state: Progress) -> None:
        if faults:
            return
        try:
            progress(state)
        except Exception as fault:  # noqa: BLE001 - somebody else's code may raise anything
            faults.append(fault)

    return tell


def _hide_key(options: Any) -> None:  # noqa: ANN401 - the keywords of any call
    """Wrap the key as soon as it comes in: a traceback may show what each frame holds."""
    if options.get("api_key") is not None:
        options["api_key"] = Secret(str(options["api_key"]))


def _settings(options: Mapping[str, Any]) -> Settings:
    unknown = [name for name in options if name not in SendOptions.__annotations__]
    if unknown:
        raise TypeError(f"unknown option: {', '.join(unknown)}")
    return resolve(options)
