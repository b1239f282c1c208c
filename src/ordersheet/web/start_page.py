"""The first page, setup, settings, and the history of one order."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordersheet.config.api_key import save_key
from ordersheet.config.profiles import check_free, check_name, write_profile
from ordersheet.config.settings import user_file
from ordersheet.core.errors import OrdersheetError, SettingsError, UsageError
from ordersheet.core.secret import Secret
from ordersheet.setup.checklist import CHECKLIST
from ordersheet.web.forms import form_of, see, text_of
from ordersheet.web.page_words import in_page_words
from ordersheet.web.render import page
from ordersheet.web.uploads import Choices

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ordersheet.api import ListedOrder
    from ordersheet.core.model import JsonValue
    from ordersheet.ledger import OperationInfo
    from ordersheet.setup.probe import Probe
    from ordersheet.web.site import Shop, Site

_LAST_RUNS = 8
_ID_DIGITS = 18
"""Of an order's ID, so that a ledger can hold it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What was typed into the setup form, the key apart, and what became of it."""

    name: str = "default"
    address: str = ""
    sentence: str = ""


class StartPage:
    """What a person sees first, and what there is to set."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def start(self, _request: Request) -> Response:
        """Show the drop zone; the setup form where nothing can be sent yet."""
        return await self._start(Tried())

    async def _start(self, tried: Tried, status: int = 200) -> Response:
        shops = await asyncio.to_thread(self._site.shops)
        default = await asyncio.to_thread(self._site.shop, None)
        last = self._site.last_profile
        try:
            runs = await asyncio.to_thread(self._site.runs, _LAST_RUNS)
            trouble = ""
        except OrdersheetError as error:
            runs, trouble = [], in_page_words(str(error))
        return page(
            "start.html",
            status,
            shops=shops,
            chosen=last if any(one.profile == last for one in shops) else None,
            default=default,
            runs=runs,
            trouble=trouble,
            tried=tried,
            checklist=checklist(),
            practising=any(one.profile == "sandbox" for one in shops),
            uploads=list(self._site.uploads.all())[:_LAST_RUNS],
        )

    async def setup(self, request: Request) -> Response:
        """Try an address and a key, and keep them where they work."""
        form = await form_of(request)
        tried = Tried(text_of(form, "name").strip() or "default", text_of(form, "address").strip())
        try:
            probe = await asyncio.to_thread(self._set_up, tried, text_of(form, "key").strip())
        except OrdersheetError as error:
            return await self._start(_with(tried, in_page_words(str(error))), 409)
        if not probe.usable:
            said = f"{in_page_words(probe.sentence)} Nothing was saved."
            return await self._start(_with(tried, said), 409)
        self._site.remember_profile(tried.name)
        return see("/")

    def _set_up(self, tried: Tried, key_text: str) -> Probe:
        from ordersheet.api import clean_address, is_loopback
        from ordersheet.setup.probe import probe

        name, address = check_name(tried.name), clean_address(tried.address)
        settings = self._site.settings({"profile": None})
        if address.startswith("http:") and not is_loopback(address) and not settings.allow_http:
            raise UsageError(
                f"{address} is plain http: the key could be read on its way. Use https.", code="plain-http"
            )
        path = settings.config or Path(os.environ.get("ORDERSHEET_CONFIG") or user_file())
        check_free(path, name, address)
        key = Secret(key_text).checked("what you typed")
        found = probe(address, key, settings)
        if found.usable:
            write_profile(path, name, address)
            save_key(address, key)
        return found

    async def practise(self, request: Request) -> Response:
        """Start the sandbox, and let the next sheet go there."""
        await form_of(request)
        await asyncio.to_thread(self._site.practise)
        return see("/")

    async def sample(self, request: Request) -> Response:
        """Take the sample in as if it had been dropped, for the sandbox."""
        await form_of(request)
        upload = await asyncio.to_thread(self._sample)
        return see(f"/files/{upload}")

    def _sample(self) -> str:
        self._site.practise()
        sample = self._site.config.sample
        upload = self._site.uploads.new(sample.name, Choices(profile="sandbox"))
        shutil.copyfile(sample, upload.path)
        kept = self._site.uploads.keep(upload)
        self._site.looks.of(kept.id)
        return kept.id

    async def settings(self, _request: Request) -> Response:
        """Show the profiles, what is set and where it comes from, and what lies where."""
        return await self._settings(None, "")

    async def _settings(self, profile: str | None, tried: str) -> Response:
        facts = await asyncio.to_thread(self._settings_facts, profile)
        return page("settings.html", asked=profile, said=tried, checklist=checklist(), **facts)

    def _settings_facts(self, profile: str | None) -> dict[str, Any]:
        from ordersheet.config.settings import DEFAULT, describe
        from ordersheet.core.version import version
        from ordersheet.setup.doctor import places

        shops: list[Shop] = [self._site.shop(None)]
        shops += [self._site.shop(name) for name in self._site.profile_names()]
        if self._site.config.find_sandbox() is not None:
            shops.append(self._site.shop("sandbox"))
        lies = [("files of the page", str(self._site.folder), True)]
        try:
            settings = self._site.settings({"profile": profile})
            told = [one for one in describe(settings) if one[2] != DEFAULT]
            lies += places(settings)
            trouble = ""
        except SettingsError as error:
            told, trouble = [], in_page_words(str(error))
        return {
            "shops": shops,
            "told": told,
            "places": lies,
            "trouble": trouble,
            "version": version(),
            "tried": Tried(),
        }

    async def try_shop(self, request: Request) -> Response:
        """Ask a shop one question, and say what its answer means, as doctor does."""
        form = await form_of(request)
        profile = text_of(form, "profile") or None
        said = await asyncio.to_thread(self._try, profile)
        return await self._settings(profile, said)

    def _try(self, profile: str | None) -> str:
        from ordersheet.setup.doctor import diagnose

        try:
            return in_page_words(diagnose(self._site.settings({"profile": profile})).verdict)
        except OrdersheetError as error:
            return in_page_words(str(error))

    async def order(self, request: Request) -> Response:
        """Tell who wrote what into one order, and when; what stands there now on request."""
        text = request.query_params.get("id", "").strip()
        last = self._site.last_profile
        profile = request.query_params.get("profile", last) or None
        history: list[OperationInfo] = []
        if text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS:
            history = await asyncio.to_thread(self._history, int(text))
        standing: dict[str, JsonValue] | None = None
        said = ""
        if request.query_params.get("now") and text.isdecimal():
            try:
                standing = await asyncio.to_thread(self._standing, int(text), profile)
                said = "" if standing else "The answer does not hold this order: look at its ID and the shop."
            except OrdersheetError as error:
                said = in_page_words(str(error))
        shops = await asyncio.to_thread(self._site.shops)
        return page(
            "order.html", id=text, history=history, standing=standing, said=said, shops=shops,
            chosen=profile,
        )  # fmt: skip

    def _history(self, order: int) -> list[OperationInfo]:
        with self._site.ledger() as ledger:
            return ledger.order_history(order) if ledger is not None else []

    def _standing(self, order: int, profile: str | None) -> dict[str, JsonValue]:
        from ordersheet.delivery import run_in_thread
        from ordersheet.delivery.reading.orders import read_orders
        from ordersheet.pipeline.online import read_access, refuse_unreadable

        access = read_access(self._site.settings({"profile": profile}))
        found: dict[str, JsonValue] = {}

        answered: list[int] = []

        def take(order: int, one: ListedOrder | None) -> None:
            answered.append(order)
            if one is not None:
                found.update(one.comments)
                found.update(one.attributes or {})

        end = run_in_thread(lambda: read_orders([order], access, take), access.stop)
        refuse_unreadable(end, access.stop, read=len(answered))
        return found


def checklist() -> list[str]:
    """Give the switches of the shop's plugin as sentences, one for each."""
    items: list[str] = []
    for line in CHECKLIST.splitlines()[1:]:
        head, rest = line[2:26].rstrip(), line[26:].strip()
        if head and items and not items[-1].endswith("  ") and head[0].islower():
            items[-1] = f"{items[-1]} {rest}"
            items[-1] = items[-1].replace(":", f" {head}:", 1)
        elif head:
            items.append(f"{head}: {rest}")
        elif items:
            items[-1] += f" {rest}"
    return items


def _with(tried: Tried, sentence: str) -> Tried:
    return Tried(tried.name, tried.address, sentence)
