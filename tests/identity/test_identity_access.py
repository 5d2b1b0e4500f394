"""Every route declares what it asks for, and what declares nothing is denied to everybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from persons import CONSOLE, EARLY, Hospital, detail_of, request_id_of
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from interop.domain.actor import Right
from interop.doors.access import Accepts, Declared, Denied, Doorkeeper, Open, Undeclared, actor_of, asking_of, check, is_open, needs, walk

pytestmark = pytest.mark.anyio


@needs(Right.READ_ORDER)
async def orders(request: Request) -> Response:
    return PlainTextResponse(f"{actor_of(request).key} {asking_of(request).request_id}")


@needs(Right.MANAGE_USERS)
async def users(request: Request) -> Response:
    return PlainTextResponse("users")


async def forgotten(request: Request) -> Response:
    return PlainTextResponse("done")


@is_open(Open.LIVENESS)
async def live(request: Request) -> Response:
    return PlainTextResponse("live")


def an_app(*routes: object) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.router.routes[:] = list(routes)  # type: ignore[arg-type]
    return app


def the_api() -> FastAPI:
    return an_app(
        Route("/orders", orders, methods=["GET", "POST"]),
        Route("/users", users, methods=["DELETE"]),
        Route("/forgotten", forgotten, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/live", live),
    )


@asynccontextmanager
async def asked(hospital: Hospital, app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application behind a doorkeeper for tokens, with nothing else in between."""
    keeper = Doorkeeper(app, hospital.identity, Accepts.TOKENS)

    async def door(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            await keeper.admit(request)
        except Denied as denied:
            await PlainTextResponse(denied.sentence, denied.status, denied.headers)(scope, receive, send)
        else:
            await app(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="https://interop.test") as client:
        yield client


async def a_token(hospital: Hospital) -> dict[str, str]:
    new = await hospital.identity.clients.add(CONSOLE, "epic", "epic-r4")
    return {"Authorization": f"Bearer {new.token}"}


def test_sec_11_the_walk_tells_every_route_and_verb_with_its_right():
    told = {(one.path, one.method): one.access.right if one.access else None for one in walk(the_api())}
    assert told[("/orders", "POST")] is Right.READ_ORDER
    assert told[("/users", "DELETE")] is Right.MANAGE_USERS
    assert told[("/forgotten", "PATCH")] is None
    assert len(told) == 3 + 1 + 6 + 2  # HEAD beside each GET


def test_sec_11_an_application_with_a_forgotten_route_is_not_served():
    with pytest.raises(Undeclared) as refused:
        check(the_api())
    assert [line for line in str(refused.value).splitlines() if "/forgotten" not in line] == []
    assert len(str(refused.value).splitlines()) == 6


async def a_socket(websocket: object) -> None: ...


@pytest.mark.parametrize(
    ("route", "says"),
    [
        (Route("/orders", is_open(Open.LIVENESS)(lambda request: PlainTextResponse())), "GET /orders is open"),
        (Route("/login", is_open(Open.METADATA)(lambda request: PlainTextResponse())), "GET /login is open"),
        (Route("/metadata", is_open(Open.METADATA)(lambda request: PlainTextResponse()), methods=["POST"]), "POST /metadata is open"),
        (WebSocketRoute("/feed", needs(Right.READ_ORDER)(a_socket)), "* /feed declares no right"),
        (Mount("/files", StaticFiles(directory=".")), "* /files declares no right"),
        (Mount("/files", is_open(Open.STATIC)(StaticFiles(directory="."))), "* /files is open"),
        (Mount("/api", routes=[Route("/forgotten", forgotten)]), "GET /api/forgotten declares no right"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sec_01_what_is_open_or_undeclared_without_reason_is_told(route: object, says: str):
    with pytest.raises(Undeclared, match=says.replace("*", r"\*")):
        check(an_app(route))


def test_a_router_that_hides_its_routes_is_not_served():
    router = APIRouter()
    router.add_api_route("/orders", orders)
    app = an_app()
    app.include_router(router)
    assert [one.access for one in walk(app)] == [None] * len(app.routes)
    with pytest.raises(Undeclared):
        check(app)


def test_the_documentation_that_fastapi_brings_is_not_served_by_mistake():
    with pytest.raises(Undeclared, match=r"/openapi\.json"):
        check(FastAPI())


def test_sec_01_every_reason_to_be_open_has_a_route_that_may():
    paths = {
        Open.LIVENESS: "/health/live",
        Open.METADATA: "/fhir/r4/metadata",
        Open.SMART: "/fhir/r4/.well-known/smart-configuration",
        Open.LOG_IN: "/login",
        Open.STATIC: "/static",
    }
    for reason in Open:
        app = an_app(Route(paths[reason], is_open(reason)(lambda request: PlainTextResponse())))
        check(app)
        assert {one for one in walk(app) if one.fault} == set()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_sec_11_sec_33_a_route_without_a_right_is_denied_even_to_who_is_known_and_that_is_on_record(hospital: Hospital, method: str):
    headers = await a_token(hospital)
    async with asked(hospital, the_api()) as client:
        for given in ({}, headers):
            answer = await client.request(method, "/forgotten", headers=given)
            assert answer.status_code == 403
            assert "done" not in answer.text
            row = await hospital.last_row()
            assert (row.action, row.outcome, detail_of(row)["route"]) == ("request refused", "failure", f"{method} /forgotten")


@pytest.mark.parametrize("path", ["/orders", "/users", "/forgotten", "/nowhere", "/live/", "/openapi.json", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_sec_01_without_identity_nothing_is_told_whatever_is_asked(hospital: Hospital, method: str, path: str):
    async with asked(hospital, the_api()) as client:
        answer = await client.request(method, path)
    assert answer.status_code in (401, 403)
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == 'Bearer realm="interop"'
    assert (await hospital.last_row()).outcome == "failure"


async def test_sec_01_liveness_is_open_and_leaves_no_row(hospital: Hospital):
    async with asked(hospital, the_api()) as client:
        assert (await client.get("/live")).text == "live"
        assert (await client.post("/live")).status_code == 401
    assert len(await hospital.audit()) == 1


async def test_sr_06_who_is_known_and_may_is_let_in_with_a_name(hospital: Hospital):
    headers = await a_token(hospital)
    async with asked(hospital, the_api()) as client:
        answer = await client.get("/orders", headers={**headers, "X-Request-Id": "ehr-4711"})
    assert answer.text == "system/epic ehr-4711"


async def test_sec_11_who_is_known_and_may_not_is_refused_and_that_is_on_record(hospital: Hospital):
    headers = await a_token(hospital)
    async with asked(hospital, the_api()) as client:
        assert (await client.delete("/users", headers=headers)).status_code == 403
    row = await hospital.last_row()
    assert (row.actor, detail_of(row)["right"]) == ("system/epic", "manage users")


async def test_who_is_known_is_told_what_is_not_there(hospital: Hospital):
    headers = await a_token(hospital)
    async with asked(hospital, the_api()) as client:
        assert (await client.get("/nowhere", headers=headers)).status_code == 404
        assert (await client.put("/orders", headers=headers)).status_code == 405


@pytest.mark.parametrize("given", ["Bearer x", "Basic YTpi", "bearer", "", "Bearer interop_" + "x" * 43, "Bearer " + "x" * 5000])
async def test_sec_33_a_token_that_does_not_hold_is_refused_and_on_record(hospital: Hospital, given: str):
    async with asked(hospital, the_api()) as client:
        answer = await client.get("/orders", headers={"Authorization": given})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    row = await hospital.last_row()
    assert (row.action, row.actor) == ("token refused", "nobody")
    assert not given or given not in row.body


async def test_a_revoked_token_is_refused_from_the_next_request_on(hospital: Hospital):
    headers = await a_token(hospital)
    async with asked(hospital, the_api()) as client:
        assert (await client.get("/orders", headers=headers)).status_code == 200
        await hospital.identity.clients.revoke(CONSOLE, "epic")
        assert (await client.get("/orders", headers=headers)).status_code == 401


async def test_two_tokens_at_once_are_none(hospital: Hospital):
    header = (await a_token(hospital))["Authorization"]
    async with asked(hospital, the_api()) as client:
        answer = await client.get("/orders", headers=[("Authorization", header), ("Authorization", header)])
    assert answer.status_code == 401


async def test_a_session_is_no_way_in_where_tokens_are_asked_for(hospital: Hospital):
    await hospital.employs()
    token = (await hospital.logs_in()).token
    async with asked(hospital, the_api()) as client:
        assert (await client.get("/orders", headers={"Cookie": f"__Host-interop={token}"})).status_code == 401


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "-a", "a<script>", "Ärzte".encode("latin-1").decode("latin-1"), "a/b"])
async def test_sec_34_a_request_id_that_is_not_well_formed_is_replaced(hospital: Hospital, given: str):
    headers = await a_token(hospital)
    async with asked(hospital, the_api()) as client:
        answer = await client.get("/orders", headers={**headers, "X-Request-Id": given.encode("latin-1")})  # type: ignore[dict-item]
    request_id = answer.text.split()[1]
    assert len(request_id) == 32
    assert request_id != given


async def test_sec_34_the_request_id_is_in_the_row_of_a_refusal(hospital: Hospital):
    async with asked(hospital, the_api()) as client:
        await client.get("/orders", headers={"X-Request-Id": "ehr-4711"})
    assert request_id_of(await hospital.last_row()) == "ehr-4711"


async def test_the_route_that_answers_is_the_one_that_was_judged(hospital: Hospital):
    """Of two routes for one path the first answers; a later one that asks for less opens nothing."""
    headers = await a_token(hospital)
    app = an_app(Route("/a", users, methods=["GET"]), Route("/a", orders, methods=["GET"]), Route("/{any:path}", orders, methods=["GET"]))
    async with asked(hospital, app) as client:
        assert (await client.get("/a", headers=headers)).status_code == 403
        assert (await client.get("/b", headers=headers)).status_code == 200


async def test_routes_of_a_mounted_application_are_judged_by_themselves(hospital: Hospital):
    headers = await a_token(hospital)
    inner = [Route("/orders", orders), Route("/users", users), Route("/forgotten", forgotten)]
    async with asked(hospital, an_app(Mount("/api", routes=inner))) as client:
        found = [(await client.get(f"/api/{name}", headers=headers)).status_code for name in ("orders", "users", "forgotten", "nowhere")]
    assert found == [200, 403, 403, 404]


async def test_an_endpoint_that_nobody_was_let_into_does_not_answer():
    with pytest.raises(Undeclared):
        actor_of(Request({"type": "http", "headers": []}))


def test_a_declaration_without_a_right_is_a_fault():
    assert Declared("/a", "GET", None).fault
    assert EARLY.tzinfo
