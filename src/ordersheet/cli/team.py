"""The commands of those who share the work: submit, worker, stop."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from ordersheet.cli.app import app, examples, find_sandbox, settings_of
from ordersheet.cli.arguments import CommandWithBareOptions, with_options
from ordersheet.cli.console import Console, after, confirmer, plural
from ordersheet.cli.ledger import Run
from ordersheet.cli.remote import fetched
from ordersheet.cli.send import File, asker, end
from ordersheet.console.log_line import CallLog
from ordersheet.console.unblocked import put, unblocked
from ordersheet.core.errors import UsageError, exit_code_of
from ordersheet.core.result import summary_object
from ordersheet.core.summary import RunSummary

if TYPE_CHECKING:
    from ordersheet.cli.remote import Fetched
    from ordersheet.config.settings import Settings
    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.core.stop_switch import StopSwitch
    from ordersheet.ledger.waiting import SubmissionState
    from ordersheet.team.facts import WorkerFacts
    from ordersheet.team.queue import ChunkTurn
    from ordersheet.team.submit import Submitted


@app.command(
    cls=CommandWithBareOptions,
    epilog=examples(
        "ordersheet submit calls.xlsx",
        "ordersheet submit calls.xlsx --wait --open",
        "ordersheet submit ids.csv --set internalComment='On hold' --yes --json",
    ),
)
@with_options("submit")
def submit(file: File, flags: dict[str, Any]) -> None:
    """Check a file and hand it over to the workers of a shared ledger; they send it."""
    from ordersheet.cli.signals import signals_press
    from ordersheet.console.progress import reading_progress
    from ordersheet.team.submit import shared_place
    from ordersheet.team.submit import submit as submit_file

    with fetched(file, flags) as here:
        settings = settings_of(here.flags)
        place = shared_place(settings, "submit")
        _refuse_report_of_nobody(settings)
        log = CallLog(settings.log_format, file=here.shown, run=None)
        console = Console(json_mode=settings.json, log=log)
        with unblocked(log.dropped), signals_press(console.say) as stop:
            given = submit_file(
                here.path,
                settings,
                ask=asker(console, settings, shown=False),
                confirm=confirmer(console, settings),
                reading=partial(reading_progress, progress=settings.progress, log=log),
                stop=stop,
            )
            log.facts["run"] = given.run
            _handed_over(given, here, settings, console, log)
            if settings.wait:
                _wait(given, here, settings, place, stop, (console, log))


def _refuse_report_of_nobody(settings: Settings) -> None:
    named = [f"--{name}" for name in ("report", "open") if settings.sources.get(name) == f"--{name}"]
    if named and not settings.wait:
        raise UsageError(
            f"{' and '.join(named)} needs --wait: without it nobody here writes the report. Later: ordersheet"
            " report RUN",
            code="no-wait",
        )


def _handed_over(given: Submitted, here: Fetched, settings: Settings, console: Console, log: CallLog) -> None:
    seen = given.preview
    console.say(
        *given.notes,
        f"Run {given.run} is handed over to the workers: {plural(seen.to_send, 'row')} to {seen.host}.",
    )
    if settings.wait:
        return
    console.say(f"How far it is: ordersheet show {given.run}. Its report: ordersheet report {given.run}")
    summary = RunSummary(
        command="submit",
        run=given.run,
        batch=settings.batch,
        profile=settings.profile,
        file=here.shown,
        sha256=given.sha256,
        host=seen.host,
        ledger=str(settings.ledger),
        rows=seen.rows,
        columns=seen.columns,
        not_sent=seen.not_sent,
        customer_visible=seen.customer_visible,
        folder_settings=settings.of_folder(),
    )
    if settings.json:
        put(sys.stdout, json.dumps(summary_object(summary)) + "\n")
    if log.json:
        log.say("submitted", "", rows=seen.rows)


def _wait(
    given: Submitted,
    here: Fetched,
    settings: Settings,
    place: LedgerUrl,
    stop: StopSwitch,
    told: tuple[Console, CallLog],
) -> None:
    from ordersheet.team.follow import result_of, wait_for_end

    console, log = told
    said: list[SubmissionState] = []

    def tell(state: SubmissionState) -> None:
        if settings.progress and state not in said[-1:]:
            said.append(state)
            done, all_of_them = state.chunks.get("done", 0), sum(state.chunks.values())
            log.say("progress", f"{done:,} of {plural(all_of_them, 'chunk')} done", done=done)

    stop.armed = True
    wait_for_end(place, given.run, stop, tell)
    result = here.put_report(here.named(result_of(place, given.run, settings, given.preview)), console.say)
    console.say(*after(result))
    end(result, settings, log)


@app.command(
    epilog=examples(
        "ordersheet worker",
        "ordersheet worker --stores production --health /run/ordersheet.health",
    )
)
@with_options("worker")
def worker(flags: dict[str, Any]) -> None:
    """Take what was submitted to a shared ledger and send it, until a signal ends it."""
    from ordersheet.cli.signals import signals_press
    from ordersheet.team.stores import stores_of
    from ordersheet.team.submit import shared_place
    from ordersheet.team.worker import Worker

    settings = settings_of(flags)
    place = shared_place(settings, "worker")
    log = CallLog(settings.log_format)
    stores = stores_of(settings, flags, find_sandbox)
    with unblocked(log.dropped), signals_press(Console(json_mode=True, log=log).say) as switch:
        signs = _Signs(settings, log)
        one = Worker(place, stores, switch, signs, poll=settings.poll, show=signs.show)
        one.check()
        shown = ", ".join(sorted(stores))
        log.say("working", f"Working for {shown}. Ctrl-C ends it.", stores=sorted(stores))
        switch.armed = True
        one.run()
        log.say("ended", "Ended; other workers go on.", signal=switch.signal)
    raise typer.Exit(exit_code_of(switch.signal) if switch.signal is not None else 0)


class _Signs:
    """Says on stderr what a worker does, and writes the files that others look at."""

    def __init__(self, settings: Settings, log: CallLog) -> None:
        self._settings, self._log = settings, log
        self._said: str | None = None

    def chunk(self, turn: ChunkTurn, rows: int) -> None:
        words = f"Run {turn.run}: chunk {turn.chunk} is done, {plural(rows, 'row')}."
        self._log.say("chunk", words, run=turn.run, chunk=turn.chunk, rows=rows)

    def trouble(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._log.say("trouble", sentence, error=sentence)

    def show(self, facts: WorkerFacts) -> None:
        from ordersheet.team.facts import write_signs

        try:
            write_signs(facts, self._settings.health, self._settings.metrics)
        except OSError as error:
            self.trouble(f"{error.filename} cannot be written: {error.strerror}.")


@app.command(epilog="Example: ordersheet stop last")
@with_options("stop")
def stop(run: Run, flags: dict[str, Any]) -> None:
    """End a submitted run on all machines: what waits is not sent, what is under way may finish."""
    from ordersheet.team.follow import stop_run
    from ordersheet.team.submit import shared_place

    settings = settings_of(flags)
    name, grace = stop_run(shared_place(settings, "stop"), run, settings.grace)
    Console().say(
        f"Run {name} ends: within {grace:.0f} s on all machines. Its report then: ordersheet report {name}"
    )
