"""The page's addresses, and what becomes of what goes wrong there."""

from __future__ import annotations

import sys
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ordersheet.core.errors import OrdersheetError
from ordersheet.web import messages
from ordersheet.web.file_page import FilePage
from ordersheet.web.file_parts import FileParts
from ordersheet.web.page_words import in_page_words
from ordersheet.web.render import page
from ordersheet.web.run_page import RunPage
from ordersheet.web.security import OwnerOnly
from ordersheet.web.start_page import StartPage
from ordersheet.web.undo_page import UndoPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from ordersheet.web.security import PageAccess
    from ordersheet.web.site import Site

_GET, _POST = ["GET"], ["POST"]


def create_app(site: Site, access: PageAccess, touched: Callable[[], None]) -> Starlette:
    """Make the application.

    Args:
        site: what it works with.
        access: who may ask.
        touched: called for each request that is let in.
    """
    start, file, parts, run = StartPage(site), FilePage(site), FileParts(site), RunPage(site)
    undo = UndoPage(site)
    one, its_run = "/files/{id}", "/runs/{run}"
    routes = [
        Route("/", start.start, methods=_GET),
        Route("/setup", start.setup, methods=_POST),
        Route("/practise", start.practise, methods=_POST),
        Route("/sample", start.sample, methods=_POST),
        Route("/settings", start.settings, methods=_GET),
        Route("/settings/try", start.try_shop, methods=_POST),
        Route("/orders", start.order, methods=_GET),
        Route("/files", file.upload, methods=_POST),
        Route(one, file.show, methods=_GET),
        Route(one + "/part/{part}", file.part, methods=_GET),
        Route(one + "/events", file.events, methods=_GET),
        Route(one + "/next", file.next_problem, methods=_GET),
        Route(one + "/input", file.download, methods=_GET),
        Route(one + "/send", file.ask, methods=_GET),
        Route(one + "/send", file.send, methods=_POST),
        Route(one + "/online", file.online, methods=_POST),
        Route(one + "/forget", file.forget, methods=_POST),
        Route(one + "/columns", parts.columns, methods=_POST),
        Route(one + "/reading", parts.reading, methods=_POST),
        Route(one + "/mapping", parts.save_mapping, methods=_POST),
        Route(one + "/mapping/use", parts.use_mapping, methods=_POST),
        Route(one + "/hidden", parts.hidden, methods=_POST),
        Route(one + "/repeats", parts.repeats, methods=_POST),
        Route(one + "/ticks", parts.ticks, methods=_POST),
        Route(one + "/rows/{row:int}", parts.row, methods=_GET),
        Route(one + "/cells", parts.cells, methods=_POST),
        Route("/runs", run.all, methods=_GET),
        Route(its_run, run.show, methods=_GET),
        Route(its_run + "/events", run.events, methods=_GET),
        Route(its_run + "/stop", run.stop, methods=_POST),
        Route(its_run + "/sheet", run.sheet, methods=_GET),
        Route(its_run + "/input", run.input, methods=_GET),
        Route(its_run + "/resolve", run.resolve, methods=_POST),
        Route(its_run + "/undo", undo.ask, methods=_GET),
        Route(its_run + "/undo", undo.undo, methods=_POST),
        Route(its_run + "/take", run.take, methods=_POST),
        Mount("/static", StaticFiles(directory=Path(str(resources.files("ordersheet.web") / "static")))),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(OwnerOnly, access, touched)],
        exception_handlers={OrdersheetError: _refused, HTTPException: _http, Exception: _went_wrong},
    )


def _refused(_request: Request, error: Exception) -> Response:
    return page("sorry.html", HTTPStatus.CONFLICT, sentence=in_page_words(str(error)))


def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {HTTPStatus.NOT_FOUND: messages.NOT_THERE}
    return page(
        "sorry.html", error.status_code, sentence=known.get(HTTPStatus(error.status_code), error.detail)
    )


def _went_wrong(_request: Request, error: Exception) -> Response:
    # Its kind alone: what it says may hold a cell's text.
    print(f"ordersheet web: {type(error).__name__} while answering", file=sys.stderr)  # noqa: T201 - a log line
    return page("sorry.html", HTTPStatus.INTERNAL_SERVER_ERROR, sentence=messages.WENT_WRONG)
