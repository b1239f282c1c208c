"""What check tells of a file: what was recognised, what is wrong, and what would leave."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ordersheet.api import put_body
from ordersheet.cli.console import columns, plural, short
from ordersheet.cli.wrap import Hanging
from ordersheet.core.model import CUSTOMER_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ordersheet.core.model import OrderUpdate, Problem, TableFacts
    from ordersheet.mapping.columns import ColumnMap, Feed
    from ordersheet.pipeline.intake import Prepared, ProblemGroup
    from ordersheet.pipeline.preview import Preview

_DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}
_LONGEST_TEXT, _SHOWN_TEXT = 120, 80
"""A payload's text of more characters than the first is shown with as many as the second."""


def recognised(prepared: Prepared, *, hidden: str) -> Iterator[str]:
    """What was recognised: file, sheet, header row, encoding, columns, and what is hidden.

    Args:
        prepared: the file after its first pass.
        hidden: what was decided about hidden rows and columns: `refuse`, `include` or `skip`.
    """
    facts, tally = prepared.table.facts, prepared.tally
    what = [prepared.name]
    if facts.sheet is not None:
        what.append(f'sheet "{facts.sheet}"')
    what += [f"header in row {facts.header_row}", plural(tally.rows, "row")]
    yield ", ".join(what)
    if facts.form == "csv":
        yield from _text_form(prepared)
    yield from _unseen(prepared, hidden)
    if facts.result_columns:
        called = f"; it calls {plural(tally.called_ok, 'row')} ok" if tally.called_ok else ""
        yield f"  An earlier report{called}. The next report replaces its columns."
    yield ""
    yield "What goes where:"
    yield from columns(_sent_columns(prepared), cut=True)
    yield from _other_columns(prepared.column_map)


def _text_form(prepared: Prepared) -> Iterator[str]:
    facts = prepared.table.facts
    delimiter = _DELIMITERS.get(facts.delimiter or "", facts.delimiter)
    sample = ", ".join(f'"{short(word, 24)}"' for word in facts.telling_words)
    reads = f"; reads {sample}" if sample else ""
    yield f"  encoding {facts.encoding} ({_source(facts)}), delimiter {delimiter}{reads}"


def _source(facts: TableFacts) -> str:
    if facts.encoding_from == "letters":
        return "as its letters tell: --encoding decides"
    return {"option": "as --encoding says"}.get(facts.encoding_from or "", facts.encoding_from or "")


def _unseen(prepared: Prepared, hidden: str) -> Iterator[str]:
    facts = prepared.table.facts
    fate = {"skip": "left out, as --hidden skip says", "include": "sent too, as --hidden include says"}
    if facts.hidden_rows:
        yield f"  {plural(facts.hidden_rows, 'hidden row')}: {fate.get(hidden, 'not sent')}"
    feeds = {feed.column for feed in prepared.column_map.feeds}
    for header in prepared.table.headers:
        if header.hidden and header.column in feeds:
            yield f'  Hidden column {header.letters} "{header.text}": {fate["include"]}'


def _sent_columns(prepared: Prepared) -> Iterator[tuple[str, ...]]:
    for feed in prepared.column_map.feeds:
        example = prepared.tally.examples.get(feed.column, "")
        yield feed.letters, feed.header, "->", f"{feed.field}{_reading(feed)}", short(example)
    for feed in prepared.column_map.guards:
        guarded = f"(not sent; says what {feed.field} must still hold)"
        yield feed.letters, feed.header, "", guarded, short(prepared.tally.examples.get(feed.column, ""))
    for constant in prepared.column_map.constants:
        value = constant.value
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        field = f"{constant.field}{_audience(constant.field)}"
        yield "", "(every row)", "->", field, "(cleared)" if constant.clears else short(shown)


def _reading(feed: Feed) -> str:
    reading = feed.reading
    notes = [] if reading.type == "text" else [f"as {reading.type}"]
    notes += ["by value"] if reading.by_value else []
    if reading.format:
        notes.append(f"written {reading.format}")
    if reading.decimal:
        notes.append(f'decimal sign "{reading.decimal}"')
    elif reading.type == "number":
        notes.append('decimal sign "." or ","')
    return _audience(feed.field) + (f" ({', '.join(notes)})" if notes else "")


def _audience(field: str) -> str:
    return " (the customer may see it)" if field == CUSTOMER_FIELD else ""


def _other_columns(column_map: ColumnMap) -> Iterator[str]:
    """Name the columns that are not recognised and hold nothing."""
    empty = [column for column in column_map.unused if column.header and not column.filled]
    if empty:
        names = ", ".join(f'{column.letters} "{column.header}"' for column in empty)
        yield f"Empty, and not recognised: {names}"


def called_ok(seen: Preview) -> Iterator[str]:
    """What becomes of the rows that an earlier report calls ok, and that would be sent all the same."""
    number = len(seen.unknown_ok)
    if not number:
        return
    rows = f"{plural(number, 'row')} of these {'is' if number == 1 else 'are'} ok as the report has it"
    if seen.host is None:
        yield f"  {rows}; whether they are done already is counted where an address is set (--profile)"
    else:
        yield (
            f"  {rows}, and the ledger does not know of it: send goes on only with "
            "--trust-report, which leaves them as they are, or --again, which adds their texts once more"
        )


def problems(groups: Mapping[str, ProblemGroup]) -> Iterator[str]:
    """The problems by kind, with the first few addresses; with their texts, where these differ."""
    for group in groups.values():
        differ = len(set(group.shown)) > 1
        places = [
            f"{cell} ({short(value, 24)})" if differ and value else cell
            for cell, value in zip(group.cells, group.shown, strict=True)
        ]
        more = ", …" if group.count > len(group.cells) else ""
        yield f"  {group.count:>5,} x {', '.join(places)}{more}"
        yield f"          {group.message}"


def each_problem(found: Iterable[Problem]) -> Iterator[str]:
    """Each problem on a line of its own."""
    for problem in found:
        value = f" ({short(problem.value)})" if problem.value else ""
        yield f"  {problem.cell or f'row {problem.row}'}{value}: {problem.message}"


def first_payloads(updates: Iterable[OrderUpdate], *, whole: bool) -> Iterator[str]:
    """The first payloads that would be sent.

    Args:
        updates: what is to be sent.
        whole: byte for byte; otherwise long texts are cut, and say so.
    """
    for update in updates:
        body = put_body(update.order, update.operations, xml=False).decode("utf-8")
        if not whole:
            body = json.dumps(_cut(json.loads(body)), ensure_ascii=False, separators=(",", ":"))
        place = f"  row {update.row}: "
        yield Hanging(place + body, len(place))


def _cut(value: object) -> object:
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return f"{value[:_SHOWN_TEXT]}… ({len(value):,} characters)"
    return value
