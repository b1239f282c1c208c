"""What browsers send: forms, files, and streams of news back to them."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, StreamingResponse

from ordersheet.web import messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.datastructures import FormData
    from starlette.requests import Request

    from ordersheet.web.site import Site

_MOST_FIELDS = 40_000
"""Of a form: sixteen thousand columns, or the ticks of a page, and then some."""
_FORM_BYTES = 4 * 2**20
_DIGITS = 9
"""Of any number in a page."""
_NEWS_SECONDS = 0.25
_ALIVE_SECONDS = 15.0


async def form_of(request: Request) -> FormData:
    """Read a form without files.

    Raises:
        HTTPException: 413 where it is larger than any of the page.
    """
    if int(request.headers.get("content-length") or _FORM_BYTES + 1) > _FORM_BYTES:
        raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, messages.FORM_TOO_LARGE)
    return await request.form(max_files=0, max_fields=_MOST_FIELDS)


def text_of(form: FormData, name: str) -> str:
    """Give a field of a form as a text; `""` where it is not there."""
    value = form.get(name)
    return value if isinstance(value, str) else ""


def number_of(text: str | None, default: int, least: int = 0) -> int:
    """Read a number of an address or a form; what is none is the default."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        return default
    return max(int(text), least)


def see(address: str) -> RedirectResponse:
    """Send the browser to a page with GET, so that a reload posts nothing again."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def attachment(path: Path, name: str) -> FileResponse:
    """Give a file to be saved, never to be shown."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    said = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return FileResponse(path, media_type="application/octet-stream", headers={"content-disposition": said})


def news(
    site: Site, tell: Callable[[], dict[str, Any] | None], *, every: float | None = None
) -> StreamingResponse:
    """Tell a browser whenever something has changed, until there is nothing more to tell.

    Args:
        site: its end ends the stream.
        tell: gives what to show; None ends it, and the browser looks at the page anew.
        every: seconds between two calls where each takes its time; it is then called in a thread.
    """
    pause = _NEWS_SECONDS if every is None else every

    async def stream() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        told: dict[str, Any] | None = {}
        quiet = 0.0
        while not site.closing.is_set():
            now = tell() if every is None else await asyncio.to_thread(tell)
            if now is None:
                yield "event: end\ndata: {}\n\n"
                return
            if now != told:
                told, quiet = now, 0.0
                yield f"data: {json.dumps(now, ensure_ascii=False)}\n\n"
            elif quiet >= _ALIVE_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(pause)
            quiet += pause

    return StreamingResponse(stream(), media_type="text/event-stream")
