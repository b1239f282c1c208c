"""Check a file without sending: read, map, count, and show what would be sent."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from ordersheet.api import put_body
from ordersheet.config.target import target_of
from ordersheet.core.errors import SourceError
from ordersheet.core.model import RequestCounts, RowPayload
from ordersheet.core.result import RunResult, count, iso
from ordersheet.core.summary import RunSummary
from ordersheet.pipeline.before_sending import new_key_warning
from ordersheet.pipeline.extra_outputs import write_extra_outputs
from ordersheet.pipeline.guard_file import refuse_guard, write_guard
from ordersheet.pipeline.intake import Prepared, Reading, policy_of, prepare, refuse_missing_rows, updates_of
from ordersheet.pipeline.online import Online, look_online
from ordersheet.pipeline.preview import Preview, all_books, preview
from ordersheet.pipeline.preview_file import preview_columns, refuse_preview, write_preview
from ordersheet.reporter.report_path import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ordersheet.config.settings import Settings
    from ordersheet.core.model import RowResult
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.pipeline.intake import Noting
    from ordersheet.reporter import Written


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    prepared: Prepared
    preview: Preview
    result: RunResult
    written: tuple[Written, ...]
    """The files that were asked for: the mapping, the file with its problems, the preview."""
    online: Online | None = None
    """What stands in the orders, where that was asked for."""
    left_out: tuple[RowResult, ...] = ()
    """Every row that is not sent by what the file itself says, those too that are as they should be."""


def check(
    source: object,
    settings: Settings,
    reading: Reading | None = None,
    *,
    looking: Reading | None = None,
    stop: StopSwitch | None = None,
    noting: Noting | None = None,
) -> Checked:
    """Read, map and count a file or frame; where an address is known, count what is already applied too.

    Args:
        source: a path, or a pandas DataFrame.
        settings: every setting, checked.
        reading: entered while the file is read, and told how many rows have been, every thousand.
        looking: entered while orders are read, where they are, and told how many have been.
        stop: how a signal ends that.
        noting: told each problem, those too that are not kept.

    Raises:
        OrdersheetError: where the file, the mapping or a setting stands in the way.
    """
    started = datetime.now(UTC)
    with prepare(source, settings, reading, noting) as prepared:
        refuse_missing_rows(prepared, settings)
        refuse_preview(prepared, settings)
        refuse_guard(prepared, settings)
        seen = _preview(prepared, settings)
        written = tuple(write_extra_outputs(prepared, settings))
        online = None
        if settings.online or settings.preview is not None or settings.guard is not None:
            online = _online(prepared, settings, looking, stop)
            if settings.preview is not None:
                written = (*written, write_preview(prepared, settings, online))
            if settings.guard is not None:
                guarded, notes = write_guard(prepared, settings, online)
                written = (*written, guarded)
                online.warnings = (*online.warnings, *notes)
        left_out = tuple(prepared.staging.left_out_results())
        results = tuple([one for one in left_out if one.status == "no"])
    summary = _summary(prepared, settings, seen, online, left_out, started)
    result = RunResult(
        summary,
        lambda: iter(results),
        prepared.frame,
        partial(_payloads, prepared, settings, summary.sha256),
        extra_columns=preview_columns(prepared, online) if online is not None else None,
    )
    return Checked(prepared, seen, result, written, online, left_out)


def _summary(
    prepared: Prepared,
    settings: Settings,
    seen: Preview,
    online: Online | None,
    left_out: Sequence[RowResult],
    started: datetime,
) -> RunSummary:
    """Give what --json prints of a check."""
    status, outcomes, amiss, _, apart = count(left_out)
    code = 1 if amiss else 0
    return RunSummary(
        command="check",
        batch=settings.batch,
        profile=settings.profile,
        file=str(prepared.path) if prepared.path is not None else None,
        sha256=file_sha256(prepared.path),
        sheet=prepared.table.facts.sheet,
        host=seen.host,
        exit_code=code,
        rows=prepared.tally.rows,
        columns=seen.columns,
        not_sent=seen.not_sent,
        customer_visible=seen.customer_visible,
        folder_settings=settings.of_folder(),
        left_out=apart,
        status={"ok": prepared.tally.rows - status["no"], "no": status["no"]},
        outcomes={**outcomes, **seen.done},
        started=iso(started),
        seconds=round((datetime.now(UTC) - started).total_seconds(), 3),
        problems=tuple(prepared.tally.problems),
        requests=online.requests if online is not None else RequestCounts(),
        changes=online.counts() if online is not None else {},
        error=" ".join(online.warnings) or None if online is not None else None,
    )


def _online(
    prepared: Prepared,
    settings: Settings,
    looking: Reading | None,
    stop: StopSwitch | None,
) -> Online:
    """Read the orders of which something would be sent."""
    policy, target = policy_of(settings), target_of(settings)
    with ExitStack() as stack:
        ledger = None
        if settings.ledger.exists():
            from ordersheet.ledger import Ledger

            opened = stack.enter_context(Ledger.open(settings.ledger, create=False, read_only=True))
            ledger = opened if new_key_warning(opened, target, settings) is None else None
        books = partial(all_books, prepared, ledger, target.store, policy)
        tell = stack.enter_context(looking()) if looking is not None else lambda _orders: None
        return look_online(
            books,
            settings,
            guards=prepared.staging.guarded_updates,
            all_orders=settings.guard is not None,
            tell=lambda progress: tell(progress.done),
            stop=stop,
        )


def _payloads(prepared: Prepared, settings: Settings, sha256: str | None) -> Iterator[RowPayload]:
    """Read the source once more, and give what each row without a problem asks for."""
    if prepared.path is not None and file_sha256(prepared.path) != sha256:
        raise SourceError(
            f"{prepared.path} was changed after the check. Check it again.", code="changed-meanwhile"
        )
    for update in updates_of(prepared, settings):
        body = put_body(update.order, update.operations, xml=False)
        yield RowPayload(update.row, update.order, json.loads(body))


def _preview(prepared: Prepared, settings: Settings) -> Preview:
    policy = policy_of(settings)
    if settings.base_url is None:
        return preview(prepared, None, store="", host=None, policy=policy)
    target = target_of(settings)
    if not settings.ledger.exists():
        return preview(prepared, None, store=target.store, host=target.host, policy=policy)
    from ordersheet.ledger import Ledger

    with Ledger.open(settings.ledger, create=False, read_only=True) as ledger:
        other_key = new_key_warning(ledger, target, settings)
        known = ledger if other_key is None else None
        seen = preview(prepared, known, store=target.store, host=target.host, policy=policy)
    seen.warnings += filter(None, [other_key])
    return seen
