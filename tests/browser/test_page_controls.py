"""Every control of the page by its forms alone: how a sheet is read, what is sent, and what comes of it."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import openpyxl
import pytest
from tests.support.browser import page_server
from tests.support.clerk import alert, clerk_of, figure

from ordersheet.sandbox.app import SandboxConfig
from ordersheet.sandbox.faults import parse_fault
from ordersheet.sandbox.server import running
from ordersheet.sandbox.store import Store

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.browser import PageServer

    from ordersheet.sandbox.server import Running


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop, and a page that sends to it; each test has orders of its own."""
    folder = tmp_path_factory.mktemp("shop")
    store = Store(folder / "store.db")
    with (
        running(store, SandboxConfig()) as sandbox,
        page_of(folder, sandbox) as server,
        clerk_of(server) as clerk,
    ):
        yield clerk, store


def page_of(folder: Path, sandbox: Running, **environ: str) -> AbstractContextManager[PageServer]:
    home = folder / "home"
    home.mkdir(mode=0o700)
    told = {"ORDERSHEET_BASE_URL": sandbox.base_url, "ORDERSHEET_API_KEY": sandbox.key, **environ}
    return page_server(home, environ={"ORDERSHEET_SETTLE": "1", **told})


@pytest.fixture
def clerk(shop):
    return shop[0]


@pytest.fixture
def store(shop):
    return shop[1]


def csv(*rows: str, head: str = "Order ID;Internal comment") -> bytes:
    return "\n".join([head, *rows, ""]).encode()


def workbook(**sheets: list[list[object]]) -> bytes:
    book = openpyxl.Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    del book["Sheet"]
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def text_of(store: Store, order: int) -> str:
    found = store.get(order)
    assert found is not None
    return found.internal_comment


# ---- how a sheet is read ----


def test_one_of_several_sheets_is_chosen_from_a_list(clerk):
    rows: list[list[object]] = [["Order ID", "Internal comment"], [83600, "x"]]
    path = clerk.drop("two.xlsx", workbook(Monday=rows, Tuesday=[*rows, [83601, "y"]], Notes=[["hello"]]))
    page = clerk.settled(path)
    assert 'Choose one under "Columns"' in alert(page)
    assert re.findall(r"<option>(\w+)</option>", page) == ["Monday", "Tuesday", "Notes"]
    clerk.choose(path, "reading", sheet="Tuesday")
    page = clerk.settled(path)
    assert "Sheet “Tuesday”, headers in row 1" in page
    assert figure(page, "of 2 rows to send") == 2
    clerk.choose(path, "reading", sheet="Notes")
    assert "no column of order IDs" in alert(clerk.settled(path))
    clerk.choose(path, "reading", sheet="Monday")
    assert "of 1 rows to send" in clerk.settled(path)


def test_another_row_is_the_header_row(clerk, store):
    data = b"Order ID;What we did\nexplained below;\nOur ref;Note\n83602;called back\n"
    path = clerk.drop("report.csv", data)
    page = clerk.settled(path)
    assert "headers in row 1" in page
    assert re.findall(r"<option value=\"Our ref\">Our ref \((\w+)\)", page) == ["A3"]
    clerk.choose(path, "columns", order="Our ref")
    page = clerk.settled(path)
    assert "headers in row 3" in page
    clerk.choose(path, "columns", **{"field-1": "internalComment"})
    assert figure(clerk.settled(path), "of 1 rows to send") == 1
    clerk.send(path)
    assert text_of(store, 83602).endswith("called back")
    clerk.choose(path, "mapping/use", mapping="")
    assert "headers in row 1" in clerk.settled(path)


def test_an_encoding_and_a_delimiter_are_chosen_and_given_back(clerk):
    data = "Order ID;Internal comment\n83603;Łódź, zażółć\n".encode("cp1250")
    path = clerk.drop("polish.csv", data)
    clerk.choose(path, "reading", encoding="cp1252")
    assert "£ód\x9f" not in (page := clerk.settled(path))
    assert "Łódź" not in page
    clerk.choose(path, "reading", encoding="cp1250", delimiter="semicolon")
    page = clerk.settled(path)
    assert "Łódź, zażółć" in page
    assert '<option value="cp1250" selected>' in page
    assert '<option value="semicolon" selected>' in page
    clerk.choose(path, "reading", encoding="", delimiter="comma")
    assert "no column of order IDs" in alert(clerk.settled(path))
    clerk.choose(path, "reading", encoding="klingon", delimiter="")
    assert "klingon" in alert(page := clerk.settled(path))
    assert "<option selected>klingon</option>" in page


def test_a_refused_csv_offers_what_its_refusal_names(clerk):
    rows = [f"836{number:02};a, text, with commas" for number in range(8)]
    path = clerk.drop("commas.csv", csv(*rows, head="Order ID,b;Internal comment"))
    page = clerk.settled(path)
    assert alert(page)
    assert '<select name="delimiter"' in page
    clerk.choose(path, "reading", encoding="", delimiter="semicolon")
    clerk.choose(path, "columns", order="Order ID,b")
    assert figure(clerk.settled(path), "of 8 rows to send") == 8


def test_a_person_decides_about_hidden_rows_and_columns(clerk, store):
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Order ID", "Internal comment", "attr:erp_reference"],
        [83604, "seen", "1"],
        [83605, "unseen", "2"],
    ):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    path = clerk.drop("hidden.xlsx", saved(book))
    page = clerk.settled(path)
    assert "hidden" in alert(page)
    assert "/send" not in page
    clerk.choose(path, "hidden", hidden="skip")
    page = clerk.settled(path)
    assert figure(page, "of 2 rows to send") == 1
    assert 'value="skip" aria-pressed="true"' in page
    clerk.choose(path, "hidden", hidden="include")
    page = clerk.settled(path)
    assert figure(page, "of 2 rows to send") == 2
    assert "2 attributes" in page
    answer = clerk.client.post(path + "/hidden", data={"hidden": "perhaps"})
    assert 'Choose "Leave out" or "Include".' in answer.text.replace("&#34;", '"')


def test_a_column_that_guards_stays_a_guard_whatever_is_chosen_of_others(clerk, store):
    rows = ("83610;old;new", "83611;;new")
    path = clerk.drop("guarded.csv", csv(*rows, head="Order ID;expect:internalComment;What we did"))
    assert "guards internalComment, which is not sent" in alert(clerk.settled(path))
    clerk.choose(path, "columns", **{"field-2": "internalComment"})
    page = clerk.settled(path)
    assert "a row is sent only where Internal comment says this" in page
    assert 'name="field-1"' not in page
    clerk.choose(path, "mapping", name="guarded")
    before = text_of(store, 83610)
    clerk.settled(path)
    page = clerk.send(path)
    assert "changed since" in page
    assert text_of(store, 83610) == before


# ---- problems ----


def test_problems_are_filtered_by_kind_and_jumped_through(clerk):
    rows = [f"{number if number % 40 else 'x' + str(number)};text {number}" for number in range(1, 241)]
    rows[150] = f"{'9' * 30};too long"
    path = clerk.drop("problems.csv", csv(*rows))
    page = clerk.settled(path)
    assert figure(page, "with problems, never sent") == 7
    kinds = dict(re.findall(r'\?kind=(\w+)#rows" [^>]*>([\d,]+) ×', page))
    assert sum(map(int, kinds.values())) == 7
    for kind, count in kinds.items():
        shown = clerk.settled(path, f"?kind={kind}")
        assert len(re.findall(r'<tr id="row-\d+"', shown)) == int(count)
        assert f"One kind of problem {count}" in shown
    seen, address = [], path + "/next?after=0"
    for _ in range(8):
        found = clerk.client.get(address).headers["location"]
        seen.append(int(found.rpartition("#row-")[2]))
        shown = clerk.client.get(found).text
        assert f'id="row-{seen[-1]}"' in shown
        following = re.search(r'href="(/files/\w+/next\?after=\d+)">Next problem', shown)
        assert following
        address = following[1]
    assert seen == [41, 81, 121, 152, 161, 201, 241, 41]


def test_every_row_of_a_kind_is_found_where_there_are_thousands(clerk):
    rows = [f"{number};text" for number in range(1, 6)]
    rows += [f"no ID {number};text" for number in range(2300)]
    path = clerk.drop("many.csv", csv(*rows))
    page = clerk.settled(path)
    kinds = {
        int(count.replace(",", "")): kind
        for kind, count in re.findall(r'\?kind=(\w+)#rows" [^>]*>([\d,]+) ×', page)
    }
    assert 2300 in kinds, kinds
    last = clerk.settled(path, f"?kind={kinds[2300]}&page=23")
    assert "One kind of problem 2,300" in last
    assert re.findall(r'<tr id="row-(\d+)"', last)[-1] == "2306"
    clerk.choose(path, "cells", **{"row": "2306", "cell-0": "17"})
    assert "One kind of problem 2,299" in clerk.settled(path, f"?kind={kinds[2300]}")


def test_rows_that_ask_for_what_stands_there_are_shown_apart(clerk):
    head = "Order ID;Internal comment;Replace internal comment;expect:internalComment\n"
    path = clerk.drop("guards.csv", (head + "83600;new;yes;old\n83601;same;yes;same\n").encode())
    page = clerk.settled(path, "?show=unchanged")
    assert "Unchanged 1" in page
    assert re.findall(r'<tr id="row-(\d+)"', page) == ["3"]


# ---- sending ----


def test_a_form_that_is_posted_often_sends_once(clerk, store):
    path = clerk.drop("once.csv", csv("83606;once only"))
    clerk.settled(path)
    form = clerk.form_to_send(path)
    answers = [clerk.client.post(path + "/send", data=form) for _ in range(3)]
    assert len({answer.headers["location"] for answer in answers}) == 1
    clerk.ended(answers[0].headers["location"])
    late = clerk.client.post(path + "/send", data=form)
    assert late.headers["location"] == answers[0].headers["location"]
    clerk.ended(late.headers["location"])
    assert text_of(store, 83606).count("once only") == 1


def test_two_tabs_with_a_form_each_send_a_row_once(clerk, store):
    path = clerk.drop("tabs.csv", csv("83607;two tabs"))
    clerk.settled(path)
    forms = [clerk.form_to_send(path), clerk.form_to_send(path)]
    sent = [clerk.client.post(path + "/send", data=form) for form in forms]
    for answer in sent:
        if answer.status_code == 303:
            clerk.ended(answer.headers["location"])
    assert text_of(store, 83607).count("two tabs") == 1


def test_a_form_of_nowhere_sends_nothing(clerk, store):
    path = clerk.drop("nowhere.csv", csv("83608;nowhere"))
    clerk.settled(path)
    for token in ("", "short", "<script>", "0" * 15 + "/"):
        answer = clerk.client.post(path + "/send", data={"once": token})
        assert answer.status_code == 409
        assert "This form is not of this page" in answer.text
    assert "nowhere" not in text_of(store, 83608)


def test_what_is_done_is_sent_once_more_by_the_one_run_that_was_asked_to(clerk, store):
    path = clerk.drop("again.csv", csv("83609;called"))
    clerk.settled(path)
    clerk.send(path)
    page = clerk.settled(path)
    assert figure(page, "already done") == 1
    assert "Send 1 row" not in page
    clerk.choose(path, "repeats", again="yes")
    page = clerk.settled(path)
    assert "What is done already is sent once more" in page
    assert figure(page, "of 1 rows to send") == 1
    clerk.send(path)
    assert text_of(store, 83609).count("called") == 2
    page = clerk.settled(path)
    assert figure(page, "already done") == 1
    assert clerk.client.post(path + "/send", data={"once": "0" * 16}).status_code == 409


def test_what_the_shop_refused_is_asked_again_where_that_is_wished(clerk, store):
    path = clerk.drop("refused.csv", csv("99999999;no such order"))
    clerk.settled(path)
    assert figure(clerk.send(path), "no") == 1
    page = clerk.settled(path)
    assert figure(page, "refused before") == 1
    clerk.choose(path, "repeats", retry_no="yes")
    page = clerk.settled(path)
    assert figure(page, "of 1 rows to send") == 1
    clerk.choose(path, "repeats", retry_no="no")
    assert figure(clerk.settled(path), "refused before") == 1


# ---- what comes of it ----


def test_a_row_in_doubt_is_settled_by_who_has_looked(tmp_path):
    store = Store(tmp_path / "store.db")
    faults = [parse_fault("close-after:1"), parse_fault("close-before:2")]
    config = SandboxConfig(faults=faults, methods=frozenset({"PUT"}))
    with running(store, config) as sandbox, page_of(tmp_path, sandbox) as server, clerk_of(server) as clerk:
        path = clerk.drop("doubt.csv", csv("83600;was it applied", "83601;or was it not"))
        clerk.settled(path)
        page = clerk.send(path)
        doubts = re.findall(r'<input type="hidden" name="row" value="(\d+)">', page)
        assert doubts == ["2", "3"]
        assert "Look at order 83600" in page
        assert "ordersheet resolve" not in page
        run = re.search(r'action="(/runs/[\w-]+)/resolve"', page)
        assert run
        for row, applied in (("2", "yes"), ("3", "no")):
            answer = clerk.client.post(run[1] + "/resolve", data={"row": row, "applied": applied})
            assert answer.status_code == 303, answer.text
        assert (
            clerk.client.post(run[1] + "/resolve", data={"row": "2", "applied": "maybe"}).status_code == 409
        )
        page = clerk.client.get(run[1]).text
        assert "It was applied" not in page
        assert figure(page, "ok") == 1
        sheet = clerk.client.get(run[1] + "/sheet").text
        assert [line.split(";")[2] for line in sheet.splitlines()[1:]] == ["ok", "no"]
        clerk.settled(path)
        assert figure(clerk.send(path), "ok") == 2
        assert text_of(store, 83600).count("was it applied") == 1
        assert text_of(store, 83601).count("or was it not") == 1
