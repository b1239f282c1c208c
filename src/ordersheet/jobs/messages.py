"""What a job tells of a file: one subject line, and a body that a person at seven in the morning understands.

No cell's text stands in it: counts, row numbers and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ordersheet.jobs.definition import JobDefinition

MOST_PROBLEMS = 5


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


def nothing_came(job: JobDefinition, day: str) -> Message:
    """Tell that an expected file did not come."""
    at = f"{job.expect_by:%H:%M}" if job.expect_by is not None else ""
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
        f"Job {job.name} has not got at {job.shown_source} for a quarter of an hour or more:\n\n{why}\n\n"
        "It tries on by itself, and nothing is lost. Ask whoever looks after that place.",
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
    if state == "failed":
        return "not sent" if not facts.get("run") else "given up"
    if state == "same":
        return f"the same as {facts.get('same_as', 'an earlier file')}, not sent"
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
    if state == "failed":
        yield "It was not sent." if not facts.get("run") else "It was not sent to its end, and is given up."
        yield from ("", str(facts.get("error", "")))
        yield from ("", "Mend the file and let it come again: only what is not done yet is sent.")
        return
    if state == "same":
        yield f"Its content is {result}. Nothing was done with it."
        return
    yield f"Result: {result}. Run {facts.get('run', '-')}."
    outcomes = facts.get("outcomes", {})
    if outcomes:
        yield "  " + ", ".join(f"{count:,} {name}" for name, count in outcomes.items())
    problems = facts.get("problems", [])
    if problems:
        yield from ("", "The first rows with problems:", *(f"  {line}" for line in problems))
    if facts.get("error"):
        yield from ("", str(facts["error"]))
    if facts.get("exit_code"):
        yield from ("", "Look at the rows marked no in the sheet: each says what to do.")


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
