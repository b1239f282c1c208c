"""The page of one run: live while it is under way, and what became of each row afterwards."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from ordersheet.core.errors import OrdersheetError, UsageError
from ordersheet.core.model import Outcome
from ordersheet.core.stop_switch import RUN_ON, WIND_DOWN
from ordersheet.web import messages
from ordersheet.web.file_page import ANSWERS
from ordersheet.web.forms import attachment, form_of, news, number_of, see, text_of
from ordersheet.web.private import make_private_folder
from ordersheet.web.render import duration, page, plural
from ordersheet.web.run_queue import PREPARING, WAITING
from ordersheet.web.sheet_store import PAGE
from ordersheet.web.uploads import Choices
from ordersheet.web.workers_run import (
    LOOK,
    NewsOfWorkers,
    has_input,
    is_with_workers,
    large_files_of,
    live_of,
    stop_workers,
    write_input,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from ordersheet.core.model import RowResult
    from ordersheet.ledger import RunInfo
    from ordersheet.web.run_queue import Sending
    from ordersheet.web.site import Site
    from ordersheet.web.uploads import Upload

UNFINISHED = (Outcome.NOT_SENT, Outcome.NOT_APPLIED, Outcome.UNCONFIRMED, Outcome.PARTLY_APPLIED)
_MOST_RUNS = 200


@dataclass(frozen=True, slots=True)
class RunRows:
    """A page of a run's rows."""

    rows: tuple[RowResult, ...]
    page: int
    pages: int


class RunPage:
    """Shows runs, whoever started them, and acts on them."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def all(self, request: Request) -> Response:
        """List the runs; those that a search finds."""
        search = request.query_params.get("search", "").strip()
        found = await asyncio.to_thread(self._site.runs)
        shown = [info for info in found if _matches(info, search)]
        return page("runs.html", runs=shown[:_MOST_RUNS], count=len(shown), search=search, total=len(found))

    async def show(self, request: Request) -> Response:
        """Show a run: in line, under way, ended, or killed."""
        name = request.path_params["run"]
        sending = self._site.queue.find(name)
        if sending is not None:
            if sending.run is not None and sending.run != name:
                return see(f"/runs/{sending.run}")
            return page("run_live.html", sending=sending, live=self._live(sending), name=name)
        info = await asyncio.to_thread(self._site.run, name)
        if info is None:
            return self._never_begun(name)
        if is_with_workers(info):
            live = await asyncio.to_thread(live_of, self._site, info)
            return page("run_workers.html", info=info, live=live, file=Path(info.input).name)
        upload = self._site.uploads.of_path(info.input)
        query = request.query_params
        amiss = info.rows - info.ok - info.left_out
        outcome = query.get("outcome", "no" if amiss else "")
        if outcome not in {*Outcome, "no", "ok"}:
            outcome = ""
        rows = await asyncio.to_thread(self._rows, info, outcome, number_of(query.get("page"), 1, least=1))
        said = self._said(upload, info.run)
        undone = [one.run for one in await asyncio.to_thread(self._site.runs) if one.undo_of == info.run]
        return page(
            "run.html",
            info=info,
            upload=upload,
            rows=rows,
            outcome=outcome,
            said=said,
            file=Path(info.input).name,
            unfinished=sum(info.outcomes.get(one.value, 0) for one in UNFINISHED),
            amiss=amiss,
            undone=undone,
            has_input=has_input(info),
            killed=info.state.value == "killed",
            running=info.state.value == "running",
        )

    def _never_begun(self, name: str) -> Response:
        """Tell of a wish to send that came to no run, or send the browser on to its run."""
        upload = self._site.uploads.of_send(name)
        told = upload.sends[name] if upload is not None else self._site.wishes.find(name)
        told = {**told, **self._site.queue.unkept(name)}
        if told.get("run"):
            return see(f"/runs/{told['run']}")
        if upload is None and told:
            told = {"code": "", **told}
            return page("undo_not.html", sentence=told.get("error") or messages.SERVER_ENDED, told=told)
        if upload is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        began = next((one for one in self._site.runs(limit=20) if self._is_of(one, upload, told)), None)
        if began is not None:
            return see(f"/runs/{began.run}")
        error = told.get("error") or messages.SERVER_ENDED
        answer = ANSWERS.get(told.get("code", ""))
        return page("run_not.html", upload=upload, sentence=error, answer=answer)

    def _is_of(self, info: RunInfo, upload: Upload, told: dict[str, Any]) -> bool:
        """Find the run of a server that was killed before it could note the run's id."""
        if told.get("error") or self._site.uploads.of_path(info.input) is None:
            return False
        known = {one.get("run") for one in upload.sends.values()}
        return (
            info.undo_of is None
            and info.input.startswith(str(upload.folder.absolute()))
            and info.run not in known
        )

    def _said(self, upload: Upload | None, run: str) -> str | None:
        sends = upload.sends.values() if upload is not None else ()
        told = next((one for one in sends if one.get("run") == run), {})
        told = {**told, **self._site.queue.unkept(run)}
        return told.get("said") or told.get("error")

    def _rows(self, info: RunInfo, outcome: str, number: int) -> RunRows:
        counts = info.outcomes

        def wanted(one: Outcome) -> bool:
            return outcome in ("", one.value, "ok" if one.ok else "no")

        total = sum(count for name, count in counts.items() if wanted(Outcome(name)))
        # What was left out on purpose went as it was meant to.
        all_wanted = outcome != "no"
        total -= 0 if all_wanted else info.left_out
        with self._site.ledger() as ledger:
            assert ledger is not None
            chosen: Iterator[RowResult] = (
                one
                for one in ledger.results(info.run)
                if wanted(one.outcome) and (all_wanted or not one.left_out)
            )
            rows = tuple(islice(chosen, (number - 1) * PAGE, number * PAGE))
        return RunRows(rows, number, max(1, -(-total // PAGE)))

    def _live(self, sending: Sending) -> dict[str, Any]:
        progress = sending.progress
        pace = sending.pace
        total = progress.total if progress is not None else None
        done = progress.done if progress is not None else 0
        return {
            "state": self._state_words(sending),
            "done": f"{done:,}",
            "total": f"of {total:,}" if total else "",
            "ok": f"{progress.ok:,}" if progress is not None else "0",
            "no": f"{progress.no:,}" if progress is not None else "0",
            "rate": f"{pace[0]:,.1f} rows a second" if pace else "",
            "left": f"about {duration(pace[1])} left" if pace and pace[1] is not None else "",
            "waiting": (progress.waiting or "") if progress is not None else "",
            "share": round(1000 * done / total) if total else 0,
            "stopping": sending.stopping,
        }

    def _state_words(self, sending: Sending) -> str:
        if sending.stopping > WIND_DOWN:
            return "Cutting off; the sheet is still written."
        if sending.stopping > RUN_ON:
            return "Winding down: what is under way may finish."
        if sending.state == WAITING:
            ahead = self._site.queue.ahead_of(sending)
            told = f"Waiting in line: {plural(ahead, 'run goes', 'runs go')} first."
            return told if ahead else "Beginning."
        if sending.state == PREPARING and sending.progress is None:
            read = f" {sending.read:,} rows so far." if sending.read else ""
            return f"Reading the sheet.{read}"
        return "Sending."

    async def events(self, request: Request) -> Response:
        """Tell the browser how far a run has come."""
        name = request.path_params["run"]
        if self._site.queue.find(name) is None:
            info = await asyncio.to_thread(self._site.run, name)
            if info is not None and is_with_workers(info):
                return news(self._site, NewsOfWorkers(self._site, info), every=LOOK)

        def tell() -> dict[str, Any] | None:
            sending = self._site.queue.find(name)
            if sending is None or (sending.run is not None and sending.run != name):
                return None
            return self._live(sending)

        return news(self._site, tell)

    async def stop(self, request: Request) -> Response:
        """Wind a run down; cut it off the second time."""
        name = request.path_params["run"]
        form = await form_of(request)
        sending = self._site.queue.find(name)
        if sending is not None and str(sending.stopping) == (text_of(form, "seen") or "0"):
            self._site.queue.stop(name)
        if sending is None:
            await asyncio.to_thread(stop_workers, self._site, name)
        return see(f"/runs/{name}")

    # ---- files ----

    async def sheet(self, request: Request) -> Response:
        """Give the sheet back with its four columns."""
        info = await info_of(self._site, request)
        if info.state.value == "running":
            raise UsageError("The run is under way. Its sheet is there when it has ended.", code="running")
        written = await asyncio.to_thread(_written, info)
        if written is not None:
            return attachment(written, written.name)
        folder = Path(tempfile.mkdtemp(prefix="sheet-", dir=self._site.folder))
        try:
            path = await asyncio.to_thread(self._rewritten, info, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        answer = attachment(path, path.name)
        answer.background = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return answer

    def _rewritten(self, info: RunInfo, target: Path) -> Path:
        from ordersheet.pipeline.rereport import rewrite_report

        with self._site.ledger() as ledger:
            assert ledger is not None
            place = large_files_of(self._site)
            return rewrite_report(ledger, info.run, target=target, overwrite=True, large_files=place).path

    async def input(self, request: Request) -> Response:
        """Give the input back as it was sent."""
        info = await info_of(self._site, request)
        name = Path(info.input).name
        if info.copy is not None:
            return attachment(info.copy, name)
        if not has_input(info):
            raise UsageError("No copy of this input is kept any more.", code="no-copy")
        folder = Path(tempfile.mkdtemp(prefix="input-", dir=self._site.folder))
        await asyncio.to_thread(write_input, self._site, info, folder / "input")
        answer = attachment(folder / "input", name)
        answer.background = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return answer

    async def take(self, request: Request) -> Response:
        """Take a run's input in as a file of the page, so that it can be looked at and sent again."""
        info = await info_of(self._site, request)
        upload = self._site.uploads.of_path(info.input)
        if upload is None:
            if not has_input(info):
                raise UsageError(
                    "No copy of this input is kept any more. Choose the file again.", code="no-copy"
                )
            upload = await asyncio.to_thread(self._taken, info)
        return see(f"/files/{upload.id}")

    def _taken(self, info: RunInfo) -> Upload:
        choices = Choices(profile=info.profile, sheet=info.sheet, encoding=info.encoding)
        upload = self._site.uploads.new(Path(info.input).name, choices)
        make_private_folder(upload.path.parent)
        if info.copy is not None:
            shutil.copyfile(info.copy, upload.path)
        else:
            write_input(self._site, info, upload.path)
        return self._site.uploads.keep(upload)

    async def resolve(self, request: Request) -> Response:
        """Settle an unconfirmed row, as somebody has seen it in the order."""
        info = await info_of(self._site, request)
        form = await form_of(request)
        row = number_of(text_of(form, "row"), 0)
        if text_of(form, "applied") not in ("yes", "no"):
            raise UsageError('Press "It was applied" or "It was not".', code="bad-form")
        await asyncio.to_thread(self._resolve, info, row, applied=text_of(form, "applied") == "yes")
        return see(f"/runs/{info.run}?outcome={text_of(form, 'outcome') or ''}")

    def _resolve(self, info: RunInfo, row: int, *, applied: bool) -> None:
        from ordersheet.ledger import this_person

        with self._site.ledger(read_only=False) as ledger:
            assert ledger is not None
            ledger.resolve(info.run, row, applied=applied, who=this_person().name)
            upload = self._site.uploads.of_path(info.input)
            if upload is not None and info.report is not None:
                from ordersheet.pipeline.rereport import rewrite_report

                with suppress(OrdersheetError):
                    rewrite_report(
                        ledger,
                        info.run,
                        target=Path(info.report),
                        overwrite=True,
                        large_files=large_files_of(self._site),
                    )
        if upload is not None:
            self._site.looks.refresh(upload.id)


async def info_of(site: Site, request: Request) -> RunInfo:
    """Find the run that an address names.

    Raises:
        HTTPException: 404 where there is none.
    """
    info = await asyncio.to_thread(site.run, request.path_params["run"])
    if info is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return info


def _written(info: RunInfo) -> Path | None:
    """Give the sheet that the run wrote, where it still lies there."""
    path = Path(info.report) if info.report is not None else None
    return path if path is not None and path.is_file() else None


def _matches(info: RunInfo, search: str) -> bool:
    words = search.casefold().split()
    told = f"{info.run} {Path(info.input).name} {info.person} {info.host} {info.profile or ''} {info.state}"
    return all(word in told.casefold() for word in words)
