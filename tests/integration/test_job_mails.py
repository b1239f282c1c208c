"""Attachments from a mailbox, over IMAP and TLS: mails of every kind that people send."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.imap_server import Mailbox, imap_server
from tests.support.job_sources import private_authority
from tests.support.job_world import WELL, World, job_world

from ordersheet.core.errors import SettingsError
from ordersheet.delivery.transport.factory import tls_context
from ordersheet.jobs.file_work import Ended
from ordersheet.jobs.sources import FileGone, SourceGone
from ordersheet.jobs.sources.mail import MailSource, plain_name
from ordersheet.jobs.states import FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SHEET = b"Order ID;Internal comment\r\n83601;Called\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return private_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def box(authority, monkeypatch):
    _, certificate, key = authority
    with imap_server(certificate, key) as mailbox:
        monkeypatch.setenv("ORDERSHEET_MAIL_PASSWORD", mailbox.password)
        yield mailbox


@pytest.fixture
def world(tmp_path):
    with job_world(tmp_path) as one:
        yield one


def source_of_mails(
    box: Mailbox, authority, pattern: str = "*.csv", senders: Sequence[str] = ()
) -> MailSource:
    return MailSource(box.url, pattern, box.password, tls=tls_context(authority[0]), senders=senders)


def mail(*names: str, sender: str = "Clerk <clerk@example.com>", content: bytes = SHEET) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, "orders@example.com", "Today's calls"
    made["Date"] = "Fri, 27 Nov 2026 06:00:00 +0100"
    made.set_content("See the sheet.\n")
    for name in names:
        made.add_attachment(content, maintype="text", subtype="csv", filename=name)
    return made


def as_written(*headers: str, filename: str) -> bytes:
    """Write a mail by hand, with a name for its attachment that a well-behaved program would not write."""
    of_mail = ["From: clerk@example.com", "Subject: calls", "MIME-Version: 1.0", *headers]
    text = ["Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/plain", "", "See it."]
    kind = f"Content-Type: text/csv; name={filename}"
    sheet = ["--b", kind, f"Content-Disposition: attachment; filename={filename}", ""]
    rows = ["Order ID;Internal comment", "83601;Called", "--b--", ""]
    return "\r\n".join([*of_mail, *text, *sheet, *rows]).encode("utf-8")


def names(source: MailSource) -> list[str]:
    return [one.name for one in source.look()]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("=?utf-8?B?U3TDuGNrLmNzdg==?=", "Støck.csv"),
        ('"=?iso-8859-1?Q?Gr=F6=DFe_1.csv?="', "Größe 1.csv"),
        ('"calls 1, of 2 (new).csv"', "calls 1, of 2 (new).csv"),
        ('"C:\\\\Users\\\\clerk\\\\calls.csv"', "calls.csv"),
        ('"../../etc/calls.csv"', "calls.csv"),
        ("CALLS.CSV", "CALLS.CSV"),
        ('"заказы.csv"', "заказы.csv"),
    ],
)
def test_the_name_of_an_attachment_is_read_as_people_see_it(box, authority, tmp_path, written, read):
    box.add(as_written(filename=written))
    source = source_of_mails(box, authority)
    (seen,) = source.look()
    assert seen.name == read
    source.fetch(seen.key, tmp_path / "copy")
    assert b"83601;Called" in (tmp_path / "copy").read_bytes()


def test_a_name_in_pieces_is_put_together(box, authority):
    long = "an export of all the calls that were made in the week before - " * 2 + ".csv"
    box.add(mail(long).as_bytes())
    (name,) = names(source_of_mails(box, authority))
    assert name.startswith("an export of all the calls")
    assert name.endswith(".csv")
    assert len(name.encode()) <= 120


def test_mails_of_other_kinds_hold_what_they_hold(box, authority, tmp_path):
    picture = EmailMessage(policy=SMTP)
    picture["From"] = "clerk@example.com"
    picture.set_content("<p>See the sheet.</p>", subtype="html")
    picture.add_related(b"GIF89a", maintype="image", subtype="gif", cid="<logo>")
    picture.add_attachment(SHEET, maintype="text", subtype="csv", filename="calls.csv")
    forwarded = EmailMessage(policy=SMTP)
    forwarded["From"], forwarded["Subject"] = "boss@example.com", "Fwd: calls"
    forwarded.set_content("For you.\n")
    forwarded.add_attachment(mail("inner.csv", content=b"forwarded"))
    for one in (
        mail(),  # no attachment
        mail("a.csv", "b.csv", "notes.pdf", ".hidden.csv", "half.csv.part", "calls.csv.problems.txt"),
        mail("same.csv", "same.csv"),
        picture,
        forwarded,
    ):
        box.add(one.as_bytes())
    box.add(b"\r\n\r\n\xff\xfe no mail at all")
    box.add(b"")
    source = source_of_mails(box, authority)
    found = source.look()
    assert [one.name for one in found] == ["a.csv", "b.csv", "same.csv", "same.csv", "calls.csv", "inner.csv"]
    assert len({one.key for one in found}) == len(found)
    source.fetch(found[-1].key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes().strip() == b"forwarded"
    # A part without a name is no file, whatever the pattern.
    assert all(names(source_of_mails(box, authority, "*")))


def test_only_the_mails_of_those_who_were_named_are_looked_at(box, authority):
    box.add(mail("ours.csv", sender='"Clerk, the" <Clerk@Example.com>').as_bytes())
    box.add(mail("theirs.csv", sender="clerk@example.com.evil.example").as_bytes())
    box.add(mail("named.csv", sender='"clerk@example.com" <x@evil.example>').as_bytes())
    box.add(as_written(filename="nobody.csv").replace(b"From: clerk@example.com\r\n", b""))
    assert names(source_of_mails(box, authority, senders=["*@example.com"])) == ["ours.csv"]
    assert len(names(source_of_mails(box, authority))) == 4


def test_the_day_of_a_file_is_the_one_on_which_its_mail_came(box, authority):
    came = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    box.add(mail("a.csv").as_bytes(), came)
    box.add(as_written(filename="b.csv"), came)
    assert [one.modified for one in source_of_mails(box, authority).look()] == [came, came]


def test_a_mail_is_read_once_and_stays_as_it_was(box, authority, tmp_path):
    box.add(mail("a.csv").as_bytes())
    box.add(mail("old.csv").as_bytes(), datetime.now(UTC) - timedelta(days=60))
    source = source_of_mails(box, authority)
    assert names(source) == names(source) == ["a.csv"]
    assert "SELECT" not in box.asked
    # One for the mail, one for when it came.
    assert box.asked.count("UID FETCH") == 2
    assert not any(one.flags for one in box.mails)
    # A server that numbers its mails anew is read anew; what was seen under the old numbers is gone.
    (before,) = source.look()
    box.validity += 1
    (after,) = source.look()
    assert before.key != after.key
    with pytest.raises(FileGone):
        source.fetch(before.key, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("command", range(1, 9))
def test_a_connection_that_breaks_is_made_anew(box, authority, tmp_path, command):
    box.add(mail("a.csv").as_bytes())
    source = source_of_mails(box, authority)
    box.cut = command
    try:
        source.look()
    except SourceGone as gone:
        assert "\n" not in str(gone)  # noqa: PT017 - where it breaks, nothing more is asked for
    (seen,) = source.look()
    box.cut = None
    source.fetch(seen.key, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == SHEET


# Python's own IMAP leaves the socket of a handshake that failed to the garbage collector, which warns.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_stands_in_the_way_is_one_sentence_without_the_password(box, authority, tmp_path):
    def said(url: str, password: str, ca: Path) -> str:
        (fault,) = MailSource(url, "*", password, tls=tls_context(ca)).faults()
        assert box.password not in fault
        assert "\n" not in fault
        return fault

    other, _, _ = private_authority(tmp_path)
    assert "does not take this user with this password" in said(box.url, "wrong", authority[0])
    assert "no such folder" in said(box.url.replace("INBOX", "Nowhere"), box.password, authority[0])
    assert "certificate is not trusted" in said(box.url, box.password, other)
    assert "127.0.0.1" in said("imaps://a@127.0.0.1:1/INBOX", "x", authority[0])
    assert source_of_mails(box, authority).faults() == []
    with pytest.raises(SettingsError, match="%40"):
        MailSource("imaps://mail.example.com/INBOX", "*", "x")


# --- the whole way


def set_up(world: World, box: Mailbox, authority, **keys: Any) -> None:
    reports = world.folder / "reports"
    known = {"source": box.url, "pattern": "*.csv", "report_to": str(reports), "ca_bundle": str(authority[0])}
    world.set_up(**{**known, "stable": "0s", **keys})


def test_each_attachment_is_sent_once_whatever_else_comes_and_goes(world, box, authority):
    set_up(world, box, authority, batch="{file}")
    monday = box.add(mail("calls.csv", content=b"monday").as_bytes())
    world.look()
    box.add(mail("calls.csv", content=b"tuesday").as_bytes())
    world.look()
    # The first one is too old by now, or somebody has removed it; and the program starts anew.
    box.mails.remove(monday)
    for _ in range(2):
        set_up(world, box, authority, batch="{file}")
        world.look()
    assert world.sent == ["monday", "tuesday"]
    assert len(world.people.told) == 2


def test_the_same_sheet_in_a_second_mail_is_told_once_and_not_sent(world, box, authority):
    set_up(world, box, authority)
    box.add(mail("calls.csv").as_bytes())
    box.add(mail("calls.csv").as_bytes())
    for _ in range(2):
        set_up(world, box, authority)
        world.look()
        world.look()
    assert len(world.sent) == 1
    assert ["the same as" in subject for subject in world.people.subjects] == [False, True]


def test_an_attachment_that_failed_is_not_tried_for_ever_but_may_come_in_another_mail(world, box, authority):
    world.answers += [Ended(FAILED, {"error": "No such sheet."}), WELL]
    box.add(mail("calls.csv").as_bytes())
    for _ in range(3):
        set_up(world, box, authority)
        world.look()
    assert len(world.sent) == 1
    box.add(mail("calls.csv").as_bytes())
    for _ in range(3):
        set_up(world, box, authority)
        world.look()
    assert len(world.sent) == 2
    # The first mail's is now the same as the second's, and that is said once.
    assert ["the same as" in subject for subject in world.people.subjects] == [False, False, True]


def test_a_mail_that_is_gone_before_it_is_sent_leaves_the_others(world, box, authority):
    set_up(world, box, authority, stable="10s")
    box.add(mail("gone.csv").as_bytes())
    box.add(mail("here.csv", content=b"here").as_bytes())
    world.look()
    del box.mails[0]
    world.look(after=20)
    world.look(after=20)
    assert world.sent == ["here"]


@given(st.text(max_size=200) | st.text("aö.x", min_size=100, max_size=300))
def test_whatever_a_name_holds_a_file_can_be_called_so(name):
    plain = plain_name(name)
    assert not set(plain) & {"/", "\\", "\0", "\n"}
    assert len(plain.encode()) <= 120


def test_reading_again_costs_nothing_while_nothing_comes(box, authority):
    for number in range(20):
        box.add(mail(f"{number}.csv").as_bytes())
    source = source_of_mails(box, authority)
    source.look()
    asked = len(box.asked)
    source.look()
    assert len(box.asked) - asked == 5  # CAPABILITY, LOGIN, EXAMINE, UID SEARCH, LOGOUT
