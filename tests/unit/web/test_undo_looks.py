"""A look at what an undo would put back: each state of it stays as it is for whoever shows it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple, cast

from ordersheet.core.errors import UsageError
from ordersheet.web.undoing import UndoLook, UndoLooks, UndoWishes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ordersheet.config.settings import Settings
    from ordersheet.ledger import RunInfo


class Wanted(NamedTuple):
    """What a look needs to know of a run."""

    run: str = "20260302-aaaa"
    profile: str | None = None


def finished(looks: UndoLooks, info: RunInfo) -> UndoLook:
    while not (look := looks.of(info)).done:
        pass
    return look


def test_a_page_that_is_being_made_shows_one_state_though_the_look_ends_meanwhile(tmp_path):
    release = threading.Event()

    def settings_of(_flags: Mapping[str, object]) -> Settings:
        release.wait()
        raise UsageError("There is no such profile.")

    looks, info = UndoLooks(settings_of, UndoWishes(tmp_path)), cast("RunInfo", Wanted())
    shown = looks.of(info)
    assert not shown.done
    release.set()
    after = finished(looks, info)
    assert "no such profile" in after.error
    assert (shown.done, shown.error, shown.seen) == (False, "", None)
