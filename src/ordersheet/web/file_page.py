"""The page of one file: columns, rows, changes, and sending it."""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus
from itertools import islice
from typing import TYPE_CHECKING, Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ordersheet.core.errors import UsageError
from ordersheet.core.model import ATTRIBUTE_PREFIX, column_letters
from ordersheet.mapping.headers import FIELDS, fold
from ordersheet.web import messages
from ordersheet.web.forms import attachment, form_of, news, number_of, see, text_of
from ordersheet.web.render import FIELD_WORDS, page, size, text
from ordersheet.web.sheet_store import PAGE
from ordersheet.web.shown_changes import changes_of_page
from ordersheet.web.uploads import MOST_BYTES, Choices, is_token

if TYPE_CHECKING:
    from starlette.requests import Request

    from ordersheet.web.look import Look, ShownColumn
    from ordersheet.web.site import Site
    from ordersheet.web.uploads import Upload

_BLOCK = 1 << 20
_COLUMNS_AT_ONCE = 24
"""So many columns of the table are shown beside each other."""
_MOST_SELECTS = 200
"""So many columns can be chosen for; a sheet with more has most of them empty."""
_SHOWN_TEXTS, _SHOWN_OF_TEXT = 3, 200
"""So many texts for customers are shown before they are sent, and so many characters of each."""
_HEADER_ROWS, _LONGEST_HEADER, _MOST_HEADERS = 20, 60, 60
"""Headers of order IDs are offered from so many rows, where they are no longer than this, and so many."""
_ENCODINGS = (
    ("utf-8", "UTF-8"),
    ("cp1252", "Windows, western Europe (cp1252)"),
    ("cp1250", "Windows, central Europe (cp1250)"),
    ("cp1251", "Windows, Cyrillic (cp1251)"),
    ("iso-8859-15", "ISO 8859-15"),
    ("cp850", "DOS (cp850)"),
    ("mac-roman", "Mac (mac-roman)"),
    ("utf-16", "UTF-16"),
)
"""What a CSV may be read in by choice; the detector knows many more."""
_SHOWN_OUTCOMES = ("invalid", "nothing to update", "unchanged", "not sent")
"""What rows can be shown apart by, before anything is sent."""
_TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", "")
_PATIENCE_SECONDS, _LOOK_SECONDS = 5.0, 0.05
HIDDEN_CODES = ("hidden-rows", "hidden-columns")
ANSWERS = {
    "new-key": ("same_store", "It is the same shop"),
    "unknown-report": ("trust_report", "Leave those that nobody changed"),
    "unmarked-report": ("trust_all", "Leave all of them"),
    "same-file": ("same_file", "Send it all the same"),
}
"""What a person may answer where a run asks before it begins, by the refusal's word."""
_FLAGS: dict[str, dict[str, object]] = {
    "same_store": {"same_store": True},
    "trust_report": {"trust_report": "unchanged"},
    "trust_all": {"trust_report": "all"},
    "same_file": {"same_file": True},
}


class FilePage:
    """Uploads a file, shows it, and sends it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def upload(self, request: Request) -> Response:
        """Take a file in, and show it."""
        length = request.headers.get("content-length")
        if length is None or not length.isdecimal():
            raise HTTPException(HTTPStatus.LENGTH_REQUIRED, messages.NO_LENGTH)
        if int(length) > MOST_BYTES:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, messages.TOO_LARGE.format(limit=size(MOST_BYTES))
            )
        try:
            form = await request.form(max_files=1, max_fields=10)
        except OSError as error:
            raise UsageError(messages.DISK_FULL.format(reason=error.strerror), code="disk-full") from error
        try:
            told = form.get("file")
            if not isinstance(told, UploadFile) or not told.filename:
                raise UsageError(messages.NO_FILE_CHOSEN, code="no-file")
            profile = text_of(form, "profile") or None
            upload = await asyncio.to_thread(self._keep, told, profile)
        finally:
            await form.close()
        return see(f"/files/{upload.id}")

    def _keep(self, told: UploadFile, profile: str | None) -> Upload:
        upload = self._site.uploads.new(told.filename or "", Choices(profile=profile))
        try:
            upload.path.touch(mode=0o600)
            with upload.path.open("wb") as out:
                while block := told.file.read(_BLOCK):
                    out.write(block)
            kept = self._site.uploads.keep(upload)
        except OSError as error:
            self._site.uploads.forget(upload)
            raise UsageError(messages.DISK_FULL.format(reason=error.strerror), code="disk-full") from error
        self._site.remember_profile(profile)
        self._site.looks.of(kept.id)
        return kept

    async def show(self, request: Request) -> Response:
        """Show a file, as far as it is known by now."""
        upload = upload_of(self._site, request)
        if self._site.queue.of_upload(upload.id) is None:
            await asyncio.to_thread(self._site.looks.freshen, upload.id)
        look, version = self._site.looks.of(upload.id)
        parts = {name: self._part(name, upload, look, request) for name in ("columns", "rows", "changes")}
        return page(
            "file.html", upload=upload, look=look, version=version, parts=parts, **self._common(upload)
        )

    async def part(self, request: Request) -> Response:
        """Give one part of the page, for the script."""
        upload = upload_of(self._site, request)
        look, _ = self._site.looks.of(upload.id)
        name = request.path_params["part"]
        if name not in ("columns", "rows", "changes"):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return page("bare.html", content=self._part(name, upload, look, request))

    def _common(self, upload: Upload) -> dict[str, Any]:
        shop = self._site.shop(upload.choices.profile)
        return {"shop": shop, "shops": self._site.shops()}

    def _part(self, name: str, upload: Upload, look: Look, request: Request) -> str:
        if name == "columns":
            facts: dict[str, Any] = {
                "fields": [(one, FIELD_WORDS[one]) for one in FIELDS],
                "columns": look.columns[:_MOST_SELECTS],
                "more": max(0, len(look.columns) - _MOST_SELECTS),
                "mappings": self._site.mappings.names(),
                "heads": _header_choices(look),
                "encodings": _ENCODINGS,
                "as_text": _is_text(upload, look),
            }
        elif name == "rows":
            facts = self._rows(upload, look, request)
        else:
            facts = {"shop": self._site.shop(upload.choices.profile), **changes_of_page(look, request)}
        shown = {"upload": upload, "look": look, "hidden_codes": HIDDEN_CODES, **facts}
        return text(f"part_{name}.html", **shown)

    def _rows(self, upload: Upload, look: Look, request: Request) -> dict[str, Any]:
        query = request.query_params
        outcome = query.get("show") if query.get("show") in _SHOWN_OUTCOMES else None
        kind = query.get("kind") or None
        first = number_of(query.get("column"), 0)
        window = _window(look.columns, first)
        number = number_of(query.get("page"), 1, least=1)
        store = look.store
        rows = store.page(number, outcome, kind) if store is not None else []
        total = self._count(look, outcome) if kind is None or store is None else store.count_of(kind)
        return {
            "rows": rows,
            "window": window,
            "first": first,
            "at_once": _COLUMNS_AT_ONCE,
            "page": number,
            "pages": max(1, -(-total // PAGE)),
            "outcome": outcome,
            "kind": kind,
            "kind_rows": total,
            "at": number_of(query.get("at"), 0),
            "unticked": frozenset(upload.choices.unticked),
            "edited": {one[:2] for one in upload.choices.edits},
        }

    def _count(self, look: Look, outcome: str | None) -> int:
        if outcome is None or look.found is None:
            return look.store.rows if look.store is not None else 0
        seen = look.found.preview
        counts = (seen.problems, seen.nothing, seen.unchanged, seen.left_apart)
        return dict(zip(_SHOWN_OUTCOMES, counts, strict=True))[outcome]

    async def online(self, request: Request) -> Response:
        """Read the orders, and show old and new."""
        upload = upload_of(self._site, request)
        self._site.looks.read_orders(upload.id)
        if request.headers.get("x-requested-with") == "script":
            return Response(status_code=HTTPStatus.NO_CONTENT)
        return see(f"/files/{upload.id}#changes")

    async def events(self, request: Request) -> Response:
        """Tell the browser whenever a part of the page can say more."""
        upload = upload_of(self._site, request)

        def tell() -> dict[str, Any] | None:
            if self._site.uploads.find(upload.id) is None:
                return None
            look, version = self._site.looks.of(upload.id)
            return {"version": version, "stage": look.stage, "read": look.read}

        return news(self._site, tell)

    async def next_problem(self, request: Request) -> Response:
        """Jump to the next row with a problem."""
        upload = upload_of(self._site, request)
        look, _ = self._site.looks.of(upload.id)
        after = number_of(request.query_params.get("after"), 0)
        found = look.store.next_problem(after) if look.store is not None else None
        if found is None:
            return see(f"/files/{upload.id}#rows")
        place, row = found
        return see(f"/files/{upload.id}?page={place // PAGE + 1}&at={row}#row-{row}")

    async def download(self, request: Request) -> Response:
        """Give the file back as it came."""
        upload = upload_of(self._site, request)
        return attachment(upload.path, upload.name)

    async def forget(self, request: Request) -> Response:
        """Remove a file and what was made of it, unless it is being sent."""
        upload = upload_of(self._site, request)
        if self._site.queue.of_upload(upload.id) is not None:
            raise UsageError("This file is being sent. Stop the run first.", code="busy")
        self._site.looks.forget(upload.id)
        self._site.uploads.forget(upload)
        return see("/")

    # ---- sending ----

    async def ask(self, request: Request) -> Response:
        """Ask once more before anything is sent; a part of the page, or a page of its own without script."""
        upload = upload_of(self._site, request)
        look = await self._settled(upload)
        template = "send_dialog.html" if request.query_params.get("bare") else "send.html"
        shop = self._site.shop(upload.choices.profile)
        token = secrets.token_hex(8)
        answer = request.query_params.get("with", "")
        return page(
            template,
            upload=upload,
            look=look,
            shop=shop,
            token=token,
            answer=answer if answer in _FLAGS else "",
            seen_texts=_texts_for_customers(look),
        )

    async def _settled(self, upload: Upload) -> Look:
        """Give the look at a file as it was chosen last, once all is known; as far as it is after a while."""
        for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
            look, _version = self._site.looks.of(upload.id)
            if look.done and not self._site.looks.stale(upload.id):
                return look
            await asyncio.sleep(_LOOK_SECONDS)
        return self._site.looks.of(upload.id)[0]

    async def send(self, request: Request) -> Response:
        """Put the file in line; the same form sends it once, however often it is posted."""
        upload = upload_of(self._site, request)
        form = await form_of(request)
        token = text_of(form, "once")
        if not is_token(token):
            raise UsageError("This form is not of this page. Go back, and press Send again.", code="bad-form")
        flags: dict[str, object] = {}
        for name, chosen in _FLAGS.items():
            if text_of(form, name):
                flags |= chosen
        if token not in upload.sends:
            look = await self._settled(upload)
            if not look.ready and not flags:
                raise UsageError(look.error or messages.NOTHING_TO_SEND, code="not-ready")
            await asyncio.to_thread(self._site.queue.submit, upload, token, flags)
        return see(f"/runs/{token}")


def upload_of(site: Site, request: Request) -> Upload:
    """Find the file that an address names.

    Raises:
        HTTPException: 404 where there is none.
    """
    upload = site.uploads.find(request.path_params["id"])
    if upload is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return upload


def _is_text(upload: Upload, look: Look) -> bool:
    """Tell whether encoding and delimiter can be chosen: of a CSV, and of what may be one and is refused."""
    if upload.choices.encoding or upload.choices.delimiter:
        return True
    if look.facts is not None:
        return look.facts.form == "csv"
    return bool(look.error) and upload.path.suffix.lower() in _TEXT_SUFFIXES


def _texts_for_customers(look: Look) -> list[str]:
    """Give the first few texts that customers would see, so that they are read once more before they go."""
    column = next((one.column for one in look.columns if one.for_customers), None)
    if column is None or look.store is None:
        return []
    rows = (row for row in look.store.page(1) if row.message is None)
    texts = (row.cells[column].text.strip() for row in rows if column in row.cells)
    return [text[:_SHOWN_OF_TEXT] for text in islice(filter(None, texts), _SHOWN_TEXTS)]


def _header_choices(look: Look) -> list[tuple[str, str]]:
    """Offer other headers of the order IDs: texts below the header row that stand nowhere above.

    The row of the chosen one becomes the header row. Each is given with its cell's address.
    """
    if look.store is None:
        return [(text, "") for text in look.candidates]
    known = {fold(one.header) for one in look.columns}
    found: list[tuple[str, str]] = []
    for row in look.store.page(1)[:_HEADER_ROWS]:
        for column, cell in sorted(row.cells.items()):
            text = " ".join(cell.text.split())
            if len(text) > _LONGEST_HEADER or fold(text) in known or not any(map(str.isalpha, text)):
                continue
            known.add(fold(text))
            found.append((text, f"{column_letters(column)}{row.number}"))
    return found[:_MOST_HEADERS]


def _window(columns: tuple[ShownColumn, ...], first: int) -> tuple[ShownColumn, ...]:
    """Give the columns that are shown: the order's always, then the next few."""
    shown = columns[first : first + _COLUMNS_AT_ONCE]
    order = tuple(one for one in columns if one.field == "order" and one not in shown)
    return (*order, *shown)


def field_of(chosen: str, key: str) -> str:
    """Give the field that a form names.

    Raises:
        UsageError: it is none.
    """
    from ordersheet.mapping.headers import key_fault

    if chosen in ("", *FIELDS):
        return chosen
    if chosen != "attribute":
        raise UsageError(messages.UNKNOWN_FIELD.format(text=chosen), code="unknown-field")
    fault = key_fault(key.strip())
    if not key.strip() or fault is not None:
        raise UsageError(fault or "Give the attribute a key, such as erp_reference.", code="bad-key")
    return ATTRIBUTE_PREFIX + key.strip()
