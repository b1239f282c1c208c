"""What a job tells of a file: one subject line, and a body that a person at seven in the morning understands.

No cell's text stands in it: counts, row numbers and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ordersheet.jobs.definition import JobDefinition

MOST_PROBLEMS = 5
_OUT_OF_REACH = "It tries on by itself, and nothing is lost. Ask whoever looks after that place."


@dataclass(frozen=True, slots=True)
class Message:
    """What is told."""

    kind: str
    """One of `definition.KINDS`."""
    subject: str
    body: str


def of_file(
    job: JobDefinition, name: str, state: str, facts: Mapping[str, Any], *, repeated: bool
) -> Message:
    """Tell of one file.

    Args:
        job: its job.
        name: the file's.
        state: `sent`, `failed` or `same`.
        facts: what was noted of it.
        repeated: whether it may have been told before, since this program was ended while it told.
    """
    result = _result(state, facts)
    kind = _kind(state, facts)
    where = f"{facts['host']}: " if facts.get("host") else ""
    again = " (told again)" if repeated else ""
    lines = [f"Job {job.name}, file {name} from {job.shown_source}.", ""]
    lines += _told(state, facts, result)
    lines += _places(facts)
    if repeated:
        lines += ["", "This may have been told before: ordersheet was ended while it told of it."]
    return Message(kind, f"{name} - {where}{result}{again}", "\n".join(lines))


def nothing_came(job: JobDefinition, day: str, gone: str | None = None) -> Message:
    """Tell that an expected file did not come, or that nobody could see whether it did.

    Args:
        job: the job.
        day: of which it was expected.
        gone: why its source could not be reached; None where it could.
    """
    at = f"{job.expect_by:%H:%M}" if job.expect_by is not None else ""
    if gone is not None:
        return Message(
            "nothing",
            f"{job.name} - no file by {at}, and its files cannot be reached",
            f"Job {job.name} expected a file by {at} on {day}, and could not see whether one lies at "
            f"{job.shown_source}:\n\n{gone}\n\n{_OUT_OF_REACH}",
        )
    return Message(
        "nothing",
        f"{job.name} - no file by {at}",
        f"Job {job.name} expected a file by {at} on {day}, and none that matches {job.pattern} came to "
        f"{job.shown_source}.\n\nAsk whoever sends it. It is taken whenever it comes.",
    )


def gone_for_long(job: JobDefinition, why: str) -> Message:
    """Tell that a job's source has been out of reach for a while."""
    return Message(
        "failed",
        f"{job.name} - its files cannot be reached",
        f"Job {job.name} has not got at {job.shown_source} for a quarter of an hour or more:\n\n"
        f"{why}\n\n{_OUT_OF_REACH}",
    )


def held(job: JobDefinition, name: str, reason: str) -> Message:
    """Tell that a file waits for a person: trying again alone would not help."""
    return Message(
        "failed",
        f"{name} - held up, somebody must see to it",
        f"Job {job.name} could not go on with the file {name} from {job.shown_source}:\n\n{reason}\n\n"
        "Mend that, and nothing else: the file is tried again by itself, and nothing is sent twice.",
    )


def broken(job_name: str, reason: str) -> Message:
    """Tell that a job cannot work."""
    return Message(
        "failed",
        f"{job_name} - this job does not work",
        f"Job {job_name} cannot work as it is set up, and takes no file until that is mended:\n\n{reason}\n\n"
        "ordersheet doctor tries each job. Nothing was sent, and nothing is lost.",
    )


def _kind(state: str, facts: Mapping[str, Any]) -> str:
    if state == "failed":
        return "failed"
    if state == "same":
        return "done"
    return "done" if facts.get("exit_code") == 0 else "partial"


def _result(state: str, facts: Mapping[str, Any]) -> str:
    if state == "same":
        return f"the same as {facts.get('same_as', 'an earlier file')}, not sent"
    if not facts.get("run"):
        return "not sent"
    if state != "failed":
        return _counted(facts)
    how = "given up" if facts.get("given_up") else "stopped"
    return f"{how}, {_counted(facts)}"


def _counted(facts: Mapping[str, Any]) -> str:
    counts = facts.get("status", {})
    left = facts.get("left_out", 0)
    parts = [f"{counts.get('ok', 0):,} ok"]
    no = counts.get("no", 0) - left
    if no:
        parts.append(f"{no:,} no")
    if left:
        parts.append(f"{left:,} left out")
    return ", ".join(parts)


def _told(state: str, facts: Mapping[str, Any], result: str) -> Iterator[str]:
    if state == "same":
        yield f"Its content is {result}. Nothing was done with it."
        return
    if not facts.get("run"):
        yield from ("It was not sent.", "", str(facts.get("error", "")), *_problems(facts))
        yield from ("", "Mend the file and let it come again.")
        return
    if state == "failed":
        yield "It was not sent to its end."
    yield f"Result: {_counted(facts)}. Run {facts['run']}."
    outcomes = facts.get("outcomes", {})
    if outcomes:
        yield "  " + ", ".join(f"{count:,} {name}" for name, count in outcomes.items())
    if facts.get("error"):
        yield from ("", str(facts["error"]))
    yield from _problems(facts)
    if facts.get("exit_code"):
        yield from ("", "Look at the rows marked no in the sheet: each says what to do.")
    if state == "failed":
        yield "Then let the file come again: it goes on where it stopped, and nothing is sent twice."


def _problems(facts: Mapping[str, Any]) -> Iterator[str]:
    problems = facts.get("problems", [])
    if problems:
        yield from ("", "The first rows with problems:", *(f"  {line}" for line in problems))


def _places(facts: Mapping[str, Any]) -> Iterator[str]:
    shown = [
        (label, facts[name])
        for label, name in (
            ("The sheet with the results", "report"),
            ("The problems", "problems_file"),
            ("The file as it came", "lies"),
        )
        if facts.get(name)
    ]
    if shown:
        yield ""
        yield from (f"{label}: {place}" for label, place in shown)


def perhaps_dead(names: Sequence[str]) -> str:
    """Say that files are another's, which may have died a moment ago."""
    return f"{', '.join(names)}: with another process. Where it was killed, this one goes on in a minute."


def elsewhere(names: Sequence[str]) -> str:
    """Say that files are another's, which lives."""
    return f"{', '.join(names)}: with another process, which lives and goes on."
