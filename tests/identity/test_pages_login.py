"""The log-in page over HTTP: cookies, forms, headers, and what stays off the page."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from persons import BADGE, CONSOLE, PASSWORD, SECRET, Hospital, detail_of
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from interop.adapters.store.memory import MemoryRecord
from interop.domain.actor import Right, Role, View
from interop.doors.access import Undeclared, actor_of, needs, walk
from interop.doors.pages import pages_app
from interop.doors.pages.forms import form_of
from interop.doors.pages.frame import Frame, PagesSettings
from interop.ports import StoreFull

pytestmark = pytest.mark.anyio


@needs(Right.RECALL_OFFER)
async def recall(request: Request) -> Response:
    body = await request.body()
    return PlainTextResponse(f"recalled {form_of(request).get('offer', '-')} {len(body)}")


@needs(Right.READ_WORKLIST, view=View.BEDSIDE)
async def bedside(request: Request) -> Response:
    return PlainTextResponse(actor_of(request).id)


@needs(Right.READ_WORKLIST)
async def broken(request: Request) -> Response:
    raise RuntimeError("MRN-55512 Maria Berg")


FURTHER = [Route("/recall", recall, methods=["POST"]), Route("/bedside", bedside), Route("/broken", broken)]


@asynccontextmanager
async def a_browser(hospital: Hospital, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = pages_app(Frame(hospital.identity, PagesSettings(**settings)), FURTHER)
    transport = httpx.ASGITransport(app, client=("10.20.0.3", 40000))
    async with httpx.AsyncClient(transport=transport, base_url="https://interop.test") as client:
        yield client


def form_token(page: httpx.Response) -> str:
    (token, *_) = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    return token


async def logs_in(client: httpx.AsyncClient, **fields: str) -> httpx.Response:
    page = await client.get("/login")
    return await client.post("/login", data={"csrf": form_token(page), **(fields or {"user": "anna", "password": PASSWORD})})


async def test_a_nurse_logs_in_looks_who_she_is_and_logs_off(hospital: Hospital):
    await hospital.employs("anna", Role.NURSE)
    async with a_browser(hospital) as client:
        entered = await logs_in(client)
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        home = await client.get("/")
        assert "Logged in as Maria Berg" in home.text
        assert "Read the worklist" in home.text
        assert "anna" in home.text
        left = await client.post("/logoff", data={"csrf": form_token(home)})
        assert (left.status_code, left.headers["location"]) == (303, "/login")
        assert not client.cookies.get("__Host-interop")
        assert (await client.get("/")).status_code == 303


async def test_a_badge_and_enter_are_enough(hospital: Hospital):
    await hospital.employs("anna", badge=BADGE)
    async with a_browser(hospital) as client:
        assert (await logs_in(client, badge=BADGE)).status_code == 303
        assert "need a log-in with your password" not in (await client.get("/")).text


async def test_who_has_more_than_a_badge_gives_is_told(hospital: Hospital):
    await hospital.employs("boris", Role.PHARMACIST, badge=BADGE)
    async with a_browser(hospital) as client:
        await logs_in(client, badge=BADGE)
        home = (await client.get("/")).text
        assert "some things need a log-in with your password" in home
        assert "Approve a release" not in home
        await logs_in(client, user="boris", password=PASSWORD)
        assert "Approve a release" in (await client.get("/")).text


async def test_sec_14_the_cookies_are_for_this_host_over_tls_and_not_for_scripts(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        page = await client.get("/login")
        entered = await logs_in(client)
    cookies = [*page.headers.get_list("set-cookie"), *entered.headers.get_list("set-cookie")]
    assert {cookie.partition("=")[0] for cookie in cookies} == {"__Host-interop", "__Host-interop-form"}
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= parts
        assert not [part for part in parts if part.startswith("domain")]


async def test_sec_24_every_answer_has_the_headers_that_hold_a_browser_back(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        for path in ("/login", "/", "/static/interop.css", "/nowhere", "/broken", "/static/../login.py"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert headers["strict-transport-security"].startswith("max-age=")
            assert headers["x-request-id"]


async def test_sec_24_no_page_holds_a_script_or_a_style_of_its_own(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        for path in ("/login", "/", "/broken"):
            text = (await client.get(path)).text
            assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=|https?://|javascript:", text)


async def test_sec_24_what_comes_from_outside_is_escaped(hospital: Hospital):
    await hospital.employs("anna", name='<b onmouseover="x">')
    async with a_browser(hospital) as client:
        await logs_in(client)
        text = (await client.get("/")).text
    assert "<b on" not in text
    assert "&lt;b on" in text


async def test_sec_11_every_route_of_the_pages_declares_its_right(hospital: Hospital):
    app = pages_app(Frame(hospital.identity, PagesSettings()), FURTHER)
    told = {(one.path, one.method): one for one in walk(app)}
    assert not [one.fault for one in told.values() if one.fault]
    is_open = {path for (path, _), one in told.items() if one.access is not None and one.access.open}
    assert is_open == {"/login", "/static"}


async def test_sec_11_a_page_that_declares_nothing_is_not_served(hospital: Hospital):
    async def page(request: Request) -> Response:
        return PlainTextResponse("")

    with pytest.raises(Undeclared):
        pages_app(Frame(hospital.identity, PagesSettings()), [Route("/page", page)])
    with pytest.raises(Undeclared):
        pages_app(Frame(hospital.identity, PagesSettings()), [WebSocketRoute("/feed", needs(Right.READ_ORDER)(page))])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_sec_01_without_a_session_every_page_and_verb_is_closed(hospital: Hospital, method: str):
    async with a_browser(hospital) as client:
        for path in ("/", "/logoff", "/recall", "/bedside", "/broken", "/nowhere", "/docs", "/openapi.json"):
            answer = await client.request(method, path)
            if method in ("GET", "HEAD"):
                assert (answer.status_code, answer.headers["location"]) == (303, "/login")
            else:
                assert answer.status_code == 401
            assert (await hospital.last_row()).outcome == "failure"


async def test_sec_01_a_web_socket_is_turned_away(hospital: Hospital):
    app = pages_app(Frame(hospital.identity, PagesSettings()))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/", "headers": [], "query_string": b"", "root_path": "", "subprotocols": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_form_of_ones_own_session_is_taken_with_its_body_whole(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        token = form_token(await client.get("/"))
        answer = await client.post("/recall", data={"csrf": token, "offer": "O-1"})
        assert answer.text == f"recalled O-1 {len(f'csrf={token}&offer=O-1')}"
        assert (await client.post("/recall", headers={"X-CSRF-Token": token}, content=b"{}")).text == "recalled - 2"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 415),
        ({"data": {"offer": "O-1"}}, 403),
        ({"data": {"csrf": ""}}, 403),
        ({"data": {"csrf": "0" * 64}}, 403),
        ({"data": {"csrf": "ä"}}, 403),
        ({"headers": {"X-CSRF-Token": "0" * 64}}, 403),
        ({"json": {"csrf": "0" * 64}}, 415),
        ({"content": b"csrf=a&csrf=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        ({"content": b"\xff", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        ({"content": b"a=1&" * 100, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        ({"content": b"csrf=" + b"x" * 70_000, "headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 413),
    ],
)
async def test_sec_01_a_form_that_another_site_made_does_nothing(hospital: Hospital, sent: dict[str, Any], status: int):
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        answer = await client.post("/recall", **sent)
    assert answer.status_code == status
    assert "recalled" not in answer.text
    if status == 403:
        row = await hospital.last_row()
        assert (row.actor, row.action, row.outcome) == ("person/anna", "request refused", "failure")


async def test_a_form_of_another_session_does_nothing(hospital: Hospital):
    await hospital.employs("anna")
    await hospital.employs("boris")
    async with a_browser(hospital) as client, a_browser(hospital) as other:
        await logs_in(client)
        await logs_in(other, user="boris", password=PASSWORD)
        token = form_token(await other.get("/"))
        assert (await client.post("/recall", data={"csrf": token})).status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_form_that_a_browser_says_is_from_elsewhere_does_nothing(hospital: Hospital, site: str):
    await hospital.employs()
    async with a_browser(hospital) as client:
        page = await client.get("/login")
        fields = {"csrf": form_token(page), "user": "anna", "password": PASSWORD}
        assert (await client.post("/login", data=fields, headers={"Sec-Fetch-Site": site})).status_code == 403
        await logs_in(client)
        token = form_token(await client.get("/"))
        assert (await client.post("/recall", data={"csrf": token}, headers={"Sec-Fetch-Site": site})).status_code == 403


async def test_nobody_is_logged_in_by_a_form_that_was_not_shown_to_them(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client, a_browser(hospital) as other:
        token = form_token(await other.get("/login"))
        fields = {"csrf": token, "user": "anna", "password": PASSWORD}
        for _ in range(2):
            answer = await client.post("/login", data=fields)
            assert answer.status_code == 403
            assert "open for too long" in answer.text
    assert [row.action for row in await hospital.audit()] == ["user added", "request refused", "request refused"]


async def test_a_log_in_gives_a_new_token_and_ends_the_old_session(hospital: Hospital):
    await hospital.employs("anna")
    async with a_browser(hospital) as client:
        await logs_in(client)
        first = client.cookies["__Host-interop"]
        await logs_in(client)
        assert client.cookies["__Host-interop"] != first
        assert (await client.get("/")).status_code == 200
        client.cookies.clear()
        assert (await client.get("/", headers={"Cookie": f"__Host-interop={first}"})).headers["location"] == "/login?ended=1"


async def test_a_wrong_log_in_says_what_to_do_and_repeats_nothing(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        answer = await logs_in(client, user="anna-typed", password="a secret that was typed")
    assert answer.status_code == 401
    assert "Not logged in" in answer.text
    assert "typed" not in answer.text
    assert "__Host-interop=" not in answer.headers["set-cookie"]


async def test_too_many_wrong_log_ins_say_how_long_to_wait(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        for _ in range(6):
            answer = await logs_in(client, user="anna", password="wrong")
        answer = await logs_in(client)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "Wait 1 second, then" in answer.text


async def test_sec_14_a_page_that_is_left_alone_leaves_the_screen(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        assert (await client.get("/")).headers["refresh"] == "901; url=/login?ended=1"
        assert "refresh" not in (await client.get("/login")).headers
        hospital.clock.goes_on(minutes=15)
        ended = await client.get("/")
        assert ended.headers["location"] == "/login?ended=1"
        assert "Your session has ended" in (await client.get("/login?ended=1")).text


async def test_sec_14_a_look_at_the_bedside_shortens_the_wait(hospital: Hospital):
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        assert (await client.get("/bedside")).text == "anna"
        hospital.clock.goes_on(minutes=3)
        assert (await client.get("/bedside")).status_code == 303


async def test_sec_11_a_page_for_others_says_so_and_gives_the_number_to_call_with(hospital: Hospital):
    await hospital.employs("ivo", Role.IT)
    async with a_browser(hospital) as client:
        await logs_in(client, user="ivo", password=PASSWORD)
        answer = await client.get("/bedside", headers={"X-Request-Id": "req-77"})
    assert answer.status_code == 403
    assert "You do not have the right to do this." in answer.text
    assert "req-77" in answer.text
    assert detail_of(await hospital.last_row())["right"] == "read the worklist"


async def test_sec_30_a_page_that_fails_tells_nothing_of_why(hospital: Hospital, caplog: pytest.LogCaptureFixture):
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        answer = await client.get("/broken")
    assert answer.status_code == 500
    assert "MRN" not in answer.text
    assert "RuntimeError" not in answer.text
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["a page failed"]


async def test_sec_35_a_full_store_shows_pages_and_logs_nobody_in(hospital: Hospital):
    if not isinstance(hospital.record, MemoryRecord):
        pytest.skip("only the memory store fails on request")
    await hospital.employs()
    async with a_browser(hospital) as client:
        await logs_in(client)
        hospital.record.fail_with(StoreFull("no room"))
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/static/interop.css")).status_code == 200
        answer = await logs_in(client)
        assert answer.status_code == 503
        assert "nothing was done" in answer.text
        hospital.record.fail_with(None)


@pytest.mark.parametrize("is_demo", [True, False])
async def test_sec_41_a_demonstration_is_marked_on_every_page(hospital: Hospital, is_demo: bool):
    await hospital.employs()
    async with a_browser(hospital, is_demo=is_demo) as client:
        assert ("Simulated patients" in (await client.get("/login")).text) is is_demo
        await logs_in(client)
        assert ("Simulated patients" in (await client.get("/")).text) is is_demo


async def test_sec_30_no_secret_and_no_number_of_a_badge_is_in_any_log(hospital: Hospital, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    await hospital.employs("anna", badge=BADGE)
    client_token = (await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")).token
    async with a_browser(hospital) as client:
        await logs_in(client)
        token = client.cookies["__Host-interop"]
        await logs_in(client, badge=BADGE)
        await logs_in(client, user="anna", password="wrong but secret")
        await client.get("/broken", headers={"Authorization": f"Bearer {client_token}"})
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("interop"))
    assert ours
    for secret in (PASSWORD, BADGE, token, client_token, SECRET, "wrong but secret", "Maria"):
        assert secret not in ours
