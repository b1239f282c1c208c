"""The commands of scheduled imports: jobs, jobs run, watch."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from ordersheet.cli.app import app, find_sandbox, settings_of
from ordersheet.cli.arguments import with_options
from ordersheet.cli.console import Console, columns, plural
from ordersheet.console.log_line import JSON, CallLog
from ordersheet.console.unblocked import unblocked
from ordersheet.core.errors import exit_code_of
from ordersheet.core.ledger_url import LEASE_SECONDS, LedgerUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ordersheet.config.settings import Settings
    from ordersheet.jobs.definition import JobDefinition
    from ordersheet.jobs.setup import JobsOfCall
    from ordersheet.ledger.job_files import JobFile

KNOWN_DEAD_AFTER = LEASE_SECONDS + 10.0
"""Seconds after which one that was killed counts as dead in a shared ledger, some of them to spare."""
SAID_AGAIN = 3600.0
"""Seconds after which the same trouble is told once more."""
jobs_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(
    jobs_app, name="jobs", help="List the jobs of your settings file: last file, result, next time."
)


@jobs_app.callback(epilog="Example: ordersheet jobs run nightly")
@with_options("jobs")
def jobs(flags: dict[str, Any], context: typer.Context) -> None:
    """List the jobs of your settings file: last file, result, next time."""
    if context.invoked_subcommand is not None:
        return
    from ordersheet.jobs.places import overlaps
    from ordersheet.jobs.setup import jobs_of

    settings = settings_of(flags)
    found = jobs_of(settings)
    lines = list(_listed(settings, found.values()))
    if settings.json:
        typer.echo(json.dumps({"schema": 1, "command": "jobs", "jobs": lines}))
        return
    console = Console()
    if not lines:
        console.say("No job yet: a job is a table such as [jobs.nightly] in your settings file.")
    shown = ("name", "source", "file", "result", "next")
    told = [tuple(str(line[key] or "-") for key in shown) for line in lines]
    console.say(*columns([("JOB", "SOURCE", "LAST FILE", "RESULT", "NEXT LOOK"), *told] if told else []))
    console.say(
        *(f"{line['name']}: nobody was told yet. {line['untold']}" for line in lines if line["untold"])
    )
    console.say(*overlaps(found))


def _listed(settings: Settings, found: Iterable[JobDefinition]) -> Iterator[dict[str, object]]:
    from ordersheet.jobs.setup import utc_now
    from ordersheet.jobs.states import FILE_STATES
    from ordersheet.ledger import Ledger

    with ExitStack() as stack:
        files = None
        if settings.ledger.exists():
            files = stack.enter_context(
                Ledger.open(settings.ledger, create=False, read_only=True)
            ).job_files()
        now = utc_now()
        for job in found:
            latest = files.latest(job.name, *FILE_STATES) if files is not None else []
            one = latest[0] if latest else None
            yield {
                "name": job.name,
                "source": job.shown_source,
                "pattern": job.pattern,
                "file": one.name if one is not None else None,
                "taken": f"{one.taken:%Y-%m-%dT%H:%M:%SZ}" if one is not None else None,
                "state": one.state if one is not None else None,
                "result": result_of(one) if one is not None else None,
                "run": one.facts.get("run") if one is not None else None,
                "untold": one.facts.get("tell_failed") if one is not None else None,
                "next": f"{job.schedule.next_after(now):%Y-%m-%dT%H:%M:%SZ}",
            }


def result_of(one: JobFile) -> str:
    """Say in a few words what became of a file."""
    counts = one.facts.get("status") or {}
    if one.state == "sent":
        return f"{counts.get('ok', 0)} ok, {counts.get('no', 0)} no"
    if one.facts.get("with_workers"):
        chunks = one.facts.get("chunks") or {}
        done, whole = chunks.get("done", 0), sum(chunks.values())
        return f"workers send it, run {one.facts['run']}, {done:,} of {plural(whole, 'chunk')} done"
    if one.state == "waiting":
        return f"held up, goes on after {one.facts.get('resume_after', '-')}"
    if one.state == "taken":
        return "being sent" if one.facts.get("begun") else "not begun"
    return {"failed": "not sent", "same": "the same as an earlier file"}[one.state]


@jobs_app.command("run", epilog="Example: ordersheet jobs run nightly --log-format json")
@with_options("jobs")
def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The job.")],
    flags: dict[str, Any],
) -> None:
    """Make one pass now: take and send everything that is there. Exit code as send."""
    from ordersheet.jobs import messages as jobs_messages

    settings = settings_of(flags)
    with ExitStack() as stack:
        stack.enter_context(unblocked(CallLog(settings.log_format, job=name).dropped))
        call = _call(settings, flags, (name,), stack)
        work, passes = call.make(name)
        report = passes.look()
        while passes.awaits and not call.ended():
            time.sleep(min(0.5, max(0.05, work.place.job.stable)))
            report = passes.look().joined(report)
        log = _Log(settings.log_format)
        known_dead = time.monotonic() + (KNOWN_DEAD_AFTER if isinstance(settings.ledger, LedgerUrl) else 0)
        while not call.ended():
            unsure = bool(report.elsewhere) and time.monotonic() < known_dead
            if not unsure and not report.with_workers:
                break
            log.handled_once(report.handled)
            if unsure:
                log.trouble(name, jobs_messages.perhaps_dead(report.elsewhere))
            time.sleep(0.5)
            report = report.followed(passes.begun())
        log.handled_once(report.handled)
        if report.elsewhere:
            log.trouble(name, jobs_messages.elsewhere(report.elsewhere))
        if report.gone is not None:
            _write(settings.log_format, "trouble", f"{name}: {report.gone}", job=name, error=report.gone)
        for sentence in work.teller.untold:
            _write(settings.log_format, "untold", sentence, job=name)
        signal = call.switch.signal
    if settings.json:
        files = [
            {"file": one.name, "state": one.state, "run": one.facts.get("run")} for one in report.handled
        ]
        typer.echo(
            json.dumps(
                {"schema": 1, "command": "jobs run", "job": name, "files": files, "error": report.gone}
            )
        )
    code = exit_code_of(signal) if signal is not None else report.exit_code
    if settings.log_format == JSON:
        _write(JSON, "end", "", job=name, files=len(report.handled), exit_code=code, error=report.gone)
    raise typer.Exit(code)


@app.command(epilog="Example: ordersheet watch nightly --health /run/ordersheet.health")
@with_options("watch")
def watch(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer's older versions read only this
        typer.Argument(metavar="NAME", help="The jobs; all of them where none is named."),
    ] = None,
    *,
    health: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Touched every 30 s, for a container's probe.")
    ] = None,
    flags: dict[str, Any],
) -> None:
    """Watch the jobs' sources and send what comes, until a signal ends it."""
    from ordersheet.jobs.notify_child import AppriseChild
    from ordersheet.jobs.setup import utc_now
    from ordersheet.jobs.watch import WatchedJob, Watcher

    settings = settings_of(flags)
    with ExitStack() as stack:
        stack.enter_context(unblocked(CallLog(settings.log_format).dropped))
        # It goes on for weeks: what it needs once in a while does not stay with it.
        call = replace(_call(settings, flags, names or (), stack), notifier=AppriseChild)
        log = _Log(settings.log_format)
        shown = ", ".join(call.jobs)
        _write(settings.log_format, "watching", f"Watching {shown}. Ctrl-C ends it.", jobs=list(call.jobs))
        watched = [
            WatchedJob(partial(call.make, name), partial(call.tell_broken, name), name) for name in call.jobs
        ]
        Watcher(watched, utc_now, call.ended, log, health=health).run()
        signal = call.switch.signal
        _write(settings.log_format, "ended", "Ended; the next start goes on.", signal=signal)
    raise typer.Exit(exit_code_of(signal) if signal is not None else 0)


class _Log:
    """Says on stderr what a watcher does, and the same sentence only once in a while."""

    def __init__(self, log_format: str) -> None:
        self._format = log_format
        self._said: dict[tuple[str, str], float] = {}
        self._states: dict[int, tuple[str, bool]] = {}

    def handled(self, one: JobFile) -> None:
        _say_handled(self._format, one)

    def handled_once(self, files: Iterable[JobFile]) -> None:
        """Say how far files have come, each state once."""
        for one in files:
            state = (one.state, one.finished is None)
            if self._states.get(one.id) != state:
                self._states[one.id] = state
                self.handled(one)

    def trouble(self, job: str, sentence: str) -> None:
        now = time.monotonic()
        if now - self._said.get((job, sentence), float("-inf")) < SAID_AGAIN:
            return
        self._said[job, sentence] = now
        _write(self._format, "trouble", f"{job}: {sentence}", job=job, error=sentence)


def _write(log_format: str, event: str, words: str, **facts: object) -> None:
    CallLog(log_format).say(event, words, **facts)


def _say_handled(log_format: str, one: JobFile) -> None:
    facts = {"job": one.job, "file": one.name, "run": one.facts.get("run"), "state": one.state}
    counts = one.facts.get("status") or {}
    words = f"{one.job}: {one.name}: {result_of(one)}"
    _write(
        log_format,
        "file",
        words,
        **facts,
        ok=counts.get("ok"),
        no=counts.get("no"),
        report=one.facts.get("report"),
    )


def _call(settings: Settings, flags: dict[str, Any], names: Iterable[str], stack: ExitStack) -> JobsOfCall:
    from ordersheet.cli.signals import signals_press
    from ordersheet.config.settings import user_file
    from ordersheet.jobs.setup import JobsOfCall, chosen, jobs_of
    from ordersheet.ledger import Ledger

    found = chosen(jobs_of(settings), names, str(settings.config or user_file()))
    console = Console(json_mode=True, log=CallLog(settings.log_format))
    switch = stack.enter_context(signals_press(console.say))
    ledger = stack.enter_context(Ledger.open(settings.ledger, create=not settings.ledger_must_exist))
    switch.armed = True
    return JobsOfCall(found, flags, ledger, switch, find_sandbox)
