"""Mappings that people saved under a name, found again by the headers of the next sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ordersheet.config.profiles import check_name
from ordersheet.core.errors import OrdersheetError, UsageError
from ordersheet.mapping import read_mapping_file
from ordersheet.mapping.columns import ColumnMap, Feed, Unused, to_toml
from ordersheet.mapping.headers import fold
from ordersheet.web.private import make_private_folder, write_private

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ordersheet.web.look import ShownColumn


class SavedMappings:
    """A folder of mapping files, as `--mapping` takes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_private_folder(folder)

    def names(self) -> list[str]:
        """Name them all."""
        return sorted(path.stem for path in self._folder.glob("*.toml"))

    def save(self, name: str, columns: Iterable[ShownColumn]) -> str:
        """Save what each column feeds.

        Raises:
            UsageError: the name cannot be one, or no column can be known again by its header.
        """
        try:
            check_name(name)
        except UsageError as error:
            raise UsageError(
                "A mapping's name has letters, digits, - and _ only, at most 40, such as call-center.",
                code="bad-name",
            ) from error
        feeds = tuple(Feed(one.field, one.column, one.header) for one in columns if one.field and one.header)
        if not feeds:
            raise UsageError("No column feeds a field yet. Choose one first.", code="no-feeds")
        unused = tuple(
            Unused(one.column, one.header, "not sent")
            for one in columns
            if not one.field and one.header and not one.guards
        )
        write_private(self._folder / f"{name}.toml", to_toml(ColumnMap(feeds, unused=unused)))
        return name

    def columns_of(self, name: str) -> dict[str, str]:
        """Give each header's field.

        Raises:
            OrdersheetError: there is no such mapping, or it is damaged.
        """
        if name not in self.names():
            raise UsageError("There is no mapping of this name. Choose another.", code="no-mapping")
        found = read_mapping_file(self._folder / f"{name}.toml")
        return {one.header: one.field or "" for one in found.columns}

    def fitting(self, headers: Iterable[str]) -> tuple[str, dict[str, str]] | None:
        """Find the mapping whose headers are all there; that with the most of them where several fit."""
        known = {fold(header) for header in headers if header}
        fits: list[tuple[int, str, dict[str, str]]] = []
        for name in self.names():
            try:
                columns = self.columns_of(name)
            except OrdersheetError:
                continue
            if columns and {fold(header) for header in columns} <= known:
                own = dict.fromkeys((header for header in headers if header), "") | columns
                fits.append((len(columns), name, own))
        if not fits:
            return None
        _, name, own = max(fits, key=lambda one: one[0])
        return name, own
