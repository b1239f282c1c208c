"""check and send for a file behind a URL: it is fetched, and its report is put beside it or elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import SourceError, UsageError
from ordersheet.core.file_place import shown_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ordersheet.core.result import RunResult


def is_url(text: object) -> bool:
    """Tell whether a file is named by a URL."""
    return isinstance(text, str) and "://" in text


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file as the command works on it.

    Attributes:
        path: where it lies on this computer.
        flags: the call's options, the report's place among them.
        shown: what the file is called, without a password.
        report_url: the folder that the report is put into; None where it stays on this computer.
    """

    path: Path
    flags: Mapping[str, Any]
    shown: str
    report_url: str | None = None

    def named(self, result: RunResult) -> RunResult:
        """Give a result that names the file as the call did."""
        return replace(result, summary=replace(result.summary, file=self.shown))

    def put_report(self, result: RunResult, say: Callable[[str], None]) -> RunResult:
        """Put the report where it belongs, and give the result that names that place.

        Where it cannot be put there, it stays on this computer, and that is said: what was sent is sent.
        """
        from ordersheet.jobs.sources import SourceGone
        from ordersheet.jobs.sources.single_file import put_url

        result = self.named(result)
        if result.report is None or self.report_url is None:
            return result
        try:
            say(f"The report lies at {put_url(result.report, self.report_url)}.")
        except SourceGone as gone:
            say(f"The report could not be put beside the file: {gone} It is kept on this computer.")
        return result


@contextmanager
def fetched(file: str, flags: Mapping[str, Any]) -> Iterator[Fetched]:
    """Give a file as it lies on this computer, for as long as the command works on it.

    Args:
        file: a path, or a URL.
        flags: the call's options.

    Raises:
        SourceError: a file behind a URL cannot be had.
        UsageError: the report is to be one file behind a URL.
    """
    report = flags.get("report")
    if not is_url(file) and not is_url(report):
        yield Fetched(Path(file), flags, file)
        return
    from ordersheet.jobs.sources import SourceGone
    from ordersheet.jobs.sources.single_file import fetch_url, folder_of
    from ordersheet.jobs.temporary import temporary_folder

    report_url = report if is_url(report) else folder_of(file) if report is None else None
    if is_url(report) and Path(str(report)).suffix:
        raise UsageError("--report with a URL names a folder; the report's name is its run's.", code="usage")
    local = {**flags, "report": None if report_url is not None else report}
    if not is_url(file):
        yield Fetched(Path(file), local, file, report_url)
        return
    with temporary_folder("ordersheet-url-") as folder:
        try:
            path = fetch_url(file, folder, flags.get("ca_bundle"))
        except SourceGone as gone:
            raise SourceError(str(gone), code="unreachable") from gone
        # Beside a copy that is removed, a report would be lost.
        yield Fetched(path, local, shown_url(file), report_url)
