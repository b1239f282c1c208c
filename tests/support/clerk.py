"""What a clerk does in the page, by its forms alone: as a browser without script does it."""

from __future__ import annotations

import html
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from tests.support.browser import PageServer

_TOKEN = re.compile(r'name="once" value="([0-9a-f]{16})"')
_ALERT = re.compile(r'<p class="notice bad" role="alert">(.*?)</p>', re.DOTALL)


class Clerk:
    """Somebody who has the page open."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def drop(self, name: str, data: bytes, **chosen: str) -> str:
        """Bring a file in, and give the address of its page."""
        answer = self.client.post("/files", files={"file": (name, data)}, data=chosen)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def choose(self, path: str, part: str, **chosen: str | list[str]) -> None:
        """Post one of the forms of a file's page."""
        answer = self.client.post(f"{path}/{part}", data=chosen)
        assert answer.status_code in (204, 303), answer.text

    def settled(self, path: str, query: str = "") -> str:
        """Give a file's page once all is known; the stream of news says when."""
        with self.client.stream("GET", path + "/events") as news:
            for line in news.iter_lines():
                if '"stage": "done"' in line:
                    break
        return html.unescape(self.client.get(path + query).text)

    def form_to_send(self, path: str, answer: str = "") -> dict[str, str]:
        """Give the fields of the form that sends a file."""
        page = self.client.get(f"{path}/send" + (f"?with={answer}" if answer else "")).text
        found = _TOKEN.search(page)
        assert found, page
        return {"once": found[1], **({answer: "yes"} if answer else {})}

    def send(self, path: str, answer: str = "") -> str:
        """Send a file, and give the page of what came of it."""
        sent = self.client.post(f"{path}/send", data=self.form_to_send(path, answer))
        assert sent.status_code == 303, sent.text
        return self.ended(sent.headers["location"])

    def form_to_undo(self, run: str) -> tuple[dict[str, str], str]:
        """Give the fields of the form that undoes a run, and what it shows, once the orders are read."""
        page = "data-again"
        while "data-again" in page:
            page = self.client.get(f"{run}/undo").text
        found = _TOKEN.search(page)
        assert found, page
        return {"once": found[1]}, html.unescape(page)

    def is_live(self, address: str) -> bool:
        """Tell whether a run waits or is under way."""
        return "data-live" in self.client.get(address, follow_redirects=True).text

    def ended(self, address: str) -> str:
        """Wait for the end of a run, and give its page."""
        while True:
            with self.client.stream("GET", address + "/events") as news:
                for line in news.iter_lines():
                    if line == "event: end":
                        break
            page = self.client.get(address, follow_redirects=True)
            if "data-live" not in page.text:
                return html.unescape(page.text)
            address = page.url.path


def alert(page: str) -> str:
    """Give the first sentence of a page that says what is wrong."""
    found = _ALERT.search(page)
    assert found, page
    return found[1].strip()


def figure(page: str, word: str) -> int:
    """Give one of a page's large numbers by what stands beside it."""
    found = re.search(rf"<strong>([\d,]+)</strong>\s*(?:<a [^>]*>)?{word}", page)
    assert found, page
    return int(found[1].replace(",", ""))


@contextmanager
def clerk_of(server: PageServer) -> Iterator[Clerk]:
    """Open the page of a server."""
    with server.client() as client:
        yield Clerk(client)
