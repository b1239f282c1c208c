"""One job with a clock, a sender and people of our own, over a real source and a real ledger."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ordersheet.jobs.definition import JobDefinition, read_jobs
from ordersheet.jobs.file_work import Ended, FileWork
from ordersheet.jobs.notify import NotTold
from ordersheet.jobs.passes import Passes, PassReport
from ordersheet.jobs.sources import source_of
from ordersheet.jobs.states import SENT
from ordersheet.jobs.telling import Teller
from ordersheet.jobs.workplace import Workplace
from ordersheet.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ordersheet.jobs.messages import Message

START = datetime(2026, 11, 27, 5, 0, tzinfo=UTC)
WELL = Ended(SENT, {"run": "r1", "host": "shop.example.com", "status": {"ok": 1, "no": 0}, "exit_code": 0})


@dataclass
class People:
    """Who is told."""

    told: list[Message] = field(default_factory=list)
    deaf: bool = False

    def tell(self, message: Message, _attachment: Path | None, told: frozenset[int] = frozenset()) -> None:
        if self.deaf:
            raise NotTold("Nobody hears.", told)
        self.told.append(message)

    @property
    def subjects(self) -> list[str]:
        return [message.subject for message in self.told]


@dataclass
class World:
    """One job, and all around it."""

    folder: Path
    ledger: Ledger
    now: datetime = START
    seconds: float = 0.0
    answers: list[Ended] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    known: list[Mapping[str, Any]] = field(default_factory=list)
    people: People = field(default_factory=People)
    job: JobDefinition = field(init=False)
    passes: Passes = field(init=False)

    def __post_init__(self) -> None:
        self.inbox.mkdir()
        self.set_up()

    @property
    def inbox(self) -> Path:
        return self.folder / "in"

    def send(
        self, _job: JobDefinition, path: Path, _batch: str | None, _folder: Path, known: Mapping[str, Any]
    ) -> Ended:
        self.known.append(known)
        self.sent.append(path.read_text(encoding="utf-8"))
        return self.answers.pop(0) if self.answers else WELL

    def set_up(self, on_point: Callable[[str], None] = lambda _name: None, **keys: Any) -> None:
        """Make the job anew, as a start of the program does."""
        kinds = ["failed", "partial", "nothing", "done"]
        known = {"source": str(self.inbox), "stable": "10s", "notify": ["json://x"], "notify_on": kinds}
        self.job = read_jobs({"nightly": {**known, **keys}}, "own.toml")["nightly"]
        files, private = self.ledger.job_files(), self.folder / "private"
        place = Workplace(self.job, files, private, lambda: self.now, on_point)
        work = FileWork(place, source_of(self.job), self, Teller(place, self.people))
        self.passes = Passes(work, lambda: self.seconds, lambda: False)

    def look(self, after: float = 0.0, *, jump: float = 0.0) -> PassReport:
        """Let time pass, and the clock jump, and make a pass."""
        self.seconds += after
        self.now += timedelta(seconds=after + jump)
        return self.passes.look()

    def put(self, name: str, text: str = "a") -> Path:
        path = self.inbox / name
        path.write_text(text, encoding="utf-8")
        return path

    def names(self, folder: str = "") -> list[str]:
        place = self.inbox / folder
        return sorted(path.name for path in place.iterdir() if path.is_file()) if place.is_dir() else []


@contextmanager
def job_world(folder: Path) -> Iterator[World]:
    """Give a world whose ledger goes by its clock."""
    made: list[World] = []
    path = folder / "home" / "ledger.db"
    with Ledger.open(path, clock=lambda: made[0].now if made else START) as ledger:
        made.append(World(folder, ledger))
        yield made[0]
