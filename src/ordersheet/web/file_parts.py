"""What a person decides about a file: columns, how it is read, hidden rows, ticks, cells."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from ordersheet.core.errors import OrdersheetError, UsageError
from ordersheet.loader import open_table
from ordersheet.mapping import id_header_test
from ordersheet.mapping.headers import fold
from ordersheet.reporter.cells import write_cells
from ordersheet.web import messages
from ordersheet.web.file_page import field_of, upload_of
from ordersheet.web.forms import form_of, number_of, see, text_of
from ordersheet.web.page_words import in_page_words
from ordersheet.web.render import page
from ordersheet.web.sheet_store import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import FormData
    from starlette.requests import Request

    from ordersheet.web.look import Look
    from ordersheet.web.site import Site
    from ordersheet.web.uploads import Choices, Upload


class FileParts:
    """Takes each decision, keeps it, and lets the file be looked at anew."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def columns(self, request: Request) -> Response:
        """Choose what columns feed."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        look, _ = self._site.looks.of(upload.id)
        chosen = dict(upload.choices.columns)
        for one in look.columns:
            name = f"field-{one.column}"
            if name not in form or not one.header:
                continue
            field = field_of(text_of(form, name), text_of(form, f"key-{one.column}"))
            if field != one.field:
                if field:
                    chosen = {header: "" if kept == field else kept for header, kept in chosen.items()}
                chosen[one.header] = field
        if order := text_of(form, "order"):
            # Its header row is the first that holds this text.
            chosen = {header: kept for header, kept in chosen.items() if kept != "order"}
            chosen[fold(order)] = "order"
        self._choose(upload, lambda choices: replace(choices, columns=chosen, mapping=None))
        return _done(request, upload, "columns")

    async def reading(self, request: Request) -> Response:
        """Choose sheet, encoding, delimiter or shop."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        asked = {
            name: text_of(form, name) or None for name in ("sheet", "encoding", "delimiter") if name in form
        }

        def change(choices: Choices) -> Choices:
            changed = replace(choices, **asked)  # type: ignore[arg-type]
            return (
                replace(changed, profile=text_of(form, "profile") or None) if "profile" in form else changed
            )

        self._choose(upload, change)
        if "profile" in form:
            self._site.remember_profile(text_of(form, "profile") or None)
        return _done(request, upload, "columns")

    async def save_mapping(self, request: Request) -> Response:
        """Save what each column feeds, under a name."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        look, _ = self._site.looks.of(upload.id)
        name = self._site.mappings.save(text_of(form, "name").strip(), look.columns)
        self._choose(upload, lambda choices: replace(choices, mapping=name))
        return _done(request, upload, "columns")

    async def use_mapping(self, request: Request) -> Response:
        """Use a saved mapping; `""` goes back to what is recognised."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        name = text_of(form, "mapping")
        columns = self._site.mappings.columns_of(name) if name else {}
        self._choose(upload, lambda choices: replace(choices, columns=columns, mapping=name))
        return _done(request, upload, "columns")

    async def hidden(self, request: Request) -> Response:
        """Decide about hidden rows and columns."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        word = text_of(form, "hidden")
        if word not in ("refuse", "skip", "include"):
            raise UsageError('Choose "Leave out" or "Include".', code="bad-form")
        self._choose(upload, lambda choices: replace(choices, hidden=word))
        return _done(request, upload, "rows")

    async def repeats(self, request: Request) -> Response:
        """Decide whether what is done, or was refused, is asked for once more by the next run."""
        upload = upload_of(self._site, request)
        form = await form_of(request)

        def change(choices: Choices) -> Choices:
            asked = {
                name: text_of(form, name) == "yes" if name in form else was
                for name, was in (("again", choices.again), ("retry_no", choices.retry_no))
            }
            return replace(choices, again=asked["again"], retry_no=asked["retry_no"])

        self._choose(upload, change)
        return _done(request, upload, "changes")

    async def ticks(self, request: Request) -> Response:
        """Tick and untick rows: those that the form shows, and of these the ticked ones."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        shown, ticked = _numbers(form, "shown"), _numbers(form, "row")
        self._choose(upload, lambda choices: choices.with_ticks(shown, ticked))
        return _done(request, upload, "rows")

    async def row(self, request: Request) -> Response:
        """Show one row with a field for each cell, all of each text in it."""
        upload = upload_of(self._site, request)
        number = request.path_params["row"]
        look, _ = self._site.looks.of(upload.id)
        found = look.store.row(number) if look.store is not None else None
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        texts = await asyncio.to_thread(_whole_texts, upload, look, number)
        if (column := request.query_params.get("column")) is not None:
            return JSONResponse({"text": texts.get(number_of(column, 0), "")})
        return page(
            "row.html", upload=upload, look=look, row=found, texts=texts, page=found.place // PAGE + 1
        )

    async def cells(self, request: Request) -> Response:
        """Put new texts into cells of the copy that is sent."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        number = number_of(text_of(form, "row"), 0)
        look, _ = self._site.looks.of(upload.id)
        if look.facts is None or look.store is None or look.store.row(number) is None:
            raise UsageError(messages.NOT_THE_TEXT, code="no-such-row")
        old = await asyncio.to_thread(_whole_texts, upload, look, number)
        new: dict[int, str] = {}
        for one in look.columns:
            name = f"cell-{one.column}"
            if name in form:
                typed = text_of(form, name).replace("\r\n", "\n")
                if typed != old.get(one.column, "").replace("\r\n", "\n"):
                    new[one.column] = typed
        if new:
            changed = upload.choices
            for column, text in new.items():
                changed = changed.with_cell(number, column, text)
            await asyncio.to_thread(self._try_cells, upload, look, changed)
            self._choose(upload, lambda choices: replace(choices, edits=changed.edits))
        return _done(request, upload, "rows", number_of(text_of(form, "page"), 1, least=1))

    def _try_cells(self, upload: Upload, look: Look, changed: Choices) -> None:
        """See that the cells can be mended, before it is kept that they are."""
        assert look.facts is not None
        trial = upload.folder / "edited" / f"trial-{upload.name}"
        try:
            texts = {one[:2]: one[2] for one in changed.edits}
            write_cells(upload.path, look.facts, texts, trial)
        finally:
            trial.unlink(missing_ok=True)

    def _choose(self, upload: Upload, change: Callable[[Choices], Choices]) -> None:
        if self._site.queue.of_upload(upload.id) is not None:
            raise UsageError("This file is being sent. Change it when the run has ended.", code="busy")
        self._site.uploads.choose(upload.id, change)
        self._site.looks.of(upload.id)


def _done(request: Request, upload: Upload, part: str, number: int = 1) -> Response:
    """Answer the script with nothing, and a plain form with the page."""
    if request.headers.get("x-requested-with") == "script":
        return Response(status_code=HTTPStatus.NO_CONTENT)
    page_of = number if number > 1 else number_of(request.query_params.get("page"), 1, least=1)
    asked = f"?page={page_of}" if page_of > 1 else ""
    return see(f"/files/{upload.id}{asked}#{part}")


def _numbers(form: FormData, name: str) -> set[int]:
    return {number_of(value, 0) for value in form.getlist(name) if isinstance(value, str)} - {0}


def _whole_texts(upload: Upload, look: Look, number: int) -> dict[int, str]:
    """Give the whole texts of one row; the table keeps only the beginnings of long ones."""
    assert look.store is not None
    shown = look.store.row(number)
    if shown is None:
        return {}
    if all(cell.whole for cell in shown.cells.values()):
        return {column: cell.text for column, cell in shown.cells.items()}
    chosen = upload.choices
    own = {fold(header) for header, field in chosen.columns.items() if field == "order"}
    try:
        table = open_table(
            upload.source,
            is_id_header=(lambda text: fold(text) in own) if own else id_header_test(None),
            sheet=chosen.sheet,
            encoding=chosen.encoding,
            delimiter=chosen.delimiter,
        )
        found = next((row for row in table.rows(None) if row.number == number), None)
    except OrdersheetError as error:
        raise UsageError(in_page_words(str(error)), code=error.code) from error
    return {column: cell.shown for column, cell in found.cells.items()} if found is not None else {}
