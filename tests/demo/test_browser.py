"""The nurse's browser of the story: it reads and presses what a person could, against the real pages, and nothing that is locked or not there."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn

from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import Cost, Passwords
from interop.adapters.store.memory import MemoryRecord
from interop.demo.browser import Browser, Nurse, read_page
from interop.demo.processes import Missing
from interop.domain.actor import Actor, Kind, Proof, Role
from interop.doors.pages import pages_app
from interop.doors.pages.frame import Frame, PagesSettings

CONSOLE = Actor("console-ops", Kind.SYSTEM, frozenset({Role.ADMINISTRATOR}), Proof.CONSOLE)
PASSWORD = "four words in a row"

PAGE = """<!doctype html><html><head><title>Unseen</title></head><body><script>unseen()</script>
<h1>Order <b>ORD-1</b></h1><p>DOPamine &amp; more</p><a href="/orders">All
orders</a>
<form method="post" action="scan"><input type="hidden" name="csrf" value="t&quot;1"><input name="label">
<select name="channel"><option value="A">A</option><option value="B" selected>B</option></select>
<input type="radio" name="weight" value="order"><input type="radio" name="weight" value="pump"><textarea name="note">seen</textarea>
<input name="ghost" disabled><button name="do" value="scan">Scan <b>it</b></button><button disabled>Confirm</button><button type="button">Help</button></form>
<form action="/find"><input name="q"><button>Find</button></form></body></html>"""


class Ward:
    """The pages behind TLS, on a clock that is turned by hand."""

    def __init__(self, certificates: Path) -> None:
        self.at = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}/"
        self.context = ssl.create_default_context(cafile=str(certificates / "ca.pem"))
        self._files = {"ssl_certfile": str(certificates / "server.pem"), "ssl_keyfile": str(certificates / "server.key")}
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._is_up.wait(30)

    def now(self) -> datetime:
        return self.at

    async def _serve(self) -> None:
        record = MemoryRecord("node-a", self)
        keys = Keys.of_secret("a secret of these tests, and long enough to be one")
        identity = LocalIdentity(record, self, keys, passwords=Passwords(Cost(1, 8, 1)))
        await identity.users.add(CONSOLE, "nurse", "Maria Berg", {Role.NURSE}, password=PASSWORD, badge="")
        config = uvicorn.Config(
            pages_app(Frame(identity, PagesSettings(is_demo=True))), log_config=None, access_log=False, lifespan="off", **self._files
        )
        self.server = uvicorn.Server(config)
        self._is_up.set()
        await self.server.serve(sockets=[self._socket])
        await record.close()

    def close(self) -> None:
        self.server.should_exit = True
        self._thread.join()
        self._socket.close()


@pytest.fixture
def ward(certificates: Path) -> Iterator[Ward]:
    ward = Ward(certificates)
    try:
        yield ward
    finally:
        ward.close()


def test_the_nurse_logs_in_when_she_is_asked_to_and_again_when_her_session_has_ended(ward: Ward):
    nurse = Nurse(ward.url, ward.context, "nurse", PASSWORD)
    page = nurse.get("/")
    assert "Logged in as Maria Berg" in page.text
    assert "Simulated patients and pumps" in page.text
    assert nurse.get("/").path == "/", "the session holds"
    ward.at += timedelta(hours=13)
    assert "Logged in as Maria Berg" in nurse.get("/").text
    left = nurse.press(nurse.get("/"), "Log off")
    assert left.path == "/login"
    with pytest.raises(Missing, match="the log-in of nurse was not accepted"):
        Nurse(ward.url, ward.context, "nurse", "another word").get("/")


def test_a_page_is_what_its_reader_sees_and_can_press():
    page = read_page(200, "/orders/1", PAGE)
    assert page.text.splitlines()[:2] == ["Order ORD-1", "DOPamine & more"]
    assert "unseen" not in page.text.casefold()
    assert page.links == {"All orders": "/orders"}
    form, button = page.form("Scan it")
    assert form.fields == {"csrf": 't"1', "label": "", "channel": "B", "note": "seen"}
    assert (form.action, form.method, button.name, button.value) == ("scan", "post", "do", "scan")
    assert page.form("Find")[0].method == "get"


def test_what_is_locked_or_not_there_is_not_pressed():
    browser = Browser("https://127.0.0.1:1/", ssl.create_default_context())
    page = read_page(200, "/orders/1", PAGE)
    for button, typed, says in (
        ("Confirm", {}, "is locked"),
        ("Help", {}, "0 buttons 'Help'"),
        ("Start", {}, "it has: Scan it, Confirm, Find"),
        ("Scan it", {"ghost": "x"}, "no field 'ghost'"),
    ):
        with pytest.raises(Missing, match=says):
            browser.press(page, button, **typed)
    with pytest.raises(Missing, match="no answer"):
        browser.press(page, "Scan it", weight="pump", label="LVP-0001/A")
