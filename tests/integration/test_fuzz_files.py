"""Damaged files end in a table or in one sentence: no traceback, no hang, no memory beyond a limit."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import clerk_files
from tests.support.command import ROOT, SAMPLES
from tests.support.fuzz import Child, checksum, damaged
from tests.support.libreoffice import SOFFICE, convert

CORPUS = Path(os.environ.get("ORDERSHEET_CORPUS", ROOT.parent / "shared" / "corpus"))
FEW = 15
"""Damaged files of each seed in `make test`; about 20 seconds in all."""
LONG = 600
"""Seconds of the long campaign."""
FIRST = 20261123


@dataclass(frozen=True)
class Seed:
    """A real file, and how it is checked."""

    path: Path
    data: bytes
    options: tuple[str, ...]


CORPUS_ORDERS = {
    "AutoFilter.xlsx": ("Code", "One Cond"),
    "ErrorTypes.xlsx": ("Val", "RawErrors"),
    "issue_174.xlsx": ("Your Ref #", "Sheet1"),
    "hidden_sheets.xlsx": ("Sales", "Sheet"),
    "merge_cells.xlsx": ("C1:C2", "Merge"),
    "legacy_drawing.xlsm": ("comment", "Sheet1"),
    "utf-16le_encoded.csv": ("Reporting_period", None),
}
"""Which column of other people's files stands in for the order ID, and on which sheet."""


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> list[Seed]:
    folder = tmp_path_factory.mktemp("seeds")
    made = [
        clerk_files.filtered(folder / "filtered.xlsx"),
        clerk_files.german_csv(folder / "german.csv"),
        clerk_files.google_export(folder / "google.xlsx"),
        clerk_files.for_libreoffice(folder / "plain.xlsx"),
        *(SAMPLES / name for name in ("customer-service.xlsx", "carrier-delay.csv", "attributes.csv")),
    ]
    if SOFFICE is not None:
        for form in ("ods", "xls"):
            target = folder / form
            target.mkdir()
            made += convert([folder / "plain.xlsx"], form, target)
    found = [Seed(path, path.read_bytes(), ()) for path in made]
    for name, (header, sheet) in CORPUS_ORDERS.items():
        path = CORPUS / name
        if path.exists():
            mapping = folder / f"{name}.toml"
            mapping.write_text(f'version = 1\n[columns]\n"{header}" = "order"\n', encoding="utf-8")
            options = ("--mapping", str(mapping), "--set", "internalComment=x")
            found.append(Seed(path, path.read_bytes(), (*options, *(("--sheet", sheet) if sheet else ()))))
    return found


@pytest.fixture
def child(tmp_path):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src")))}
    one = Child(tmp_path, env)
    yield one
    one.end()


def readable(path: Path) -> set[str]:
    """List the parts of a package that can be unpacked: damaged ones are copied as they are."""
    found = set()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as package:
            for info in package.infolist():
                with contextlib.suppress(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):
                    package.read(info)
                    found.add(info.filename)
    return found


def check(child: Child, seed: Seed, number: int, folder: Path) -> int:
    """Check one damaged file, with a file of its problems written; gives the exit code."""
    chance = random.Random(number)
    data = damaged(seed.data, chance)
    path = folder / f"fuzz{seed.path.suffix}"
    path.write_bytes(data)
    problems = folder / f"problems{seed.path.suffix}"
    problems.unlink(missing_ok=True)
    hidden = chance.choice(("refuse", "include", "skip"))
    verdict = child.run(["check", str(path), *seed.options, "--hidden", hidden, "--problems", str(problems)])
    if verdict.fault is not None or verdict.code not in (0, 1, 2):
        kept = Path(os.environ.get("TMPDIR", "/tmp")) / f"ordersheet-{checksum(data)}{seed.path.suffix}"
        shutil.copyfile(path, kept)
        pytest.fail(f"{seed.path.name}, number {number}, kept as {kept}: {verdict.code} {verdict.fault}")
    if verdict.code != 2:
        for written in folder.glob("problems.xls?"):
            # Either the file itself, with what was damaged still damaged, or a workbook of our own.
            assert "xl/workbook.xml" in readable(written)
            written.unlink()
    return verdict.code


def test_damaged_files_end_in_a_table_or_in_one_sentence(child, seeds, tmp_path):
    codes = {
        check(child, seed, FIRST + number, tmp_path)
        for seed in seeds
        for number in range(FEW if seed.path.suffix != ".xls" else 3)
    }
    # Damage that always shows at the first look would test little.
    assert codes == {0, 1, 2}


@pytest.mark.torture
def test_damaged_files_end_so_for_ten_minutes(child, seeds, tmp_path):
    begin = time.monotonic()
    number = random.SystemRandom().randrange(10**12)
    count = 0
    while time.monotonic() - begin < LONG:
        for seed in seeds:
            check(child, seed, number, tmp_path)
            number, count = number + 1, count + 1
    assert count > len(seeds)
