"""check and send for a file behind a URL."""

from __future__ import annotations


def test_a_file_behind_a_url_is_sent_and_its_report_lies_beside_it(desk):
    (desk.folder / "there").mkdir()
    desk.file("there/calls.csv", "Order ID,Internal comment\n83600,by address\n")
    url = f"file://{desk.folder}/there/calls.csv"
    checked = desk.run("check", url, "--json")
    assert (checked.code, checked.json["file"]) == (0, url)
    sent = desk.run("send", url, "--yes", "--json")
    assert (sent.code, sent.json["status"]["ok"]) == (0, 1), sent.err
    assert "The report lies at " in sent.err
    assert len(list((desk.folder / "there").glob("calls-*.csv"))) == 1


def test_a_report_goes_to_the_folder_behind_a_url(desk):
    (desk.folder / "there").mkdir()
    desk.file("calls.csv", "Order ID,Internal comment\n83600,by path\n")
    sent = desk.run("send", "calls.csv", "--yes", "--report", f"file://{desk.folder}/there")
    assert sent.code == 0, sent.err
    assert len(list((desk.folder / "there").glob("calls-*.csv"))) == 1


def test_a_file_that_is_not_there_is_one_sentence(desk):
    ended = desk.run("send", f"file://{desk.folder}/no.csv", "--yes")
    assert ended.code == 2
    assert "not there any more" in ended.err
