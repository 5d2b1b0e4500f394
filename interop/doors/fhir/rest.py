"""FHIR R4 over HTTP: START HERE for the door. Its routes with the right that each asks for, and the application that serves them."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from interop.doors.access import Accepts, Doorkeeper, Identity, Open, check, is_open
from interop.doors.fhir import chart as charted
from interop.doors.fhir import tasks as tasked
from interop.doors.fhir.answers import of_json, outcome
from interop.doors.fhir.asking import BASE, base_of, check_answerable, is_pretty
from interop.doors.fhir.chart import Chart
from interop.doors.fhir.gate import Gate
from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.orders import Orders
from interop.doors.fhir.searching import SearchVerbs
from interop.doors.fhir.tasks import TaskSource
from interop.doors.fhir.verbs import Verbs
from interop.wire.fhir.json import Resource
from interop.wire.fhir.outcomes import Kind, Said, capability_statement

LIVE: Final = "/health/live"
METADATA: Final = f"{BASE}/metadata"
ORDERS: Final = f"{BASE}/MedicationRequest"
ORDER: Final = f"{ORDERS}/{{id}}"

Serve = Callable[[Request], Awaitable[Response]]

INTERACTIONS: Final[Mapping[str, str]] = {
    "create": (
        "The server chooses the id. An order number that this sender has used is refused (409), the same content again is answered as the first time. "
        "Prefer: return=minimal, representation (default) or OperationOutcome, which tells what would keep a pump from being programmed from the order."
    ),
    "read": "The bytes that were sent, with id and meta of the server. If-None-Match is heeded; a client reads the orders of its own sender only.",
    "update": (
        "If-Match with the ETag of the version that was read is required (428). An id that is not there is refused (405). "
        "The new version takes the place of the earlier one; what runs at a pump is not changed by it."
    ),
}
"""What ``metadata`` says, and all it says; a test walks the routes against it."""


@dataclass(frozen=True, slots=True)
class FhirSettings:
    """How the door is served."""

    limits: DoorLimits = field(default_factory=DoorLimits)
    version: str = ""
    description: str = "Orders for infusions, taken for programming at the bedside"


def fhir_app(
    orders: Orders,
    identity: Identity,
    settings: FhirSettings | None = None,
    now_ns: Callable[[], int] = time.monotonic_ns,
    chart: Chart | None = None,
    tasks: TaskSource | None = None,
) -> FastAPI:
    """The application, to be served with ``serving.uvicorn_options`` on a listener of its own. ``now_ns``: a monotonic clock, paces the clients.

    ``chart`` None: a server without pumps has no administrations, and offers none; likewise ``tasks``.

    Raises: Undeclared: a route has no right; nothing is served then.
    """
    settings = settings or FhirSettings()
    app = FastAPI(title="interop FHIR", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    verbs = Verbs(orders, settings.limits)
    told: list[Resource] = []

    @is_open(Open.LIVENESS)
    async def live(_: Request) -> Response:
        return Response(b"", 204)

    @is_open(Open.METADATA)
    async def metadata(request: Request) -> Response:
        check_answerable(request)
        said = capability_statement(
            version=settings.version,
            base=base_of(request),
            interactions=INTERACTIONS,
            description=settings.description,
            further=told,
        )
        return of_json(200, said, pretty=is_pretty(request))

    routes: list[tuple[str, str, Serve]] = [
        ("GET", LIVE, live),
        ("GET", METADATA, metadata),
        ("POST", ORDERS, verbs.create),
        ("GET", ORDER, verbs.read),
        ("PUT", ORDER, verbs.update),
    ]
    if chart is not None:
        told.append(charted.CAPABILITY)
        routes += SearchVerbs(chart, charted.SHOWN, orders, settings.limits).routes()
    if tasks is not None:
        told.append(tasked.CAPABILITY)
        routes += SearchVerbs(tasks, tasked.SHOWN, orders, settings.limits).routes()
    for method, path, serve in routes:
        app.add_api_route(path, serve, methods=[method], response_model=None)
    check(app)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_middleware(Gate, doorkeeper=Doorkeeper(app, identity, Accepts.TOKENS), limits=settings.limits, now_ns=now_ns)
    return app


async def _no_route(request: Request, fault: Exception) -> Response:
    """404 and 405 of the router: what is not offered here, and what is at this path instead."""
    pretty = is_pretty(request)
    offered = sorted(
        method
        for route in request.app.router.routes
        if isinstance(route, APIRoute) and route.matches({**request.scope, "method": "?"})[0] is not Match.NONE
        for method in route.methods or ()
    )
    if not offered:
        sentence = f"there is nothing at this address; what is offered is told at {METADATA}"
        return outcome(404, [Said(Kind.NOT_FOUND, sentence)], pretty=pretty)
    sentence = f"this interaction is not offered here; at this address: {', '.join(offered)}"
    return outcome(405, [Said(Kind.NOT_SUPPORTED, sentence)], pretty=pretty, headers={"Allow": ", ".join(offered)})
