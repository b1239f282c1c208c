"""Rows that find no room for as long as they are worked on are one sentence, whatever keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX'")

LIMITED = """
import random, resource, sys
from ordersheet.core.errors import UsageError
from ordersheet.core.model import LeftOut, Outcome
from ordersheet.loader.row_store import RowStore
from ordersheet.loader.xlsx.strings import SharedStrings
from ordersheet.pipeline.staging import Staging

made = random.Random(7)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    if sys.argv[1] == "staging":
        staging = Staging()
        for number in range(10_000):
            staging.add(LeftOut(number, Outcome.INVALID, made.randbytes(50).hex()))
        staging.seal()
    else:
        store = RowStore() if sys.argv[1] == "rows" else SharedStrings()
        for number in range(30_000):
            store.add(made.randbytes(600).hex())
except UsageError as error:
    print(error.code, error)
"""


@pytest.mark.parametrize("kept", ["staging", "rows", "strings"])
@pytest.mark.parametrize("limit", [1, 100_000])
def test_rows_for_which_there_is_no_room_are_one_sentence(kept, limit):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, kept, str(limit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"disk-full The folder for temporary files, {tempfile.gettempdir()},")
    assert "TMPDIR" in done.stdout
    assert done.stdout.count("\n") == 1


def test_a_command_without_that_room_says_what_to_do(tmp_path):
    (tmp_path / "orders.csv").write_text("Order ID,Internal comment\n83600,first\n", encoding="utf-8")
    limit = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (1, -1));"
    run = "runpy.run_module('ordersheet', run_name='__main__', alter_sys=True)"
    done = subprocess.run(
        [sys.executable, "-c", limit + run, "check", "orders.csv"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Make room there" in done.stderr
    assert "Traceback" not in done.stderr
