"""The person's own .xlsx or .xlsm given back with columns added to one sheet."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ordersheet.core.errors import SourceError
from ordersheet.ooxml.edits import tags
from ordersheet.ooxml.package_copy import check_copyable, copy_package
from ordersheet.ooxml.references import parse_range
from ordersheet.ooxml.refusals import CannotSplice
from ordersheet.ooxml.text import codec_of, from_utf8, to_utf8
from ordersheet.reporter.xlsx.scan import outline
from ordersheet.reporter.xlsx.splice import (
    AddedPlace,
    RowSplicer,
    check_room,
    filter_beside,
    merged_columns,
    outer_edits,
)
from ordersheet.reporter.xlsx.styles import StylesUsed, count_styles, with_bad_style
from ordersheet.reporter.xlsx.tables import widened_filter_name, widened_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ordersheet.core.model import TableFacts
    from ordersheet.ooxml.package import Package, Relationship
    from ordersheet.ooxml.package_copy import Sink
    from ordersheet.reporter.added_columns import Added

    Maker = Callable[[], Iterable[bytes]]


_TYPES = "[Content_Types].xml"
_BESIDE = "The new columns stand beside the {0}, not in it: select them too before you sort."


class SheetPlace(NamedTuple):
    """Where a sheet lies in its package."""

    workbook: str
    """The part's name, as the package writes it."""
    sheet: str
    position: int
    """Its place among the workbook's sheets, from 0."""
    styles: str | None
    tables: tuple[str, ...]
    others: tuple[str, ...]
    """The workbook's other sheets."""
    signed: bool


class WorkbookSplice:
    """What is to be changed in a package; planned before the first row is taken, while it can be refused."""

    def __init__(self, package: Package, facts: TableFacts, added: Added, *, replace: bool) -> None:
        """Look at the package and plan the changes.

        Args:
            package: the input.
            facts: what the loader found out about it.
            added: the columns.
            replace: they replace those of an earlier report, at `facts.result_columns`.

        Raises:
            SourceError: where the file is damaged.
            CannotSplice: where it cannot be given back with columns added.
        """
        check_copyable(package)
        self._package = package
        self._added = added
        self._place = find_sheet(package, facts.sheet)
        self._codec = codec_of(next(package.chunks(self._place.sheet, big=True), b""))
        styles_used = StylesUsed()
        self._outline = outline(styles_used.of(self._sheet()), facts.header_row)
        self._changed: dict[str, Maker] = {}
        self._columns = self._choose_columns(facts, replace=replace)
        self._style = self._plan_style(styles_used)
        self._plan_type()
        where = AddedPlace(self._columns, facts.header_row, facts.id_column)
        edits = outer_edits(self._outline, where, None if replace else added.widths)
        self._head = edits.apply(self._outline.head)
        self._tail = edits.apply(self._outline.tail, len(self._outline.head))
        self._rows = RowSplicer(self._outline, self._columns, facts.header_row, keep_header=replace)
        self.notes: list[str] = []
        if self._place.signed:
            self.notes.append("The workbook's digital signature is still in it, but no longer valid.")
        if not replace:
            self._plan_tables(where)

    def write(self, out: Sink) -> None:
        """Write the package, taking the rows as it goes."""
        copy_package(self._package, out, {**self._changed, self._place.sheet: self._spliced})

    def _sheet(self) -> Iterator[bytes]:
        return to_utf8(self._package.chunks(self._place.sheet, big=True), self._codec)

    def _spliced(self) -> Iterator[bytes]:
        rows = self._rows.splice(self._sheet(), self._added, self._style)
        return from_utf8(chain((self._head,), rows, (self._tail,)), self._codec)

    def _choose_columns(self, facts: TableFacts, *, replace: bool) -> tuple[int, ...]:
        if replace:
            columns = facts.result_columns
        else:
            last = max(self._outline.last_column, merged_columns(self._outline, facts.header_row))
            columns = tuple(range(last + 1, last + 1 + len(self._added.headers)))
        check_room(columns)
        return columns

    def _plan_style(self, used: StylesUsed) -> str | None:
        name = self._place.styles
        if name is None:
            return None
        old, codec = self._read(name)
        for sheet in self._place.others:
            # A damaged sheet beside the orders is given back as it is.
            with suppress(SourceError):
                first = next(self._package.chunks(sheet, big=True), b"")
                for _ in used.of(to_utf8(self._package.chunks(sheet, big=True), codec_of(first))):
                    pass
        if used.last >= count_styles(old):
            return None  # a cell names a style that is not there: a new one must not become it
        new, index = with_bad_style(old)
        if new != old:
            self._change(name, new, codec)
        return index

    def _plan_type(self) -> None:
        """Let a template come back as a workbook."""
        if _TYPES not in self._package:
            return
        old, codec = self._read(_TYPES)
        new = old.replace(b".template.macroEnabled.main+xml", b".sheet.macroEnabled.main+xml")
        new = new.replace(b".template.main+xml", b".sheet.main+xml")
        if new != old:
            self._change(_TYPES, new, codec)

    def _plan_tables(self, where: AddedPlace) -> None:
        for name in self._place.tables:
            data, codec = self._read(name)
            wider = widened_table(data, self._added.headers, where)
            if wider is not None:
                self._change(name, wider, codec)
            elif _is_beside(data, where):
                self.notes.append(_BESIDE.format("table"))
        if filter_beside(self._outline, where):
            self.notes.append(_BESIDE.format("filter"))
        data, codec = self._read(self._place.workbook)
        named = widened_filter_name(data, self._place.position, where)
        if named is not None:
            self._change(self._place.workbook, named, codec)

    def _read(self, name: str) -> tuple[bytes, str]:
        return read_utf8(self._package, name)

    def _change(self, name: str, data: bytes, codec: str) -> None:
        self._changed[name] = partial(from_utf8, (data,), codec)


def find_sheet(package: Package, sheet: str | None) -> SheetPlace:
    """Find a sheet and what belongs to it by following the package's relations.

    Raises:
        CannotSplice: where a relation leads nowhere.
    """
    workbook = _one(package, "", "officeDocument")
    if workbook is None:
        raise CannotSplice("its workbook part cannot be found")
    data, _ = read_utf8(package, workbook)
    sheets = [tag for tag in tags(data) if tag.name == "sheet" and tag.path == ("workbook", "sheets")]
    index = next((n for n, tag in enumerate(sheets) if tag.attributes.get("name") == sheet), None)
    if index is None:
        raise CannotSplice(f'its sheet "{sheet}" cannot be found')
    wanted = next((v for k, v in sheets[index].attributes.items() if k.endswith("/relationships id")), "")
    part = next((to.target for to in _relations(package, workbook) if to.id == wanted), None)
    if part is None:
        raise CannotSplice(f'its sheet "{sheet}" cannot be found')
    tables = tuple(to.target for to in _relations(package, part) if to.type == "table")
    signed = _one(package, "", "origin") is not None
    others = tuple(
        to.target for to in _relations(package, workbook) if to.type == "worksheet" and to.target != part
    )
    return SheetPlace(workbook, part, index, _one(package, workbook, "styles"), tables, others, signed)


def read_utf8(package: Package, name: str) -> tuple[bytes, str]:
    """Read a small part as UTF-8, with the encoding that it has."""
    data = package.read(name)
    codec = codec_of(data)
    return b"".join(to_utf8((data,), codec)), codec


def _one(package: Package, source: str, kind: str) -> str | None:
    return next((to.target for to in _relations(package, source) if to.type == kind), None)


def _relations(package: Package, source: str) -> list[Relationship]:
    """List a part's relations to parts that exist."""
    return [to for to in package.relationships(source) if to.target in package]


def _is_beside(data: bytes, where: AddedPlace) -> bool:
    """Tell whether a table has the rows that are reported, and not the added columns."""
    block = parse_range(tags(data)[0].attributes.get("ref", ""))
    return block is not None and (where.is_beside(block) or where.joins(block))
