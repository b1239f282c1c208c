"""Undoing a run: what it would put back is shown first, in the dialog that asks."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError
from ordersheet.web.forms import form_of, see, text_of
from ordersheet.web.render import page
from ordersheet.web.run_page import info_of
from ordersheet.web.uploads import is_token

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ordersheet.web.site import Site


class UndoPage:
    """Shows what an undo would put back, asks, and undoes."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def ask(self, request: Request) -> Response:
        """Show the three buckets, as soon as the orders have been read; a part of the page, or a page."""
        info = await info_of(self._site, request)
        look = self._site.undo_looks.of(info)
        template = "undo_dialog.html" if request.query_params.get("bare") else "undo.html"
        same_store = request.query_params.get("with") == "same_store"
        token = secrets.token_hex(8)
        return page(template, info=info, look=look, seen=look.seen, token=token, same_store=same_store)

    async def undo(self, request: Request) -> Response:
        """Put the undo in line; the same form undoes once, however often it is posted."""
        info = await info_of(self._site, request)
        form = await form_of(request)
        token = text_of(form, "once")
        if not is_token(token):
            raise UsageError("This form is not of this page. Go back, and press Undo again.", code="bad-form")
        upload = self._site.uploads.of_path(info.input)
        flags = {"same_store": True} if text_of(form, "same_store") else {}
        await asyncio.to_thread(self._site.queue.undo, info, upload, token, flags)
        return see(f"/runs/{token}")
