"""Large files of submitted runs: whole in their place or not there, whatever kills who writes them."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.ledgers import append, start, unsynced, work
from tests.support.small_disk import small_disk

from ordersheet.config.settings import resolve
from ordersheet.core.errors import FilePlaceError, LedgerError, SourceError, UsageError
from ordersheet.core.file_place import FilePlace
from ordersheet.ledger import Ledger
from ordersheet.ledger.chunks import written
from ordersheet.ledger.large_files import LOOKED_AFTER, LargeFile
from ordersheet.ledger.submissions import Submission
from ordersheet.pipeline.kept_input import InputGone, remove_unwanted, write_kept_input
from ordersheet.remote.kept_files import kept_files, new_name
from ordersheet.team.submit import submit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ordersheet.core.ledger_url import LedgerUrl
    from ordersheet.pipeline.preview import Preview

BLOCKS = [b"the first part, ", b"the second, ", b"the last"]
CONTENT = b"".join(BLOCKS)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def share(tmp_path: Path) -> Path:
    made = tmp_path / "share"
    made.mkdir()
    return made


def names(share: Path) -> list[str]:
    return sorted(path.name for path in share.iterdir())


def hand_over(ledger: Ledger, share: Path, blocks: Iterable[bytes] = BLOCKS, name: str = "") -> str:
    name, place = name or new_name(), FilePlace(str(share))
    return ledger.submissions().submit(
        Submission(
            start=start(sha256=SHA256),
            settings={"duplicates": "skip", "most_no": None},
            left_out=[],
            chunks=[written([work(10, (1, append("text")))])],
            file=(),
            large=LargeFile(name, str(place), lambda: kept_files(place).put(name, blocks)),
        )
    )


def opened(place: Path, **more: Any) -> Ledger:
    return Ledger.open(place, connect=unsynced, **more)


def finished(ledger: Ledger, run: str) -> None:
    one = ledger.submissions().take(run, 1)
    assert one is not None
    ledger.submissions().finish(one, "")


def fetched(ledger: Ledger, run: str, share: Path | None, target: Path) -> bytes:
    place = None if share is None else FilePlace(str(share))
    write_kept_input(ledger, ledger.run(run), target, place)
    return target.read_bytes()


def test_a_large_file_lives_as_long_as_its_run(tmp_path: Path, share: Path) -> None:
    now = [datetime(2026, 11, 27, tzinfo=UTC)]
    place = FilePlace(str(share))
    with opened(tmp_path / "ledger.db", clock=lambda: now[0]) as ledger:
        run = hand_over(ledger, share)
        assert fetched(ledger, run, share, tmp_path / "here") == CONTENT
        ledger.purge_all()
        assert remove_unwanted(ledger, place) == 0
        finished(ledger, run)
        ledger.purge_all()
        assert [one.removed for one in ledger.submissions().large_files.unwanted()] == [None]
        (name,) = names(share)
        assert remove_unwanted(ledger, place) == 1
        assert names(share) == []
        # Somebody who was frozen while he wrote has woken.
        (share / name).write_bytes(CONTENT)
        now[0] += LOOKED_AFTER
        assert remove_unwanted(ledger, place) == 0
        assert names(share) == []
        assert ledger.submissions().large_files.unwanted() == []


def test_a_copy_that_is_gone_or_another_file_is_told(tmp_path: Path, share: Path) -> None:
    with opened(tmp_path / "ledger.db") as ledger:
        run = hand_over(ledger, share)
        (name,) = names(share)
        (share / name).write_bytes(CONTENT.replace(b"last", b"next"))
        with pytest.raises(InputGone, match="not what was handed over"):
            fetched(ledger, run, share, tmp_path / "here")
        (share / name).unlink()
        with pytest.raises(InputGone, match="is not in"):
            fetched(ledger, run, share, tmp_path / "here")
        with pytest.raises(FilePlaceError, match="large-files"):
            fetched(ledger, run, None, tmp_path / "here")
        share.rmdir()
        with pytest.raises(FilePlaceError, match="it is not there"):
            fetched(ledger, run, share, tmp_path / "here")


def test_a_name_that_is_not_ours_is_refused(tmp_path: Path, share: Path) -> None:
    """Whoever may write to the ledger has no file read, or removed, that is no large file."""
    theirs = tmp_path / "accounts.csv"
    theirs.write_text("theirs")
    with opened(tmp_path / "ledger.db") as ledger:
        run = hand_over(ledger, share, name="../accounts.csv.copy")
        with pytest.raises(LedgerError, match="none of ordersheet's"):
            fetched(ledger, run, share, tmp_path / "here")
        finished(ledger, run)
        ledger.purge_all()
        with pytest.raises(LedgerError, match="none of ordersheet's"):
            remove_unwanted(ledger, FilePlace(str(share)))
    assert theirs.exists()
    assert (tmp_path / "accounts.csv.copy").exists()


def breaks(error: BaseException) -> Iterator[bytes]:
    yield BLOCKS[0]
    raise error


@pytest.mark.parametrize(
    "error", [SourceError("it was changed"), KeyboardInterrupt(), FilePlaceError("it is away")]
)
def test_what_breaks_off_leaves_neither_a_run_nor_a_file(
    tmp_path: Path, share: Path, error: BaseException
) -> None:
    with opened(tmp_path / "ledger.db") as ledger:
        with pytest.raises(type(error)):
            hand_over(ledger, share, breaks(error))
        assert (names(share), ledger.runs()) == ([], [])
        # In this same process, which still lives.
        run = hand_over(ledger, share)
        assert remove_unwanted(ledger, FilePlace(str(share))) == 1
        assert [one.run for one in ledger.runs()] == [run]
        assert fetched(ledger, run, share, tmp_path / "here") == CONTENT


def submitted(path: Path, share: Path, url: LedgerUrl, ask: Callable[[Preview], bool]) -> str:
    settings = resolve(
        {
            "base_url": "http://127.0.0.1:9/api/order-api/1",
            "ledger": url.url,
            "large_files": str(share),
            "large_from": "0.00001",
        },
        environ={},
    )
    return submit(path, settings, ask=ask, confirm=None).run


@pytest.mark.needs("postgres", "dbos")
def test_a_file_that_changes_while_it_is_copied_is_not_kept(
    team_url: LedgerUrl, tmp_path: Path, share: Path
) -> None:
    sheet = "Order ID,Internal comment\n83600,Called\n"
    path = tmp_path / "calls.csv"
    path.write_text(sheet)

    def change(_seen: Preview) -> bool:
        path.write_text(sheet.replace("Called", "Called twice"))
        return True

    with pytest.raises(SourceError, match="was changed after it had been read"):
        submitted(path, share, team_url, change)
    assert names(share) == []
    with Ledger.open(team_url, create=False) as ledger:
        assert ledger.runs() == []
    run = submitted(path, share, team_url, lambda _seen: True)
    with Ledger.open(team_url, create=False) as ledger:
        (name, where) = ledger.submissions().large_files.of_run(run) or ("", "")
        assert (where, names(share)) == (str(share), [name])
        assert fetched(ledger, run, share, tmp_path / "here").decode() == path.read_text()
        assert [one.removed is None for one in ledger.submissions().large_files.unwanted()] == [False]


def test_a_place_that_is_full_keeps_nothing(tmp_path: Path) -> None:
    with small_disk(1) as disk, opened(tmp_path / "ledger.db") as ledger:
        with pytest.raises(FilePlaceError, match="it is full"):
            hand_over(ledger, disk.place, [bytes(3_000_000)])
        assert (names(disk.place), ledger.runs()) == ([], [])
        assert hand_over(ledger, disk.place)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is killed so here")
def test_killed_at_each_point_a_hand_over_leaves_a_whole_run_or_none(tmp_path: Path) -> None:
    code = f"import sys; from {__name__} import kill_at_each_point; kill_at_each_point(sys.argv[1])"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=root, check=True)
    worlds = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))
    seen = set()
    for world in worlds:
        share, place = world / "share", FilePlace(str(world / "share"))
        with opened(world / "ledger.db") as ledger:
            runs = [one.run for one in ledger.runs()]
            seen.add((len(runs), len(names(share))))
            if runs:
                assert fetched(ledger, runs[0], share, world / "here") == CONTENT
                with pytest.raises(UsageError, match=runs[0]):
                    hand_over(ledger, share)
            else:
                runs = [hand_over(ledger, share)]
            remove_unwanted(ledger, place)
            assert [one.run for one in ledger.runs()] == runs
            (found, _) = ledger.submissions().large_files.of_run(runs[0]) or ("", "")
            assert names(share) == [found]
            assert fetched(ledger, runs[0], share, world / "here") == CONTENT
    assert len(worlds) > 15
    # Before the first byte, with a part of it or all of it, and handed over.
    assert seen == {(0, 0), (0, 1), (1, 1)}


def kill_at_each_point(folder: str) -> None:
    """Fork for each point, so that all is imported once; the n-th child works in the folder named n."""
    for point in itertools.count(1):
        world = Path(folder) / str(point)
        (world / "share").mkdir(parents=True)
        opened(world / "ledger.db").close()
        child = os.fork()
        if child == 0:
            _hand_over_until(world, point)
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return


def _hand_over_until(world: Path, last: int) -> None:
    count = itertools.count(1)

    def step(*_said: object) -> None:
        if next(count) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(event: str, args: tuple[object, ...]) -> None:
        if event in ("open", "os.rename", "os.remove") and str(world / "share") in str(args[0]):
            step()

    def blocks() -> Iterator[bytes]:
        for block in BLOCKS:
            step()
            yield block

    sys.addaudithook(audit)
    with opened(world / "ledger.db", on_point=step) as ledger:
        hand_over(ledger, world / "share", blocks())
        step()
