"""A run that workers send, as the page sees it in the shared ledger: how far it is, its stop, its input."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import OrdersheetError, UsageError
from ordersheet.core.ledger_url import LedgerUrl
from ordersheet.web.page_words import in_page_words
from ordersheet.web.render import duration, plural

if TYPE_CHECKING:
    from pathlib import Path

    from ordersheet.core.file_place import FilePlace
    from ordersheet.ledger import RunInfo
    from ordersheet.ledger.waiting import SubmissionState
    from ordersheet.web.site import Site

LOOK = 1.0
"""Seconds between two looks at the ledger while somebody has the run's page open."""


def is_with_workers(info: RunInfo) -> bool:
    """Tell whether workers still send a run."""
    return info.submitted and info.finished is None


def has_input(info: RunInfo) -> bool:
    """Tell whether the input can be had: from a copy here, or from the ledger that workers have it from."""
    return info.copy is not None or (info.submitted and info.purged is None)


def write_input(site: Site, info: RunInfo, path: Path) -> None:
    """Write the input of a submitted run, as it was kept.

    Raises:
        OrdersheetError: it cannot be had.
    """
    from ordersheet.pipeline.kept_input import InputGone, write_kept_input

    with site.ledger() as ledger:
        assert ledger is not None
        try:
            write_kept_input(ledger, info, path, large_files_of(site))
        except InputGone as gone:
            raise UsageError(f"{gone} Choose the file again.", code="no-copy") from gone


def large_files_of(site: Site) -> FilePlace | None:
    """Give the place for large files, as the page's settings have it."""
    return site.settings({"profile": None}).large_files


def live_of(site: Site, info: RunInfo) -> dict[str, Any]:
    """Tell how far workers have come with a run."""
    with site.ledger() as ledger:
        assert ledger is not None
        state = ledger.submissions().state(info.run)
    whole = sum(state.chunks.values())
    ended = whole - state.chunks.get("waiting", 0) - state.chunks.get("taken", 0)
    seconds = (datetime.now(UTC) - info.started).total_seconds()
    return {
        "state": _state_words(state),
        "done": f"{ended:,}",
        "total": f"of {plural(whole, 'part')}",
        "ok": f"{info.ok:,}",
        "no": f"{info.rows - info.ok - info.left_out:,}",
        "left": f"about {duration(seconds / ended * (whole - ended))} left" if ended else "",
        "share": round(1000 * ended / whole) if whole else 0,
        "stopping": int(state.stopped),
    }


def _state_words(state: SubmissionState) -> str:
    if state.stopped:
        return "Winding down: what is under way may finish."
    if state.chunks.get("taken"):
        return "Workers are sending it."
    return "Waiting until a worker takes it."


class NewsOfWorkers:
    """Tells how far a run is, until it has ended.

    Args:
        site: its ledger is asked.
        info: the run.
    """

    def __init__(self, site: Site, info: RunInfo) -> None:
        self._site = site
        self._run = info.run
        self._told: dict[str, Any] = {}

    def __call__(self) -> dict[str, Any] | None:
        """Give what to show; None where the run has ended."""
        try:
            info = self._site.run(self._run)
            if info is None or not is_with_workers(info):
                return None
            self._told = live_of(self._site, info)
        except OrdersheetError as error:
            # The workers go on; the page asks again.
            return {**self._told, "state": in_page_words(str(error))} if self._told else None
        return self._told


def stop_workers(site: Site, name: str) -> None:
    """End a run on all machines, where workers still send it."""
    from ordersheet.team.follow import stop_run

    info = site.run(name)
    settings = site.settings({"profile": None})
    if info is None or not is_with_workers(info) or not isinstance(settings.ledger, LedgerUrl):
        return
    try:
        stop_run(settings.ledger, name, settings.grace)
    except UsageError as error:
        if error.code != "ended":
            raise
