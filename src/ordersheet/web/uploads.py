"""Files that people brought, each in a private folder of its own, with what they chose for it."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ordersheet.core.errors import OrdersheetError, SourceError, UsageError
from ordersheet.web import messages
from ordersheet.web.page_words import in_page_words
from ordersheet.web.private import make_private_folder, read_json, safe_name, write_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ID = re.compile(r"[0-9a-f]{16}")
_STATE, _MAPPING = "state.json", "mapping.toml"
MOST_BYTES = 2 * 2**30
"""No workbook that the loader takes is larger, and no CSV of ten million rows."""
_BEYOND = 999_999_999


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose for a file; everything else is as the loader and the mapping find it."""

    profile: str | None = None
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    hidden: str = "refuse"
    again: bool = False
    """The texts that are done already are meant once more; until a run has begun with that."""
    retry_no: bool = False
    """What the shop refused before is asked again; until a run has begun with that."""
    columns: dict[str, str] = field(default_factory=dict)
    """By header: the field that it feeds, `""` for none; only what was chosen."""
    mapping: str | None = None
    """The saved mapping that the columns came from."""
    unticked: tuple[int, ...] = ()
    """Numbers of rows that are not to be sent."""
    edits: tuple[tuple[int, int, str], ...] = ()
    """Row, column and new text of each cell that was mended."""

    @property
    def rows(self) -> str | None:
        """The rows to send, as `--rows` takes them; None for all."""
        if not self.unticked:
            return None
        ranges, begin = [], 1
        for row in sorted(self.unticked):
            if row > begin:
                ranges.append(f"{begin}-{row - 1}")
            begin = row + 1
        return ",".join([*ranges, f"{begin}-{_BEYOND}"])

    def with_cell(self, row: int, column: int, text: str) -> Choices:
        """Give the same with another text in a cell."""
        kept = tuple(one for one in self.edits if one[:2] != (row, column))
        return replace(self, edits=(*kept, (row, column, text)))

    def with_ticks(self, rows: set[int], ticked: set[int]) -> Choices:
        """Give the same with these rows ticked or not."""
        return replace(self, unticked=tuple(sorted((set(self.unticked) - rows) | (rows - ticked))))


@dataclass(frozen=True, slots=True)
class Upload:
    """One file that somebody brought."""

    id: str
    folder: Path
    name: str
    """As the person knows it, made harmless."""
    size: int
    created: datetime
    choices: Choices = Choices()
    sends: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the one-time token of its form: what became of a wish to send."""

    @property
    def path(self) -> Path:
        """The file as it came."""
        return self.folder / "input" / self.name

    @property
    def edited(self) -> Path:
        """The copy with the cells that were mended."""
        return self.folder / "edited" / self.name

    @property
    def source(self) -> Path:
        """What is read and sent."""
        return self.edited if self.choices.edits else self.path

    @property
    def mapping(self) -> Path:
        """The mapping file of what was chosen."""
        return self.folder / _MAPPING

    def flags(self) -> dict[str, object]:
        """Give the choices as options by name."""
        chosen = self.choices
        return {
            "profile": chosen.profile,
            "sheet": chosen.sheet,
            "encoding": chosen.encoding,
            "delimiter": chosen.delimiter,
            "hidden": None if chosen.hidden == "refuse" else chosen.hidden,
            "again": chosen.again or None,
            "retry_no": chosen.retry_no or None,
            "mapping": self.mapping if self.mapping.exists() else None,
            "rows": chosen.rows,
            "report": self.folder / "reports",
            "overwrite": True,
            "yes": True,
            "progress": False,
            "open": False,
        }


class Uploads:
    """The private folder of files; each change is on disk before it is told."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        make_private_folder(folder)

    def new(self, told_name: str, choices: Choices) -> Upload:
        """Make a place for a file.

        Args:
            told_name: the name as the browser tells it.
            choices: what is known to be wanted.
        """
        upload_id = secrets.token_hex(8)
        folder = self._folder / upload_id
        for one in (folder, folder / "input", folder / "edited", folder / "reports"):
            make_private_folder(one)
        return Upload(upload_id, folder, safe_name(told_name), 0, datetime.now(UTC), choices)

    def keep(self, upload: Upload) -> Upload:
        """Note a file that has come whole."""
        kept = replace(upload, size=upload.path.stat().st_size)
        self._write(kept)
        return kept

    def find(self, upload_id: str) -> Upload | None:
        """Find a file by its id."""
        folder = self._folder / upload_id
        if not _ID.fullmatch(upload_id) or not (told := read_json(folder / _STATE)):
            return None
        chosen = told["choices"]
        choices = Choices(
            **{
                **chosen,
                "unticked": tuple(chosen["unticked"]),
                "edits": tuple((row, column, text) for row, column, text in chosen["edits"]),
            }
        )
        created = datetime.fromisoformat(told["created"])
        return Upload(upload_id, folder, told["name"], told["size"], created, choices, told["sends"])

    def all(self) -> Iterator[Upload]:
        """Give all files, newest first."""
        found = filter(None, (self.find(one.name) for one in self._folder.iterdir()))
        yield from sorted(found, key=lambda one: one.created, reverse=True)

    def choose(self, upload_id: str, change: Callable[[Choices], Choices]) -> Upload:
        """Change what was chosen for a file."""
        with self._lock:
            upload = self._must_find(upload_id)
            changed = replace(upload, choices=change(upload.choices))
            self._write(changed)
        return changed

    def note_send(self, upload_id: str, token: str, **facts: object) -> bool:
        """Note what became of a wish to send; tell whether its token is new."""
        with self._lock:
            upload = self._must_find(upload_id)
            is_new = token not in upload.sends
            sends = {**upload.sends, token: {**upload.sends.get(token, {}), **facts}}
            self._write(replace(upload, sends=sends))
        return is_new

    def forget(self, upload: Upload) -> None:
        """Remove a file, and everything that was made of it."""
        with self._lock:
            shutil.rmtree(upload.folder, ignore_errors=True)

    def of_path(self, path: str) -> Upload | None:
        """Find the file that a run's input is."""
        try:
            parts = Path(path).relative_to(self._folder.absolute()).parts
        except ValueError:
            return None
        return self.find(parts[0]) if parts else None

    def of_send(self, token: str) -> Upload | None:
        """Find the file that a wish to send is about."""
        return next((one for one in self.all() if token in one.sends), None)

    def forget_older_than(self, days: float) -> None:
        """Remove files that have been kept as long as copies of inputs are."""
        for upload in list(self.all()):
            if time.time() - upload.created.timestamp() > days * 86400:
                self.forget(upload)

    def _must_find(self, upload_id: str) -> Upload:
        upload = self.find(upload_id)
        if upload is None:
            raise UsageError(messages.NOT_THERE, code="no-file")
        return upload

    def _write(self, upload: Upload) -> None:
        told = {
            "name": upload.name,
            "size": upload.size,
            "created": upload.created.isoformat(),
            "choices": asdict(upload.choices),
            "sends": upload.sends,
        }
        try:
            write_private(upload.folder / _STATE, json.dumps(told, ensure_ascii=False))
        except OSError as error:
            raise UsageError(messages.DISK_FULL.format(reason=error.strerror), code="disk-full") from error


def is_token(text: str) -> bool:
    """Tell whether a text is a one-time token as the page makes them."""
    return _ID.fullmatch(text) is not None


def refuse_empty(upload: Upload) -> None:
    """Refuse a file without a byte.

    Raises:
        SourceError: it has none.
    """
    if upload.path.stat().st_size == 0:
        raise SourceError(messages.EMPTY_FILE.format(name=upload.name), code="empty-file")


def sentence_of(error: OrdersheetError) -> str:
    """Give what went wrong in the page's words."""
    return in_page_words(str(error))
