"""The log-in page in a real browser: by keyboard and scanner alone, on a phone, at a workstation and on a wall, without barriers (WCAG 2.2 AA)."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from persons import BADGE, CONSOLE, EARLY, PASSWORD, SECRET, WardClock

from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import Cost, Passwords
from interop.adapters.store.memory import MemoryRecord
from interop.domain.actor import Role
from interop.doors.pages import pages_app
from interop.doors.pages.frame import Frame, PagesSettings
from interop.service.certificates import make_certificates
from tests.browser import wait_until

SCREENS = {"phone": (390, 844), "laptop": (1280, 800), "wall": (3840, 2160)}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
ARGUMENTS += ["--disable-component-update", "--disable-sync"]


def missing(what: str) -> None:
    """Where the build runs a browser must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing")
    pytest.skip(f"{what} is missing")


class Ward:
    """The pages behind TLS on a port of their own, in a thread of their own."""

    def __init__(self, folder: Path) -> None:
        import uvicorn

        issued = make_certificates(folder, server_names=("localhost", "127.0.0.1"), client_name="nobody", now=datetime.now(UTC))
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}"
        self.clock = WardClock(EARLY)
        self._options: dict[str, Any] = {"ssl_certfile": str(issued.server.certificate), "ssl_keyfile": str(issued.server.key)}
        self._server: uvicorn.Server | None = None
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        if not self._is_up.wait(20):
            raise RuntimeError("the pages did not start")

    async def _serve(self) -> None:
        import uvicorn

        record = MemoryRecord("node-a", self.clock)
        identity = LocalIdentity(record, self.clock, Keys.of_secret(SECRET), passwords=Passwords(Cost(1, 8, 1)))
        await identity.users.add(CONSOLE, "anna", "Maria Berg", {Role.NURSE}, password=PASSWORD, badge=BADGE)
        app = pages_app(Frame(identity, PagesSettings(is_demo=True)))
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False, **self._options)
        self._server = uvicorn.Server(config)
        self._is_up.set()
        await self._server.serve(sockets=[self._socket])
        await record.close()

    def close(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(20)
        self._socket.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    pytest.importorskip("uvicorn")
    served = Ward(tmp_path_factory.mktemp("ward"))
    yield served
    served.close()


def at_the_log_in(page: Any, ward: Ward) -> None:
    """The page is there, and ready for the scanner."""
    page.goto(f"{ward.url}/login")
    wait_until(page, "document.hasFocus() && document.activeElement.id === 'badge'")


@pytest.fixture
def page(browser: Any, ward: Ward, request: pytest.FixtureRequest) -> Iterator[Any]:
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda fault: faults.append(str(fault)))
    at_the_log_in(opened, ward)
    yield opened
    context.close()
    expected = ("401", "Content Security Policy") if request.node.get_closest_marker("requirement") else ("401",)
    assert [fault for fault in faults if not any(word in fault for word in expected)] == []  # a browser notes that a log-in was refused


def violations_of(page: Any) -> list[str]:
    """What axe finds against WCAG 2.2 A and AA and its best practices. It is run past the page's policy, which lets no foreign script in."""
    try:
        from axe_playwright_python.base import AXE_SCRIPT
    except ImportError:
        missing("axe-playwright-python")
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("() => axe.run(document)")
    assert len(found["passes"]) > 10
    return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]


def test_a_nurse_scans_her_badge_and_is_in(page: Any, ward: Ward):
    page.keyboard.type(BADGE)  # nothing was clicked: the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url(f"{ward.url}/")
    assert page.get_by_role("heading", level=1).inner_text() == "Logged in as Maria Berg"
    assert page.get_by_role("banner").inner_text().count("Maria Berg") == 1


def test_user_and_password_by_keyboard_alone_and_off_again(page: Any, ward: Ward):
    page.get_by_label("User").focus()
    page.keyboard.type("anna")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{ward.url}/")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Log off"
    page.keyboard.press("Enter")
    page.wait_for_url(f"{ward.url}/login")
    page.goto(f"{ward.url}/")
    assert page.url == f"{ward.url}/login"


def test_sec_14_no_script_sees_the_cookie(page: Any, ward: Ward):
    page.keyboard.type(BADGE + "\n")
    page.wait_for_url(f"{ward.url}/")
    assert page.evaluate("document.cookie") == ""
    assert {cookie["name"] for cookie in page.context.cookies()} == {"__Host-interop"}


def test_a_refused_log_in_is_told_aloud_and_the_field_is_ready_again(page: Any):
    page.keyboard.type("0000000000\n")
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert "Not logged in." in alert.inner_text()
    assert page.title().startswith("Not logged in")
    wait_until(page, "document.activeElement.id === 'badge'")  # autofocus follows the alert
    assert page.get_by_label("Scan your badge").input_value() == ""


@pytest.mark.parametrize("screen", SCREENS)
def test_no_barriers_and_nothing_cut_off(page: Any, ward: Ward, screen: str, request: pytest.FixtureRequest):
    width, height = SCREENS[screen]
    page.set_viewport_size({"width": width, "height": height})
    folder = os.environ.get("INTEROP_SCREENSHOTS")
    for state, keys in (("empty", ""), ("refused", "0000000000\n"), ("home", f"{BADGE}\n")):
        if keys:
            at_the_log_in(page, ward)
            page.keyboard.type(keys)
            page.get_by_role("alert" if state == "refused" else "banner").wait_for()
            if state == "home":
                page.wait_for_url(f"{ward.url}/")
        if folder:
            page.screenshot(path=f"{folder}/login-{state}-{screen}.png")
        assert violations_of(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        for button in page.get_by_role("button").all():
            box = button.bounding_box()
            assert box["height"] >= 24  # WCAG 2.2, 2.5.8
            assert box["width"] >= 24


def test_at_twice_the_text_on_a_narrow_screen_nothing_is_cut_off(page: Any):
    page.set_viewport_size({"width": 320, "height": 256})  # WCAG 1.4.10: 1280 by 1024 at 400 %
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.requirement("SEC-24")
def test_the_policy_stops_a_script_that_got_in(page: Any):
    page.evaluate("() => { const s = document.createElement('script'); s.textContent = 'window.got_in = 1'; document.body.append(s) }")
    assert page.evaluate("window.got_in === undefined")
