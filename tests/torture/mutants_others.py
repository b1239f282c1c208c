"""What the mutation run takes out of the other rooms: ledger, history, loader, mapping, undo."""

from __future__ import annotations

from tests.torture.mutant import Mutant

KILLS = "tests/torture/test_kills.py"
UNDOS = "tests/torture/test_undo.py"
UNDO_MODEL = "tests/model/test_undo.py"
DISK = "tests/torture/test_disk.py"
PROCESSES = "tests/torture/test_processes.py"
UNDO_WALK = "tests/unit/history/test_undo_walk.py"
GUARD_COLUMNS = "tests/unit/mapping/test_guards.py"
UNDO_PROMISE = "tests/unit/delivery/test_undo_promise.py"
LEDGER_UNDO = "tests/integration/test_ledger_undo.py"
KEYS = "tests/unit/ledger/test_ledger_keys.py"
LEDGER_PROCESSES = "tests/integration/test_ledger_processes.py"
TRIES = "tests/integration/test_tries.py"
WRITERS = "tests/integration/test_workbook_writers.py"
NUMBER_FORMAT = "tests/unit/loader/test_numberformat.py"

MUTANTS = (
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
        "what is undone still counts as done",
        "ledger/histories.py",
        "if taken == UNDONE or (",
        "if (",
        UNDOS,
        LEDGER_UNDO,
    ),
    Mutant(
        "a try knows nothing of what others did since the first",
        "ledger/histories.py",
        "EarlierTries(self.story, self.own, self.since, self.undone_since)",
        "EarlierTries(self.story, self.own, (), self.undone_since)",
        f"{TRIES}::test_nothing_is_sent_again_or_over_what_is_newer_however_often_a_chunk_is_tried",
        f"{TRIES}::test_a_row_of_an_earlier_try_is_not_sent_again_over_what_a_colleague_wrote",
    ),
    Mutant(
        "what an earlier try did counts as another run's",
        "ledger/histories.py",
        "own = entry.ref.run in came.runs",
        "own = False",
        f"{TRIES}::test_nothing_is_sent_again_or_over_what_is_newer_however_often_a_chunk_is_tried",
        f"{TRIES}::test_a_row_of_an_earlier_try_is_not_sent_again_over_what_a_colleague_wrote",
    ),
    Mutant(
        "an overwrite in doubt is sent again over what others wrote after it",
        "core/history/tries.py",
        "return next(filter(_is_written, later), None)",
        "return None if list(later) else None",
        f"{TRIES}::test_nothing_is_sent_again_or_over_what_is_newer_however_often_a_chunk_is_tried",
        f"{TRIES}::test_an_overwrite_that_stays_in_doubt_goes_over_nothing_of_a_colleague",
    ),
    Mutant(
        "days count from the day after",
        "loader/numberformat/serial_date.py",
        "_ORIGIN_1900 = date(1899, 12, 30)",
        "_ORIGIN_1900 = date(1899, 12, 31)",
        WRITERS,
        NUMBER_FORMAT,
    ),
)
