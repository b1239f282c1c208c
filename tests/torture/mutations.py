"""Takes the safeguards out one by one, and shows which test notices.

    python -m tests.torture.mutations [NAME ...]

Each mutant is a copy of the tree with one safeguard gone. Two groups of tests are run on it, each until its
first failure: runs against the oracle, and the module's own. A mutant that one of them does not notice is a
fault of the tests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COPIED = ("src", "tests", "samples", "docs", "benchmarks", "pyproject.toml", "README.md", "CHANGELOG.md")
KILLS, FAULTS = "tests/torture/test_kills.py", "tests/torture/test_faults.py"
GUARDS = "tests/model/test_guards.py"
UNDOS, UNDO_MODEL = "tests/torture/test_undo.py", "tests/model/test_undo.py"
RULES = "tests/torture/test_worlds_by_rule.py"
DISK, PROCESSES = "tests/torture/test_disk.py", "tests/torture/test_processes.py"

DELIVER, PROMISE = "tests/unit/delivery/test_deliver.py", "tests/unit/delivery/test_deliver_promise.py"
UNDO_WALK = "tests/unit/history/test_undo_walk.py"
MACHINE = "tests/unit/delivery/test_order_machine.py"
READING, PROOF = "tests/unit/delivery/test_deliver_reading.py", "tests/unit/delivery/test_proof.py"
BY_PAGES, PAGE_TRUST = (
    "tests/unit/delivery/test_baselines_by_pages.py",
    "tests/unit/delivery/test_page_trust.py",
)
VERDICT, TRANSPORT = "tests/unit/delivery/test_verdict_put.py", "tests/integration/test_transport_contract.py"
GUARDED_ROWS, GUARD_COLUMNS = "tests/unit/delivery/test_guarded_rows.py", "tests/unit/mapping/test_guards.py"
UNDO_PROMISE, LEDGER_UNDO = (
    "tests/unit/delivery/test_undo_promise.py",
    "tests/integration/test_ledger_undo.py",
)
KEYS, LEDGER_PROCESSES = (
    "tests/unit/ledger/test_ledger_keys.py",
    "tests/integration/test_ledger_processes.py",
)


@dataclass(frozen=True)
class Mutant:
    """One safeguard taken out."""

    name: str
    path: str
    """Below `src/ordersheet`."""
    old: str
    """Stands in the file exactly once."""
    new: str
    against: str
    """The tests with the oracle that are run on it."""
    module: str
    """The module's own tests, which notice it too."""


MUTANTS = (
    Mutant(
        "no write-ahead",
        "delivery/lane.py",
        "        durable = await self.flush()\n",
        "        durable = True\n",
        KILLS,
        DELIVER,
    ),
    Mutant(
        "no sync before the first byte",
        "ledger/engine.py",
        "PRAGMA synchronous=FULL",
        "PRAGMA synchronous=NORMAL",
        DISK,
        LEDGER_PROCESSES,
    ),
    Mutant(
        "no process lock",
        "ledger/process_lock.py",
        "        _lock(descriptor, shared=True)\n",
        "        os.lseek(descriptor, 0, os.SEEK_SET)\n",
        PROCESSES,
        LEDGER_PROCESSES,
    ),
    Mutant(
        "no claim",
        "ledger/claims.py",
        "            if living[lock]:\n                others.add(order)\n",
        "",
        PROCESSES,
        LEDGER_PROCESSES,
    ),
    Mutant(
        "no settle wait after an unknown attempt",
        "delivery/read_back.py",
        "self.clear_at = now.seconds + self._run.options.settle",
        "self.clear_at = now.seconds",
        f"{RULES}::test_what_still_arrives_within_settle_is_not_sent_a_second_time",
        PROMISE,
    ),
    Mutant(
        "no settle wait after an adoption",
        "delivery/read_back.py",
        "left = max(0.0, self._run.options.settle - (doubt.heard_ago or 0.0))",
        "left = 0.0",
        f"{RULES}::test_what_a_killed_run_had_under_way_is_not_sent_beside_it",
        MACHINE,
    ),
    Mutant(
        "no check of the order in answers",
        "delivery/verdict/put.py",
        "return self.answer is not None and self.answer.order == self.order",
        "return self.answer is not None",
        f"{RULES}::test_an_ok_that_speaks_of_another_order_says_nothing_of_this_one",
        VERDICT,
    ),
    Mutant(
        "an operation is not known again",
        "ledger/keys.py",
        "return _digest(salt, f'[{KEY_VERSION}, ",
        'return _digest(salt, f\'[{id(object())}, {__import__("time").time()}, ',
        KILLS,
        KEYS,
    ),
    Mutant(
        "an operation is known without its text",
        "ledger/keys.py",
        "{_encode(value)}]')",
        "{_encode(bool(value))}]')",
        KILLS,
        KEYS,
    ),
    Mutant(
        "redirects are followed",
        "delivery/transport/base.py",
        "            await seen.read(await self._engine.handle_async_request(request), self._headers.hide)\n",
        "            await seen.read(await self._engine.handle_async_request(request), self._headers.hide)\n"
        '            if "location" in seen.headers:\n'
        '                await self._exchange(method, seen.headers["location"], body, Exchange(), 9.0)\n',
        FAULTS,
        TRANSPORT,
    ),
    Mutant(
        "a redirect does not stop the run",
        "delivery/verdict/put.py",
        "        stop=line.stop or stop_by_status(observation),\n        drop_connection",
        "        stop=None,\n        drop_connection",
        FAULTS,
        VERDICT,
    ),
    Mutant(
        "no baseline",
        "delivery/order.py",
        "part.baseline = held if trusted else None",
        "part.baseline = None",
        FAULTS,
        READING,
    ),
    Mutant(
        "the baseline is not compared",
        "delivery/verdict/proof.py",
        "    before, after = normalise(baseline), normalise(now)\n    if before == after and not others:",
        '    before, after = "", normalise(now)\n    if before == after and not others:',
        FAULTS,
        PROOF,
    ),
    Mutant(
        "a page counts whatever it shows",
        "delivery/verdict/page_trust.py",
        "return frozenset() if self.off else frozenset(proven)",
        "return frozenset(self._fields)",
        f"{RULES}::test_a_list_that_proves_itself_nowhere_is_not_taken_for_the_one_before",
        PAGE_TRUST,
    ),
    Mutant(
        "a page serves however long the text is",
        "delivery/verdict/page_trust.py",
        "larger = self.chars > size.chars and",
        "larger = True or self.chars > size.chars and",
        f"{RULES}::test_the_one_order_that_a_list_cuts_is_not_taken_for_ours",
        PAGE_TRUST,
    ),
    Mutant(
        "a page keeps rows from being sent",
        "delivery/page_readings.py",
        "if whole and not self._decides(row, view):",
        "if whole:",
        f"{RULES}::test_what_a_list_shows_of_another_order_keeps_no_row_from_being_sent",
        BY_PAGES,
    ),
    Mutant(
        "a baseline may be of any age",
        "delivery/order.py",
        "if self._view is not None and self._viewed_at < now.seconds + STOOD_STILL - FRESH:",
        "if self._view is None and self._viewed_at < now.seconds + STOOD_STILL - FRESH:",
        f"{RULES}::test_what_somebody_adds_while_a_row_waits_is_not_taken_for_ours",
        BY_PAGES,
    ),
    Mutant(
        "a 500 counts as not applied",
        "delivery/verdict/put.py",
        '        "any 5xx",\n        lambda seen: HTTPStatus.INTERNAL_SERVER_ERROR'
        " <= seen.status < _END,\n        _U,",
        '        "any 5xx",\n        lambda seen: HTTPStatus.INTERNAL_SERVER_ERROR'
        " <= seen.status < _END,\n        _N,",
        f"{RULES}::test_what_still_arrives_within_settle_is_not_sent_a_second_time",
        VERDICT,
    ),
    Mutant(
        "guards are not compared",
        "delivery/guards.py",
        "        if not guard_holds(",
        "        if False and not guard_holds(",
        f"{GUARDS}::test_nobody_s_text_is_written_over_whenever_it_comes",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard knows nothing of what its own file has done",
        "delivery/verdict/guard.py",
        " or _gone_on(expected, held, asks, history, batch)",
        "",
        f"{GUARDS}::test_a_file_is_sent_once_and_goes_on_after_a_kill_at_any_moment",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard counts what another batch did as its own file's",
        "delivery/verdict/guard.py",
        "    if batch is not None and entry.batch != batch:\n        return None\n",
        "",
        f"{GUARDS}::test_what_another_batch_did_is_somebody_s_text_and_what_its_own_did_is_not",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard that does not hold stops its row alone",
        "delivery/rows.py",
        "            earlier = self._book.waits_for(update.row)\n",
        "            earlier = None\n",
        f"{GUARDS}::test_unguarded_rows_beside_guarded_ones_stand_once",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard holds where nobody could look",
        "delivery/guards.py",
        "            return Outcome.NOT_SENT, messages.guard_not_shown(guard.field)\n",
        "            continue\n",
        f"{GUARDS}::test_no_guarded_row_goes_out_where_nobody_can_look",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard is judged by a reading of some time ago",
        "delivery/guards.py",
        "GUARD_FRESH = 5.0",
        "GUARD_FRESH = 5000.0",
        f"{RULES}::test_no_guarded_overwrite_leaves_long_after_its_reading",
        GUARDED_ROWS,
    ),
    Mutant(
        "a cut comment counts as a whole one",
        "delivery/guards.py",
        "    return held if trusted and not run.trust[field].looks_cut(held) else None\n",
        "    return held\n",
        f"{RULES}::test_no_guarded_row_goes_out_where_a_reading_shows_less_than_stands",
        GUARDED_ROWS,
    ),
    Mutant(
        "what is unchanged does not stand in the history",
        "delivery/order_notes.py",
        "        self.events.append(There(self._order, part.ask, now.utc))\n",
        "",
        f"{GUARDS}::test_what_stands_there_already_is_sent_neither_now_nor_by_a_later_run",
        GUARDED_ROWS,
    ),
    Mutant(
        "a guard of what is not sent is passed over",
        "mapping/resolver.py",
        "            elif field not in fed:\n",
        "            elif field not in fed:\n                continue\n",
        f"{GUARD_COLUMNS}::test_each_guard_that_a_sheet_states_goes_with_its_rows_or_nothing_is_sent",
        f"{GUARD_COLUMNS}::test_a_guard_that_guards_nothing_refuses_the_sheet_in_one_sentence",
    ),
    Mutant(
        "an undo takes back what somebody has written on",
        "core/history/undo.py",
        "        return WalkEnd.OTHER_TEXT if applied else WalkEnd.IN_DOUBT\n",
        "        del applied\n",
        UNDOS,
        f"{UNDO_PROMISE}::test_no_text_of_somebody_else_is_lost_by_an_undo",
    ),
    Mutant(
        "an undo walks by operations",
        "core/history/undo.py",
        "if past.kind.overwrites and left_by(past, text):",
        "if False:",
        UNDO_MODEL,
        UNDO_WALK,
    ),
    Mutant(
        "an undo in doubt is not looked up",
        "delivery/undoing/machine.py",
        "            part.to_look_up = True\n",
        "            part.to_look_up = False\n",
        f"{UNDO_PROMISE}::test_with_nobody_else_writing_every_field_is_what_it_was",
        UNDO_PROMISE,
    ),
    Mutant(
        "an undo puts back what may have been cut",
        "delivery/undoing/machine.py",
        "        if plan.walk.whole or ",
        "        if True or ",
        f"{UNDO_PROMISE}::test_an_undo_puts_back_all_of_what_stood_there_or_nothing",
        f"{UNDO_PROMISE}::test_what_the_shop_cuts_is_not_put_back",
    ),
    Mutant(
        "what is undone still counts as done",
        "ledger/histories.py",
        "if taken == UNDONE or (",
        "if (",
        UNDOS,
        LEDGER_UNDO,
    ),
)


def stale(mutant: Mutant, root: Path = ROOT) -> str | None:
    """Say why a mutant cannot be made any more; None where it can."""
    text = (root / "src" / "ordersheet" / mutant.path).read_text(encoding="utf-8")
    found = text.count(mutant.old)
    return None if found == 1 else f"{mutant.name}: stands {found} times in {mutant.path}"


def make(mutant: Mutant, folder: Path) -> None:
    """Copy the tree and take the safeguard out of the copy."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
        elif source.exists():
            shutil.copy(source, folder / name)
    path = folder / "src" / "ordersheet" / mutant.path
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")


def first_failure(folder: Path, tests: str) -> str | None:
    """Run tests on a copy until one fails; gives its name, or None where all pass."""
    env = {
        **os.environ,
        "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    # Of a whole file only what is quick; a test that is named is meant, however long it takes.
    chosen = [tests] if "::" in tests else ["-m", "not torture", tests]
    done = subprocess.run(
        [*command, "--basetemp", str(folder / "tmp"), *chosen],
        cwd=folder,
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=900,
    )
    if done.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode != 1 or failed is None:
        raise RuntimeError(f"pytest did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed[1]


def run(names: list[str]) -> list[str]:
    """Try each mutant; gives the names of those that not both groups of tests noticed."""
    unnoticed = []
    for mutant in MUTANTS:
        if names and mutant.name not in names:
            continue
        problem = stale(mutant)
        if problem is not None:
            unnoticed.append(problem)
            continue
        with tempfile.TemporaryDirectory(prefix="ordersheet-mutant-") as name:
            folder = Path(name)
            make(mutant, folder)
            noticed = [first_failure(folder, mutant.against), first_failure(folder, mutant.module)]
        print(f"{mutant.name}: {', '.join(one or '-' for one in noticed)}", flush=True)  # noqa: T201 - a script
        if not all(noticed):
            unnoticed.append(mutant.name)
    return unnoticed


if __name__ == "__main__":
    left = run(sys.argv[1:])
    if left:
        sys.exit("Not noticed: " + "; ".join(left))
