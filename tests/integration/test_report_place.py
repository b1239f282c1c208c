from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.reporting import result, results

from ordersheet.core.errors import OrdersheetError
from ordersheet.core.model import TableFacts
from ordersheet.reporter import (
    default_report_path,
    report_path_problem,
    report_suffix,
    write_fresh,
    write_report,
)
from ordersheet.reporter.atomic_file import AtomicFile, Disk
from ordersheet.reporter.report_check import is_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ordersheet.core.model import RowResult

CSV = TableFacts("csv", None, 1, encoding="utf-8", delimiter=",")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_bytes(b"Order ID\n1\n2\n")
    return path


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    return folder


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("orders.xlsx", ".xlsx", "orders-r1.xlsx"),
        ("a/b/old.orders.xls", ".xls", "old.orders-r1.xlsx"),
        ("orders", ".csv", "orders-r1.csv"),
        ("x" * 300 + ".csv", ".csv", "x" * 120 + "-r1.csv"),
    ],
)
def test_the_default_place_names_file_and_run(name, suffix, expected):
    assert default_report_path(name, "r1", suffix, Path("reports")) == Path("reports") / expected


@pytest.mark.parametrize(
    ("form", "own", "expected"),
    [
        ("csv", ".txt", ".txt"),
        ("csv", "", ".csv"),
        ("xlsx", ".xlsx", ".xlsx"),
        ("xlsm", ".xlsm", ".xlsm"),
        ("xls", ".xls", ".xlsx"),
        ("frame", "", ".xlsx"),
    ],
)
def test_the_suffix_follows_the_form(form, own, expected):
    assert report_suffix(form, own) == expected


def test_a_free_place_is_fine(tmp_path, source):
    assert report_path_problem(tmp_path / "out.csv", source, form="csv") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.csv"]


def test_the_input_is_refused_even_with_overwrite(source):
    assert "is the input" in (report_path_problem(source, source, overwrite=True) or "")


def test_the_input_is_refused_through_links_and_detours(tmp_path, source):
    detour = tmp_path / "x" / ".." / "orders.csv"
    (tmp_path / "x").mkdir()
    hard = tmp_path / "hard.csv"
    os.link(source, hard)
    soft = tmp_path / "soft.csv"
    soft.symlink_to(source)
    for path in (detour, hard, soft):
        assert "is the input" in (report_path_problem(path, source, overwrite=True) or "")


def test_a_missing_folder_a_folder_and_a_wrong_suffix_are_named(tmp_path, source):
    assert "no folder" in (report_path_problem(tmp_path / "no" / "out.csv", source) or "")
    assert "is a folder" in (report_path_problem(tmp_path, source) or "")
    assert "Name it out.xlsx" in (report_path_problem(tmp_path / "out.csv", source, form="xls") or "")
    assert "Name it out.csv" in (report_path_problem(tmp_path / "out.xlsx", source, form="csv") or "")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path, source):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    assert "cannot be written" in (report_path_problem(folder / "out.csv", source) or "")


def test_only_an_earlier_report_is_replaced_unasked(tmp_path, source):
    target = tmp_path / "out.csv"
    write_report(source, CSV, results([2, 3]), target)
    assert report_path_problem(target, source) is None
    other = tmp_path / "other.csv"
    other.write_bytes(b"update_status,x,update_outcome,update_message,update_time\n")
    assert "no earlier report" in (report_path_problem(other, source) or "")
    assert report_path_problem(other, source, overwrite=True) is None


@pytest.mark.parametrize(
    "text",
    [
        'Order ID;update_status;update_outcome;update_message;update_time\r\n1;ok;;;"x"',
        '"Order ID"\t"update_status"\t"update_outcome"\t"update_message"\t"update_time"',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_an_earlier_csv_report_is_recognised(tmp_path, text, encoding):
    path = tmp_path / "r.csv"
    path.write_bytes(text.encode(encoding))
    assert is_report(path)


def test_an_earlier_workbook_is_recognised_before_and_after_another_program_saved_it(tmp_path):
    path = tmp_path / "r.xlsx"
    write_fresh(results([2]), path)
    assert is_report(path)
    openpyxl.load_workbook(path).save(path)
    assert is_report(path)
    book = openpyxl.Workbook()
    book.worksheets[0].append(["update_status", "update_outcome", "update_message"])
    book.save(path)
    assert not is_report(path)


@pytest.mark.parametrize("data", [b"", b"PK\3\4 broken", b"\xff\xfe", b"\0" * 50])
def test_rubbish_is_no_report(tmp_path, data):
    path = tmp_path / "r.xlsx"
    path.write_bytes(data)
    assert not is_report(path)


def test_nothing_is_left_where_writing_fails(tmp_path, source):
    def broken() -> Iterator[RowResult]:
        yield result(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(source, CSV, broken(), tmp_path / "out.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["orders.csv"]


def test_a_report_replaces_an_earlier_one_through_a_link(tmp_path, source):
    real = tmp_path / "real.csv"
    real.write_bytes(b"old")
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    written = write_report(source, CSV, results([2, 3]), link)
    assert written.path == real
    assert link.is_symlink()
    assert b"update_status" in real.read_bytes()


def test_a_target_that_cannot_be_replaced_gives_another_name_and_says_so(tmp_path, source):
    target = tmp_path / "out.csv"
    target.mkdir()
    (tmp_path / "out-2.csv").write_bytes(b"somebody's")
    written = write_report(source, CSV, results([2, 3]), target)
    assert written.path == tmp_path / "out-3.csv"
    assert str(target) in (written.note or "")
    assert str(written.path) in (written.note or "")
    assert (tmp_path / "out-2.csv").read_bytes() == b"somebody's"


def test_the_input_is_not_replaced_even_if_nobody_asked_before(tmp_path, source):
    before = source.read_bytes()
    written = write_report(source, CSV, results([2, 3]), source)
    assert source.read_bytes() == before
    assert written.path == tmp_path / "orders-2.csv"


def test_a_folder_that_is_gone_leads_home(tmp_path, source, home):
    written = write_report(source, CSV, results([2, 3]), tmp_path / "gone" / "out.csv")
    assert written.path == home / "out.csv"
    assert "could not be written" in (written.note or "")


class SmallDisk(Disk):
    """A disk on which a file in one folder has room for so many bytes."""

    def __init__(self, folder: Path, room: int, home: Path) -> None:
        self.folder, self.room, self.home = folder, room, home

    def write(self, handle: int, data: memoryview) -> int:
        if os.fstat(handle).st_ino not in {file.stat().st_ino for file in self.folder.iterdir()}:
            return super().write(handle, data)
        left = self.room - os.lseek(handle, 0, os.SEEK_CUR)
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(handle, data[:left])

    def other_folders(self, folder: Path) -> list[Path]:
        return [folder.with_name(self.home.name)]


@given(
    room=st.integers(0, 400),
    pieces=st.lists(
        st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=200)), min_size=1, max_size=8
    ),
)
def test_a_disk_that_fills_up_moves_the_whole_file_home(room, pieces):
    with tempfile.TemporaryDirectory() as name:
        folder, home = Path(name, "full"), Path(name, "home")
        folder.mkdir()
        home.mkdir()
        wanted = bytearray()
        with AtomicFile(folder / "out.xlsx", None, SmallDisk(folder, room, home)) as out:
            for at, data in pieces:
                out.seek(min(at, len(wanted)))
                wanted[out.tell() : out.tell() + len(data)] = data
                out.write(data)
            written = out.land()
        assert written.path.read_bytes() == wanted
        moved = len(wanted) > room
        assert written.path.parent.name == ("home" if moved else "full")
        assert ("No space left" in (written.note or "")) == moved
        assert list(folder.iterdir()) == ([] if moved else [written.path])


class NoOtherPlace(Disk):
    def other_folders(self, folder: Path) -> list[Path]:
        return [folder]


def test_no_place_at_all_is_one_clear_error(tmp_path):
    with pytest.raises(OrdersheetError, match="could not be written") as caught:
        AtomicFile(tmp_path / "gone" / "out.csv", None, NoOtherPlace())
    assert caught.value.code == "report-unwritable"


class Listening(Disk):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def sync(self, handle: int) -> None:
        self.seen.append("sync")
        super().sync(handle)

    def rename(self, path: Path, target: Path) -> None:
        self.seen.append("name")
        super().rename(path, target)


def test_the_report_is_on_the_disk_before_it_has_its_name(tmp_path):
    disk = Listening()
    with AtomicFile(tmp_path / "out.csv", None, disk) as out:
        out.write(b"Order ID\n")
        out.land()
    assert disk.seen[:2] == ["sync", "name"]
    assert disk.seen[2:] == ([] if sys.platform == "win32" else ["sync"])
