"""Where a job's files come from and go to, and what of that cannot work."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from ordersheet.core.file_place import READ_ONLY
from ordersheet.jobs.patterns import may_both_match

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAIL = ("imap", "imaps")
_READ_ONLY = READ_ONLY.union(_MAIL)
_FOLDERS = {"working": "working", "done": "done", "failed": "failed"}


def place_faults(given: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with a job's source and folders, each in a sentence.

    Args:
        given: the keys of the job that are well-formed.
    """
    source = str(given.get("source", ""))
    scheme = source.partition("://")[0] if "://" in source else ""
    if scheme and urlsplit(source).password is not None:
        yield (
            "source holds a password in clear. Use a key of ssh or the way of its package, or put the whole "
            "address elsewhere and name that: source = 'env:NAME' or 'file:PATH'."
        )
    if scheme in _READ_ONLY and given.get("marker"):
        yield "marker cannot be seen at a source of single files or mails. Leave it out."
    yield from _mail_faults(given, source, scheme)
    if scheme in _READ_ONLY or not source:
        return
    folders = {word: str(given.get(word, name)) for word, name in _FOLDERS.items()}
    if given.get("report_to"):
        folders["report_to"] = str(given["report_to"])
    places = {word: _place(source, scheme, folder) for word, folder in folders.items()}
    for word, place in places.items():
        if place is None:
            yield f"{word} must be the name of a folder below the source, not {folders[word]!r}."
        elif place == _place(source, scheme, "."):
            yield f"{word} is the source itself, so that its files would come again. Name another folder."
    counts = Counter(places[word] for word in _FOLDERS)
    if any(number > 1 and place is not None for place, number in counts.items()):
        yield "working, done and failed must be three folders."


def _mail_faults(given: Mapping[str, Any], source: str, scheme: str) -> Iterator[str]:
    elsewhere = source.startswith(("env:", "file:/")) and not scheme
    if given.get("senders") and scheme not in _MAIL and not elsewhere:
        yield "senders are those of mails: leave it out where the source is no mailbox."
    if scheme in _MAIL and not Path(str(given.get("report_to", ""))).expanduser().is_absolute():
        yield "a mailbox takes no files: report_to must name a folder of this computer with its full path."


def _place(source: str, scheme: str, folder: str) -> str | None:
    """Give one name to each place; None for one that cannot be below a URL."""
    if scheme in ("", "file"):
        root = Path(source.removeprefix("file://")).expanduser().absolute()
        return str((root / Path(folder).expanduser()).resolve())
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts:
        return None
    return f"{source.rstrip('/')}/{path}"


class SourcePattern(Protocol):
    """Which files a job is about."""

    @property
    def source(self) -> str:
        """The place that they come to."""

    @property
    def pattern(self) -> str:
        """Which names are of interest."""


def overlaps(jobs: Mapping[str, SourcePattern]) -> list[str]:
    """Name the jobs that would take the same files: one source, and patterns that one name can match."""
    found = []
    names = sorted(jobs)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            same = _source(jobs[one].source) == _source(jobs[other].source)
            if same and may_both_match(jobs[one].pattern, jobs[other].pattern):
                found.append(
                    f"The jobs {one} and {other} take files from the same place, and a file can match both "
                    f"patterns ({jobs[one].pattern} and {jobs[other].pattern}): whichever looks first would "
                    "take it. Give them patterns, or folders, of their own."
                )
    return found


def _source(source: str) -> str | None:
    scheme = source.partition("://")[0] if "://" in source else ""
    return source if source.startswith(("env:", "file:/")) and not scheme else _place(source, scheme, ".")
