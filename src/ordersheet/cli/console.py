"""What a person reads in the terminal: every line of check, send, runs and show."""

from __future__ import annotations

import os
import sys
import unicodedata
from typing import TYPE_CHECKING

from ordersheet.cli.wrap import Hanging, width_of, wrapped
from ordersheet.console.diff import Painted, has_colours
from ordersheet.console.unblocked import put
from ordersheet.core.errors import UsageError
from ordersheet.core.result import summary_object
from ordersheet.mapping.values import truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TextIO

    from ordersheet.config.settings import Settings
    from ordersheet.console.log_line import CallLog
    from ordersheet.core.result import RunResult
    from ordersheet.core.summary import RunSummary
    from ordersheet.pipeline.preview import Preview

_EXAMPLE_WIDTH = 40
_KINDS = (
    ("append", "comment appended", "comments appended"),
    ("replace", "comment replaced", "comments replaced"),
    ("set", "attribute set", "attributes set"),
    ("clear", "field cleared", "fields cleared"),
)


class Console:
    """Where lines for people go: stdout, or stderr where stdout belongs to JSON."""

    def __init__(self, *, json_mode: bool = False, log: CallLog | None = None) -> None:
        self._log = log if json_mode and log is not None and log.json else None
        self.stream: TextIO = sys.stderr if json_mode else sys.stdout
        for stream in (sys.stdout, sys.stderr):
            # A terminal that lacks a letter shows a stand-in; it must not end a run.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")

    def say(self, *lines: str, end: str = "\n") -> None:
        """Print lines, with control characters made visible; none where every line of stderr is JSON.

        These lines may show texts of cells, which no log holds; stdout's object says the same.
        """
        if self._log is not None:
            return
        width = width_of(self.stream)
        put(self.stream, "".join(self._rendered(line, width) + end for line in lines))

    def _rendered(self, line: str, width: int | None) -> str:
        # Colours come last: what cleans a line of control characters would take their codes for some.
        if isinstance(line, Painted) and has_colours(self.stream, os.environ):
            return line.in_colours(printable)
        return wrapped(_printable(line), width)

    def say_of_signal(self, words: str) -> None:
        """Say what a signal does."""
        self.say(words)
        if self._log is not None:
            self._log.say("signal", words, message=words.strip())


def _printable(line: str) -> str:
    shown = printable(line)
    return Hanging(shown, line.hang, cut=line.cut) if isinstance(line, Hanging) else shown


def printable(text: str) -> str:
    """Give a text without control and formatting characters, which could do things to a terminal."""
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Zl", "Zp")
        else "\N{REPLACEMENT CHARACTER}"
        for letter in text
    )


def says_yes(answer: str) -> bool:
    """Tell whether what was typed at a question means yes, in any of the eight languages."""
    return truth(answer) is True and not answer.strip().isdecimal()


def confirmer(console: Console, settings: Settings) -> Callable[[str], bool] | None:
    """Give what asks a person; None where nobody is there, or nobody wants to be asked."""
    if settings.yes or not sys.stdin.isatty():
        return None

    def confirm(question: str) -> bool:
        console.say(f"{question} [y/N] ", end="")
        return says_yes(sys.stdin.readline())

    return confirm


def last_question(console: Console, question: str, *, verb: str) -> bool:
    """Ask whether to do it, at the terminal.

    Args:
        console: says the question.
        question: with its blank at the end.
        verb: what --yes does without being asked: `send`.

    Raises:
        UsageError: there is no terminal, or no answer came.
    """
    without = f"Add --yes to {verb} without being asked."
    if not sys.stdin.isatty():
        raise UsageError(f"There is no terminal to ask at. {without}", code="no-answer")
    console.say(question, end="")
    answer = sys.stdin.readline()
    if not answer:
        raise UsageError(f"No answer came. {without}", code="no-answer")
    return says_yes(answer)


def plural(number: int, one: str, many: str | None = None) -> str:
    """Give a number and its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def short(text: str, width: int = _EXAMPLE_WIDTH) -> str:
    """Give a text on one line, cut to a width."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def columns(rows: Iterable[tuple[str, ...]], *, indent: int = 2, cut: bool = False) -> Iterator[str]:
    """Set rows of texts as columns, each as wide as its widest text.

    Args:
        rows: of equal length.
        indent: blanks before the first column.
        cut: the last column may be cut where a terminal ends.
    """
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    hang = indent + sum(widths[:-1]) + 2 * (len(widths) - 1)
    for row in table:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        yield Hanging((" " * indent + "  ".join(cells)).rstrip(), hang, cut=cut)


# ---- before a send ----


def operations(counts: Mapping[str, int]) -> str:
    """So many of each kind of operation, in words."""
    parts = [plural(counts[kind], one, many) for kind, one, many in _KINDS if counts.get(kind)]
    return ", ".join(parts)


def columns_not_sent(seen: Preview) -> Iterator[str]:
    """Each column that holds something and is not sent, with what it was probably meant to be."""
    if not seen.not_sent:
        return
    yield "Not sent:"
    yield from columns(
        (
            column.column,
            column.header or "(no header)",
            f'{column.reason}; did you mean "{column.guess}"?' if column.guess else column.reason,
        )
        for column in seen.not_sent
    )
    yield (
        "  To send one of them, rename its header, or map it: --save-mapping mapping.toml writes a file "
        "to fill in, --mapping mapping.toml uses it."
    )


def notes(seen: Preview, settings: Settings) -> Iterator[str]:
    """What a person should know of the file, its columns, and of settings that the folder brought along."""
    for note in seen.notes:
        yield f"  Note: {note}"
    found = settings.of_folder()
    if found:
        told = ", ".join(f'{key} = "{value}"' for key, value in found.items())
        yield f"  Note: {settings.folder_file} lies in this folder and sets {told}"


def before(seen: Preview) -> Iterator[str]:
    """The numbers that matter before sending."""
    to = f" to {seen.host}" if seen.host else ""
    if seen.to_send:
        yield f"{plural(seen.to_send, 'row')} of {seen.rows:,} to send{to}: {operations(seen.operations)}"
    else:
        yield f"Nothing to send{to}: {plural(seen.rows, 'row')}"
    if seen.customer_visible:
        yield f"  {plural(seen.customer_visible, 'text')} that customers may see"
    for outcome, number in sorted(seen.done.items()):
        yield f"  {plural(number, 'row')}: {outcome}"
    if seen.problems:
        yield f"  {plural(seen.problems, 'row')} with problems, never sent"
    if seen.nothing:
        yield f"  {plural(seen.nothing, 'row')} asking for nothing"
    if seen.unchanged:
        yield f"  {plural(seen.unchanged, 'row')} unchanged: what they replace by is what their guards expect"
    if seen.left_apart:
        yield f"  {plural(seen.left_apart, 'row')} left out on purpose"
    yield from (f"  Note: {warning}" for warning in seen.warnings)
    if seen.other_texts:
        yield (
            f"  {plural(seen.other_texts, 'other text')} added by earlier sends of this file; "
            "each new text goes below the old one:"
        )
        for text in seen.other_text_examples:
            yield f"    row {text.row}, order {text.order}"
            yield f"      stands: {short(text.old, 80)}"
            yield f"      added:  {short(text.new, 80)}"


# ---- send ----


def after(result: RunResult) -> Iterator[str]:
    """What a run came to; the report's full path is the last line."""
    summary = result.summary
    yield ""
    apart = f", {summary.left_out:,} left out on purpose" if summary.left_out else ""
    yield f"{plural(result.ok, 'row')} ok, {result.no - summary.left_out:,} no{apart} (run {summary.run})"
    yield from columns((f"{number:,}".rjust(7), outcome) for outcome, number in summary.outcomes.items())
    requests = summary.requests
    pushed = f", {requests.pushed_back:,} pushed back" if requests.pushed_back else ""
    yield f"{requests.put:,} PUT, {requests.get:,} GET{pushed} in {summary.seconds:.1f} s"
    if summary.ledger_created:
        yield f"What was done is kept in a new ledger, {summary.ledger}"
    if summary.error:
        yield summary.error
    if summary.report:
        yield summary.report


def end_facts(summary: RunSummary) -> dict[str, object]:
    """Give what the last line of a log in JSON sums up."""
    told = summary_object(summary)
    names = (
        "exit_code",
        "stopped_by",
        "retry",
        "rows",
        "status",
        "outcomes",
        "requests",
        "seconds",
        "report",
    )
    return {name: told[name] for name in (*names, "resume_after", "error")}
