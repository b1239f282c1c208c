"""One ledger, opened several times by one process and by others: what was made durable stays."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ordersheet.core.errors import LedgerError
from ordersheet.ledger import Ledger

LOOK = """
import json, sys
from pathlib import Path
from ordersheet.ledger import Ledger
with Ledger.open(Path(sys.argv[1]), create=False) as ledger:
    files = ledger.job_files()
    files.take("other", sys.argv[2], sys.argv[2], None, state="taken")
    print(json.dumps([one.name for one in files.latest("mine", "taken", limit=99)]))
"""


def another_process_sees(path, word: str) -> list[str]:
    """Let another process open the ledger, write a line, look, and leave."""
    command = [sys.executable, "-c", LOOK, str(path), word]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(json.loads(done.stdout))


def test_a_ledger_that_was_opened_twice_here_is_still_held_against_others(tmp_path):
    """As a watcher holds one open, and each of its sends opens it again."""
    path = tmp_path / "ledger.db"
    with Ledger.open(path) as mine:
        names = []
        for number in range(3):
            names.append(str(number))
            mine.job_files().take("mine", str(number), str(number), None, state="taken")
            with Ledger.open(path, create=False, read_only=number == 1):
                """Opened and closed, with nothing done."""
            assert another_process_sees(path, str(number)) == names
            # The one that has just left must not have taken the write-ahead log away.
            assert (tmp_path / "ledger.db-wal").exists()
    assert another_process_sees(path, "last") == names


def test_a_file_that_is_not_open_here_is_looked_at_each_time(tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger.open(path), Ledger.open(path):
        """Opened twice."""
    path.write_bytes(b"nothing like a ledger" * 99)
    with pytest.raises(LedgerError) as caught:
        Ledger.open(path)
    assert caught.value.code == "not-a-ledger"
