"""Where files come from and messages go, over each real protocol: SFTP, S3, HTTPS, SMTP."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.support.job_sources import https_server, mail_server, private_authority, s3_server, sftp_server

from ordersheet.core.errors import FilePlaceError, SettingsError, SourceError
from ordersheet.core.file_place import FilePlace
from ordersheet.jobs.definition import JobDefinition
from ordersheet.jobs.messages import Message
from ordersheet.jobs.notify import Apprise, NotTold
from ordersheet.jobs.notify_child import AppriseChild
from ordersheet.jobs.sources import FileGone, SourceGone
from ordersheet.jobs.sources.remote import RemoteSource
from ordersheet.jobs.sources.single_file import fetch_url, put_url
from ordersheet.remote.kept_files import KeptFileGone, kept_files, new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

SHEET = b"Order ID;Internal comment\n83601;Called\n"


@pytest.fixture(scope="module")
def sftp_place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sftp")
    with sftp_server(folder / "root", folder / "home") as server:
        yield server


@pytest.fixture
def sftp(sftp_place, monkeypatch):
    """Give a server with an empty folder, whose host key is known."""
    shutil.rmtree(sftp_place.root / "in")
    (sftp_place.root / "in").mkdir()
    sftp_place.know()
    monkeypatch.setenv("HOME", str(sftp_place.home))
    return sftp_place


@pytest.fixture(scope="module")
def s3_address():
    with s3_server() as address:
        yield address


@pytest.fixture
def bucket(s3_address, monkeypatch, request):
    boto3 = pytest.importorskip("boto3")

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    client = boto3.client("s3")
    name = "b" + str(abs(hash(request.node.name)))
    client.create_bucket(Bucket=name)
    yield client, name
    client.close()


def go_the_whole_way(source: RemoteSource, tmp_path, put) -> None:
    """Let one file come, be taken, and be put away, and a second of its name beside it."""
    assert source.look() == []
    assert source.faults() == []
    for time, lies in ((1, "calls.csv"), (2, "calls (2).csv")):
        put("calls.csv", SHEET + b"\n" * time)
        put(".hidden.csv", b"x")
        put("calls.csv.part", b"x")
        (seen,) = source.look()
        assert (seen.name, seen.size) == ("calls.csv", len(SHEET) + time)
        assert datetime.now(UTC) - seen.modified < timedelta(minutes=5)
        working = source.take("calls.csv", time)
        # Done again, it is what was done.
        assert source.take("calls.csv", time) == working
        assert source.has(working)
        assert source.look() == []
        if time > 1:
            assert source.put_away(working, "done", "calls.csv") is None
            assert source.has(working)
        with pytest.raises(FileGone):
            source.fetch("calls.csv", tmp_path / "gone")
        with pytest.raises(FileGone):
            source.take("calls.csv", 99)
        source.fetch_taken(working, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == SHEET + b"\n" * time
        name = source.free("done", "calls.csv")
        assert name == lies
        # Done again, it finds what it did.
        for _ in range(2):
            assert str(source.put_away(working, "done", name)).endswith(f"/done/{lies}")
        with pytest.raises(FileGone):
            source.put_away(working, "done", "other.csv")
        assert not source.has(working)
        assert source.look() == []
    report = tmp_path / "report.csv"
    report.write_bytes(b"a report")
    first = source.put(report, "done", "report.csv")
    assert source.put(report, "done", "report.csv") == first
    report.write_bytes(b"another")
    assert source.put(report, "done", "report.csv").endswith("/done/report (2).csv")
    assert source.prune("done", datetime.now(UTC) - timedelta(days=1)) == 0
    assert source.prune("done", datetime.now(UTC) + timedelta(days=1)) == 4


def test_a_file_goes_its_whole_way_over_sftp(sftp, tmp_path):
    def put(name, content):
        (sftp.root / "in" / name).write_bytes(content)

    go_the_whole_way(RemoteSource(sftp.url, "*.csv", "working"), tmp_path, put)
    assert list((sftp.root / "in" / "working").iterdir()) == []


def test_a_server_that_goes_and_comes_back_is_reached_again(sftp):
    source = RemoteSource(sftp.url, "*.csv", "working")
    assert source.look() == []
    sftp.stop()
    with pytest.raises(SourceGone):
        source.look()
    with pytest.raises(SourceGone):
        source.has("1/calls.csv")
    sftp.listen()
    (sftp.root / "in" / "calls.csv").write_bytes(SHEET)
    assert [one.name for one in source.look()] == ["calls.csv"]
    sftp.restart()
    with pytest.raises(SourceGone):
        source.look()
    assert [one.name for one in source.look()] == ["calls.csv"]


def test_nothing_is_asked_of_a_source_before_it_is_looked_at():
    source = RemoteSource("sftp://orders@127.0.0.1:1/in", "*.csv", "working")
    with pytest.raises(SourceGone):
        source.look()


def test_a_file_goes_its_whole_way_over_s3(bucket, tmp_path):
    client, name = bucket

    def put(key, content):
        client.put_object(Bucket=name, Key=f"in/{key}", Body=content)

    go_the_whole_way(RemoteSource(f"s3://{name}/in", "*.csv", "working"), tmp_path, put)


def test_a_copy_that_was_not_yet_removed_is_not_a_second_file(bucket, tmp_path):
    """An object store moves by copying: killed between the copy and the removal, both are there."""
    client, name = bucket
    client.put_object(Bucket=name, Key="in/calls.csv", Body=SHEET)
    client.put_object(Bucket=name, Key="in/working/7/calls.csv", Body=SHEET)
    source = RemoteSource(f"s3://{name}/in", "*.csv", "working")
    working = source.take("calls.csv", 7)
    assert source.look() == []
    client.put_object(Bucket=name, Key="in/done/calls.csv", Body=SHEET)
    source.put_away(working, "done", "calls.csv")
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=name)["Contents"]]
    assert keys == ["in/done/calls.csv"]


@pytest.mark.parametrize("other", ["none at all", "unknown", "changed"])
def test_a_host_key_that_is_unknown_or_changed_is_refused_with_the_mend(sftp, tmp_path, other):
    import asyncssh

    if other == "none at all":
        (sftp.home / ".ssh" / "known_hosts").unlink()
    elif other == "unknown":
        sftp.know("example.com " + sftp.host_line.partition(" ")[2])
    else:
        key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        sftp.know(f"[127.0.0.1]:{sftp.port} {key}")
    with pytest.raises(SourceGone, match="host key is not known here, or is another one than before"):
        RemoteSource(sftp.url, "*.csv", "working").look()


def test_a_server_that_is_not_there_and_a_folder_that_is_not_are_one_sentence(sftp, bucket):
    for url in (
        "sftp://orders@127.0.0.1:1/in",
        f"sftp://orders@127.0.0.1:{sftp.port}/nowhere",
        "s3://no-such-bucket-anywhere/in",
    ):
        with pytest.raises(SourceGone) as caught:
            RemoteSource(url, "*.csv", "working").look()
        assert "\n" not in str(caught.value)


def test_https_is_read_with_an_authority_of_its_own_and_not_without(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "calls.csv").write_bytes(SHEET)
    ca, certificate, key = private_authority(tmp_path)
    with https_server(folder, certificate, key) as address:
        with pytest.raises(SourceGone):
            fetch_url(f"{address}/calls.csv", tmp_path)
        assert fetch_url(f"{address}/calls.csv?signature=1", tmp_path, ca).read_bytes() == SHEET
        source = RemoteSource.of(
            JobDefinition(name="a", source=f"{address}/calls.csv", options={"ca_bundle": str(ca)})
        )
        (seen,) = source.look()
        assert (seen.name, source.moves) == ("calls.csv", False)
        assert source.look() == [seen]
        with pytest.raises(SourceGone):
            fetch_url(f"{address}/other.csv", tmp_path, ca)


def test_a_file_behind_a_url_is_fetched_and_its_report_put_beside_it(sftp, tmp_path):
    (sftp.root / "in" / "my calls.csv").write_bytes(SHEET)
    here = fetch_url(f"{sftp.url}/my calls.csv", tmp_path)
    assert here.read_bytes() == SHEET
    (tmp_path / "report.csv").write_bytes(b"ok")
    assert put_url(tmp_path / "report.csv", sftp.url) == f"{sftp.url}/report.csv"
    assert (sftp.root / "in" / "report.csv").read_bytes() == b"ok"


# --- messages


MESSAGE = Message("partial", "calls.xlsx - shop.example.com: 9 ok, 4 no", "Two lines\nof it")


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("notifier", [Apprise, AppriseChild])
def test_a_mail_carries_subject_body_and_sheet(tmp_path, notifier):
    sheet = tmp_path / "calls-20261127-abcd.csv"
    sheet.write_bytes(SHEET)
    with mail_server() as mails:
        ends = "from=jobs@example.com&to=orders@example.com"
        address = f"mailto://127.0.0.1:{mails.port}?{ends}&mode=insecure&format=text"
        notifier([address]).tell(MESSAGE, sheet)
        (mail,) = mails.received
    assert mail["Subject"] == MESSAGE.subject
    assert mail.get_body(("plain",)).get_content().split() == MESSAGE.body.split()
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == sheet.name
    assert attached.get_payload(decode=True) == SHEET


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("made", [Apprise, AppriseChild])
def test_an_address_that_took_it_is_not_told_again(made):
    with mail_server() as mails:
        good = f"mailto://127.0.0.1:{mails.port}?from=a@example.com&to=b@example.com&mode=insecure"
        notifier = made(["json://127.0.0.1:1/", good])
        with pytest.raises(NotTold) as caught:
            notifier.tell(MESSAGE, None)
        assert caught.value.told == {1}
        with pytest.raises(NotTold):
            notifier.tell(MESSAGE, None, caught.value.told)
        assert len(mails.received) == 1


@pytest.mark.parametrize("made", [Apprise, AppriseChild])
def test_an_address_that_is_none_is_refused_without_being_shown(made):
    addresses = ["json://127.0.0.1:1/", "mialto://me:hunter2@example.com"]
    with pytest.raises(SettingsError, match="Address 2 of notify") as caught:
        made(addresses)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(NotTold, match="1 of 1 addresses"):
        made(addresses, faulty=True).tell(MESSAGE, None)
    made([]).tell(MESSAGE, None)


# ---- places for large files


def keep_a_file(place: FilePlace, lies) -> None:
    """Let a large file come, break off, be read and go; `lies` tells what lies there."""
    files, name = kept_files(place), new_name()
    blocks = [b"x" * 3_000_000, b"y" * 7_000_000, b"z"]
    files.put(name, blocks)
    assert lies() == [name]
    assert b"".join(files.blocks(name)) == b"".join(blocks)

    def breaks() -> Iterator[bytes]:
        yield from blocks
        raise SourceError("it was changed")

    other = new_name()
    with pytest.raises(SourceError):
        files.put(other, breaks())
    assert lies() == [name]
    with pytest.raises(KeptFileGone, match=other):
        list(files.blocks(other))
    for _ in range(2):
        files.remove(name)
        assert lies() == []


def test_a_large_file_is_kept_over_sftp_and_one_that_breaks_off_is_not(sftp):
    folder = sftp.root / "in"
    place = FilePlace(sftp.url)
    keep_a_file(place, lambda: sorted(path.name for path in folder.iterdir()))
    sftp.read_only()
    with pytest.raises(FilePlaceError, match="mend the rights"):
        kept_files(place).put(new_name(), [b"x"])
    sftp.read_only(only=False)
    sftp.stop()
    name = new_name()
    attempts = (
        lambda: kept_files(place).put(name, [b"x"]),
        lambda: list(kept_files(place).blocks(name)),
        lambda: kept_files(place).remove(name),
    )
    for attempt in attempts:
        with pytest.raises(FilePlaceError, match="cannot be reached"):
            attempt()
    sftp.listen()
    shutil.rmtree(folder)
    for attempt in attempts:
        with pytest.raises(FilePlaceError, match="it is not there"):
            attempt()
    folder.mkdir()


def test_a_large_file_is_kept_in_s3_and_one_that_breaks_off_is_not(bucket):
    client, name = bucket

    def lies() -> list[str]:
        assert not client.list_multipart_uploads(Bucket=name).get("Uploads")
        found = client.list_objects_v2(Bucket=name).get("Contents", [])
        return [one["Key"].removeprefix("large/") for one in found]

    keep_a_file(FilePlace(f"s3://{name}/large"), lies)
    place = kept_files(FilePlace("s3://nobucketofours/large"))
    for attempt in (
        lambda: place.put(new_name(), [b"x"]),
        lambda: list(place.blocks(new_name())),
        lambda: place.remove(new_name()),
    ):
        with pytest.raises(FilePlaceError, match="s3://nobucketofours/large"):
            attempt()
