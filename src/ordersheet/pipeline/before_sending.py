"""What stands between a file and its first byte: yesterday's file, another shop, an earlier report.

Each either passes, refuses with exit 2, or asks. Nothing has been sent yet.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError
from ordersheet.core.fingerprint import fingerprint
from ordersheet.core.model import LeftOut, Outcome, RequestCounts
from ordersheet.pipeline.guards import refuse_unshown_guards
from ordersheet.pipeline.intake import policy_of
from ordersheet.pipeline.preview import preview
from ordersheet.reporter.report_path import file_sha256, report_path_chooser

if TYPE_CHECKING:
    from collections.abc import Callable

    from ordersheet.config.settings import Settings
    from ordersheet.config.target import Target
    from ordersheet.core.model import OrderUpdate
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.ledger import Ledger
    from ordersheet.pipeline.intake import Prepared
    from ordersheet.pipeline.preview import Preview
    from ordersheet.pipeline.staging import CalledOk

_NAMED_ROWS = 10


def sha256_before(source: object) -> str | None:
    """Give what the file is before its first pass; None where it cannot be read, as that pass tells."""
    if isinstance(source, str | Path):
        with suppress(OSError):
            return file_sha256(Path(source)) if Path(source).is_file() else None
    return None


def refuse_many_problems(prepared: Prepared, settings: Settings) -> None:
    """Refuse a file with more problems than --max-no allows.

    Raises:
        UsageError: where it has.
    """
    tally = prepared.tally
    if settings.max_no is not None and settings.max_no.exceeded(tally.invalid, tally.rows):
        raise UsageError(
            f"{tally.invalid:,} of {tally.rows:,} rows have problems, more than --max-no {settings.max_no} "
            "allows. See them with: ordersheet check",
            code="too-many-problems",
        )


def refuse_same_file(ledger: Ledger, target: Target, settings: Settings, sha256: str | None) -> None:
    """Refuse the very bytes that were sent before under another batch: most likely yesterday's file.

    Raises:
        UsageError: where an earlier run at this store sent something of them, none of it in this batch, and
            nobody said --same-file.
    """
    if settings.batch is None or settings.same_file or sha256 is None:
        return
    earlier = ledger.sent_before(target.store, sha256)
    if not earlier or any(one.batch == settings.batch for one in earlier):
        return
    last = next((one for one in earlier if one.unfinished), earlier[0])
    batch = f"in batch {last.batch}" if last.batch is not None else "without a batch"
    on = f"{last.started:%Y-%m-%d %H:%M} UTC"
    goes_on = f"under its own batch, {last.batch}" if last.batch is not None else "without a batch"
    unfinished = f" That run is not finished: it goes on {goes_on}." if last.unfinished else ""
    raise UsageError(
        f"These very bytes were sent before, {batch} (run {last.run}, {on}), so this may be yesterday's "
        f"file.{unfinished} If the same texts are meant again in batch {settings.batch}, "
        "add --same-file.",
        code="same-file",
    )


def settle_new_key(
    ledger: Ledger, target: Target, settings: Settings, confirm: Callable[[str], bool] | None
) -> bool:
    """Find out whether a key that is new at a known address belongs to the same shop.

    Args:
        ledger: what was done before.
        target: where the updates go.
        settings: with the key.
        confirm: asks a person a question that is answered by yes or no; None where nobody can be asked.

    Returns:
        Whether somebody said so now, which the ledger then remembers.

    Raises:
        UsageError: where it is another shop, or nobody can be asked.
    """
    if settings.store is not None or settings.api_key is None:
        return False
    if not ledger.key_is_new(target.store, ledger.key_print(settings.api_key.reveal())):
        return False
    if settings.same_store:
        return True
    found = f"The API key is another than those that earlier runs used at {target.host}."
    other = (
        "For another shop behind the same address, give each profile a store name of its own "
        '(store = "name" in ordersheet.toml)'
    )
    if confirm is None:
        raise UsageError(
            f"{found} If it is the same shop, add --same-store once. {other}.",
            code="new-key",
        )
    if not confirm(f"{found} Is it the same shop?"):
        raise UsageError(f"{other}, then send again.", code="declined")
    return True


def new_key_warning(ledger: Ledger, target: Target, settings: Settings) -> str | None:
    """Say, before a check counts, that the key is new at a known address; None where it is not."""
    try:
        settle_new_key(ledger, target, settings, None)
    except UsageError:
        return (
            f"The API key is another than those that earlier runs used at {target.host}, so what they did is "
            "not counted here: it may be another shop. send asks."
        )
    return None


def settle_called_ok(prepared: Prepared, seen: Preview, settings: Settings) -> bool:
    """Decide about the rows that an earlier report calls ok and this ledger does not know.

    Those that are left as the report has them leave the file; those that somebody changed since are noted,
    and stay in it.

    Returns:
        Whether rows were left out, so that the preview is to be made anew.

    Raises:
        UsageError: where neither --trust-report nor --again decides.
    """
    if not seen.unknown_ok or settings.again:
        return False
    if settings.trust_report is None:
        raise UsageError(
            f"This file is a report that calls {len(seen.unknown_ok):,} rows ok which the ledger "
            "does not know; sending them would add their texts again. Add --trust-report "
            "to leave those as they are that nobody changed since, or --again if they are meant once more.",
            code="unknown-report",
        )
    unmarked, trusted = [], []
    for update, said in prepared.staging.called_ok():
        if update.row not in seen.unknown_ok:
            continue
        if said.mark is not None and said.mark.fingerprint != fingerprint(update):
            prepared.tally.edited_ok.append(update.row)
        elif said.mark is None and settings.trust_report != "all":
            unmarked.append(update.row)
        else:
            trusted.append(_as_reported(update, said))
            prepared.tally.operations.subtract(one.kind.value for one in update.operations)
            prepared.tally.customer_visible -= sum(one.for_customers for one in update.operations)
    if unmarked:
        raise UsageError(
            f"This report calls {len(unmarked):,} rows ok that have no fingerprint at the end of their "
            f"message ({rows_in_words(unmarked)}), so whether somebody changed them since cannot be told: "
            "version 0.1.0 wrote it, or the message was changed. Where you know that "
            "nobody changed them, add --trust-report all.",
            code="unmarked-report",
        )
    for row in trusted:
        prepared.staging.leave_out(row)
    return bool(trusted)


@dataclass(frozen=True, slots=True)
class SettledBefore:
    """What was settled before a person is asked."""

    seen: Preview
    """What would be done."""
    same_store: bool
    """Somebody said now that a new key belongs to the same shop."""
    asked: RequestCounts
    """Requests that this took."""
    edited: str | None
    """What to say of rows that were changed after a report called them ok."""


def settle_before_sending(
    prepared: Prepared,
    ledger: Ledger,
    target: Target,
    settings: Settings,
    *,
    sha256: str | None,
    confirm: Callable[[str], bool] | None,
    stop: StopSwitch | None,
) -> SettledBefore:
    """Settle whatever stands between a file and its first byte, and see what would be done.

    Args:
        prepared: the file, read to its end once.
        ledger: what was done before.
        target: where it goes.
        settings: every setting.
        sha256: of the file's bytes.
        confirm: asks a question that is answered by yes or no; None where nobody can be asked.
        stop: ends the look at the orders that guards need.

    Raises:
        OrdersheetError: it is not to be sent as it stands.
    """
    refuse_same_file(ledger, target, settings, sha256)
    same_store = settle_new_key(ledger, target, settings, confirm)
    look = partial(
        preview, prepared, ledger, store=target.store, host=target.host, policy=policy_of(settings)
    )
    seen = look()
    if settle_called_ok(prepared, seen, settings):
        seen = look()
    asked = RequestCounts()
    if seen.to_send and prepared.column_map.guards:
        asked = refuse_unshown_guards(prepared, settings, stop=stop)
    edited = edited_in_words(prepared.tally.edited_ok)
    seen.warnings += filter(None, [edited])
    return SettledBefore(seen, same_store, asked, edited)


def _as_reported(update: OrderUpdate, said: CalledOk) -> LeftOut:
    """Leave a row as the report has it, with its first time and run."""
    by = f"run {said.mark.run} of another ledger" if said.mark is not None else "an earlier run"
    message = f"Done by {by}, as the report that was handed in says; --trust-report leaves it so."
    if said.mark is not None:
        message += f" {said.mark}"
    return LeftOut(update.row, Outcome.ALREADY_APPLIED, message, str(update.order), time=said.time)


def edited_in_words(rows: list[int]) -> str | None:
    """Name the rows of a trusted report that somebody changed since; None where there are none."""
    if not rows:
        return None
    what = "1 row" if len(rows) == 1 else f"{len(rows):,} rows"
    return (
        f"{what} that the report calls ok, changed since it was written ({rows_in_words(rows)}): sent like "
        "any other row."
    )


def rows_in_words(rows: list[int]) -> str:
    """Name the first few rows."""
    shown = ", ".join(str(row) for row in sorted(rows)[:_NAMED_ROWS])
    more = f" and {len(rows) - _NAMED_ROWS:,} more" if len(rows) > _NAMED_ROWS else ""
    return f"{'row' if len(rows) == 1 else 'rows'} {shown}{more}"


def report_place(prepared: Prepared, settings: Settings) -> Callable[[str], Path] | None:
    """Find out where the report goes; a frame has one only where it is asked for."""
    if prepared.path is None and settings.report is None:
        return None
    named = prepared.path or Path("frame.xlsx")
    form = prepared.table.facts.form
    return report_path_chooser(
        named, form, settings.report, source=prepared.path, overwrite=settings.overwrite
    )
