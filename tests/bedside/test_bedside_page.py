"""The bedside page: who may what, what is kept of one's patients, what stays off URLs and logs, and the live stream with its session."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from interop.domain.actor import Right, View
from interop.doors.access import walk
from interop.doors.pages import bedside_live
from interop.doors.pages.bedside_words import born
from interop.ports import StoreUnavailable
from tests.bedside.test_bedside_scanning import told
from tests.bedside.ward import CHANNEL, CONTAINER, LONG_NAME, WRISTBAND, Browser, Ward


@dataclass
class Stream:
    """What a live stream has said so far."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 0
    is_over: bool = False

    def named(self, name: str) -> list[Any]:
        return [data for kind, data in self.events if kind == name]

    async def until(self, name: str, words: str = "") -> Any:
        """The first event of that name that holds the words. Raises: TimeoutError."""
        async with asyncio.timeout(10):
            while True:
                found = [data for data in self.named(name) if words in json.dumps(data)]
                if found:
                    return found[0]
                await asyncio.sleep(0.01)


@asynccontextmanager
async def live(ward: Ward, browser: Browser, *, reads: bool = True) -> AsyncIterator[Stream]:
    """``reads`` False: a browser that takes the first bytes and then no more."""
    stream = Stream()
    gone = asyncio.Event()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/bedside/live",
        "raw_path": b"/bedside/live",
        "query_string": b"",
        "headers": [(b"host", b"interop.test"), (b"cookie", cookies.encode())],
        "scheme": "https",
        "server": ("interop.test", 443),
        "client": ("10.20.0.3", 40000),
        "root_path": "",
        "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            stream.status = message["status"]
            return
        if not reads:
            await gone.wait()
        for event in message.get("body", b"").decode().split("\n\n"):
            match = re.fullmatch(r"event: (.*)\ndata: (.*)", event)
            if match:
                stream.events.append((match[1], json.loads(match[2])))

    async def asks() -> None:
        await ward.app(scope, receive, send)
        stream.is_over = True

    task = asyncio.create_task(asks())
    try:
        yield stream
    finally:
        gone.set()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_sec_11_every_route_of_the_bedside_declares_its_right_at_the_bedside() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        declared = {one.path: one for one in walk(ward.app) if one.path.startswith("/bedside")}
        assert len(declared) == 13
        for one in declared.values():
            assert one.access is not None
            assert one.access.view is View.BEDSIDE
            assert (one.access.is_use is False) == (one.path == "/bedside/live")
        rights = {path: one.access.right for path, one in declared.items() if one.access is not None}
        assert rights["/bedside"] is Right.READ_WORKLIST
        assert {rights[f"/bedside/{act}"] for act in ("scan", "associate", "dissociate", "confirm-patient")} == {Right.ASK_FOR_OFFER}
        assert rights["/bedside/recall"] is Right.RECALL_OFFER
        assert {rights[f"/bedside/{act}"] for act in ("attest", "seen")} == {Right.ATTEST_OUTCOME}

    told(story)


def test_sec_11_a_pharmacist_may_look_and_not_ask() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        page = await browser.looks()
        assert "You may look here, and not ask for offers" in page
        assert "/bedside/scan" not in page
        (token, *_) = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page)
        answer = await browser.client.post("/bedside/scan", data={"csrf": token, "scan": WRISTBAND})
        assert answer.status_code == 403

    told(story, "boris")


def test_sec_25_a_command_without_the_forms_token_is_refused() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        answer = await browser.client.post("/bedside/scan", data={"scan": WRISTBAND})
        assert answer.status_code == 403
        assert await ward.page._mine.of("nurse7") == ()

    told(story)


def test_sec_32_every_command_is_in_the_audit_with_its_actor() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        await browser.looks()
        await browser.submits("/bedside/recall")
        rows = await ward.hospital.record.audit_rows("node-a", 0, 1000)
        acts = {(row.actor, row.action) for row in rows}
        assert {("nurse7", "patient.take"), ("nurse7", "bedside.scan"), ("nurse7", "offer.recall")} <= acts

    told(story)


@pytest.mark.parametrize(
    ("as_sent", "shown"),
    [
        ("19660101", "1966-01-01"),
        ("196601011230", "1966-01-01"),
        ("1966-01-01", "1966-01-01"),
        ("1966", "1966"),
        ("196601", "196601"),
        ("", ""),
    ],
)
def test_a_birth_date_is_shown_as_people_read_it_whoever_sent_it(as_sent: str, shown: str) -> None:
    assert born(as_sent) == shown


def test_my_patients_are_kept_over_a_new_log_in_taken_from_the_list_and_left_with_one_click() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await ward.has_order(2, patient="4711002", name="Bo Ek")
        await browser.looks()
        assert "No patients yet. Scan a wristband, or take a patient from the list." in browser.part("patients")
        await browser.submits("/bedside/patients", find="ek")
        assert "Bo Ek" in browser.part("list")
        assert LONG_NAME not in browser.part("list")
        await browser.submits("/bedside/take")
        async with ward.browser() as again:
            await again.looks()
            assert "Bo Ek" in again.part("patients")
        await browser.submits("/bedside/leave")
        assert "Bo Ek" not in browser.part("patients")

    told(story)


def test_my_patients_of_another_shift_are_not_shown() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND)
        assert len(await ward.page._mine.of("nurse7")) == 1
        ward.clock.goes_on(hours=12)
        assert await ward.page._mine.of("nurse7") == ()

    told(story)


def test_an_order_that_is_another_patients_now_leaves_the_former_ones_card() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND)
        await ward.has_order(1, patient="4711002", name="Bo Ek")
        for _ in range(100):
            await browser.looks()
            if "ORD-1" not in browser.part("patients"):
                break
            await asyncio.sleep(0.02)
        assert "No orders for this patient are here." in browser.part("patients")

    told(story)


def test_a_refused_pcd_03_request_of_my_patient_is_on_the_page_too() -> None:
    from tests.conduct.ward import an_order

    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND)
        await ward.hospital.send(an_order(7, rate="100"))
        await ward.settled()
        await browser.looks()
        assert "order ORD-7" in browser.part("patients")
        assert "above the hard limit 30 ug/kg/min" in browser.part("patients")

    told(story)


@pytest.mark.requirement("SEC-30")
def test_no_patient_is_in_a_url_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND, CONTAINER, CHANNEL)
        await ward.settled()
        page = await browser.looks()
        urls = re.findall(r'(?:href|action|src)="([^"]*)"', page)
        assert urls
        assert not [url for url in urls if "4711001" in url or "ORD-1" in url or "Maria" in url]

    with caplog.at_level(logging.DEBUG):
        told(story)
    assert not [each for each in caplog.records if "4711001" in each.getMessage() or "Trautmannsdorf" in each.getMessage()]


def test_a_store_that_takes_nothing_is_told_with_what_still_works() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.looks()
        ward.hospital.break_store()
        answer = await browser.submits("/bedside/scan", scan=WRISTBAND)
        assert browser.status == 503
        assert "nothing was done" in answer
        await browser.looks()
        assert "The record takes nothing now" in browser.part("banner")
        assert "Pumps go on as they are set. Program by hand at the pump" in browser.part("banner")

    told(story)


def test_the_stream_tells_what_changed_and_nothing_else() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND)
        async with live(ward, browser) as stream:
            await stream.until("part", "Ready")
            assert stream.status == 200
            (listed,) = stream.named("list")
            assert len(listed) == 1
            before = len(stream.named("part"))
            await browser.scans(CONTAINER, CHANNEL)
            await ward.settled()
            await stream.until("part", "Waiting on LVP-0001 channel A")
            told_ = {data["id"] for data in stream.named("part")[before:]}
            assert "now" in told_
            assert "alerts" not in told_
        await asyncio.sleep(0)
        assert ward.page.live._streams == 0

    told(story)


def test_a_burst_of_reports_is_told_at_most_four_times_a_second() -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        await browser.scans(WRISTBAND)
        async with live(ward, browser) as stream:
            await stream.until("part", "Ready")
            before, loop = len(stream.named("now")), asyncio.get_running_loop()
            began = loop.time()
            for _ in range(200):
                await ward.pump.tells_status()
                ward.page.live.poke()
                await asyncio.sleep(0.005)
            lasted = loop.time() - began
            assert 1 <= len(stream.named("now")) - before <= lasted * 4 + 2

    told(story)


@pytest.mark.requirement("SEC-14")
def test_an_open_stream_keeps_no_session_open_and_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bedside_live, "BEAT_S", 0.05)

    async def story(ward: Ward, browser: Browser) -> None:
        await browser.looks()
        async with live(ward, browser) as stream:
            await stream.until("now")
            ward.clock.goes_on(seconds=100)
            await asyncio.sleep(0.6)
            async with live(ward, browser) as again:
                await again.until("now")
            assert stream.named("ended") == []
            ward.clock.goes_on(seconds=81)
            await stream.until("ended")
        assert (await browser.client.get("/bedside")).status_code == 303

    told(story)


@pytest.mark.requirement("SEC-14")
def test_who_touches_the_page_keeps_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(ward: Ward, browser: Browser) -> None:
        page = await browser.looks()
        (token, *_) = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page)
        for _ in range(3):
            ward.clock.goes_on(seconds=170)
            assert (await browser.client.post("/bedside/here", data={"csrf": token})).status_code == 204
        ward.clock.goes_on(seconds=181)
        assert (await browser.client.post("/bedside/here", data={"csrf": token})).status_code == 401

    told(story)


def test_streams_are_bounded_and_end_when_the_server_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bedside_live, "MOST", 1)

    async def story(ward: Ward, browser: Browser) -> None:
        await browser.looks()
        async with live(ward, browser) as stream:
            await stream.until("now")
            assert (await browser.client.get("/bedside/live")).status_code == 503
            ward.page.close()
            async with asyncio.timeout(5):
                while not stream.is_over:
                    await asyncio.sleep(0.01)

    told(story)


def test_a_record_that_cannot_be_read_is_told_on_the_stream_which_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bedside_live, "WAIT_S", 0.05)

    async def story(ward: Ward, browser: Browser) -> None:
        await browser.looks()
        async with live(ward, browser) as stream:
            await stream.until("now")
            parts = ward.page._board.parts

            async def broken(*_: Any) -> Any:
                raise StoreUnavailable("gone")

            monkeypatch.setattr(ward.page._board, "parts", broken)
            ward.page.live.poke()
            await stream.until("store")
            monkeypatch.setattr(ward.page._board, "parts", parts)
            before = len(stream.named("now"))
            async with asyncio.timeout(5):
                while len(stream.named("now")) == before:
                    await asyncio.sleep(0.01)

    told(story)
