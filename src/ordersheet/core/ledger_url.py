"""Where a ledger that many share lies: a URL of PostgreSQL's, which shows its password to nobody."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ordersheet.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

_URL = re.compile(r"postgres(?:ql)?://(?:(?P<who>[^@/?#]*)@)?(?P<rest>[^#]*)", re.DOTALL)
_SECRET = re.compile(r"(?<=[?&])((?:ssl)?password)=[^&]*", re.IGNORECASE)


def is_ledger_url(text: str) -> bool:
    """Tell whether a text names a database and not a file."""
    return re.match(r"[a-z][a-z0-9+.-]+://", text.strip(), re.IGNORECASE) is not None


@dataclass(frozen=True)
class LedgerUrl:
    """A ledger in a database of PostgreSQL's. As a text it is shown without its password."""

    url: str = field(repr=False)
    """As libpq has it; with the password, where it holds one."""
    home: Path = field(repr=False)
    """This computer's folder for what belongs to the ledger and is no part of the database."""

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise UsageError(
                "A ledger that is shared is named by postgresql://host/database, as libpq has it, such as"
                " postgresql://ann@db.example/orders. Mend --ledger.",
                code="bad-ledger-url",
            )

    @property
    def holds_password(self) -> bool:
        """Whether the password stands in the URL itself."""
        found = _URL.fullmatch(self.url)
        assert found is not None
        return ":" in (found["who"] or "") or _SECRET.search(self.url) is not None

    def __str__(self) -> str:
        found = _URL.fullmatch(self.url)
        assert found is not None
        who = (found["who"] or "").split(":", 1)[0]
        shown = _SECRET.sub(r"\1=***", found["rest"])
        return f"postgresql://{who}@{shown}" if who else f"postgresql://{shown}"

    @property
    def parent(self) -> Path:
        """The folder that a ledger in a file would lie in."""
        return self.home

    def exists(self) -> bool:
        """Whether it is there is seen when it is opened."""
        return True
