"""The interactions of the FHIR door (R4, 3.1.0.1): read, create and update of MedicationRequest.

The order of the questions: does the client take our answer, can its body be read, whose profile is it read by, is it sound. A body is taken as bytes
and judged in a thread; 201 and 200 leave after the commit and never before.
"""

from functools import partial

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from interop.conduct.resources import Incoming, Sending
from interop.domain.actor import Right
from interop.domain.finding import PivError, Sub
from interop.doors.access import actor_of, asking_of, needs
from interop.doors.fhir.answers import QUIET, of_stored, version_headers, written
from interop.doors.fhir.asking import base_of, body_of, check_answerable, id_of, is_pretty, wanted_return
from interop.doors.fhir.headers import check_content, expected_version, is_unchanged
from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.orders import Orders
from interop.doors.fhir.reading import Read, read_order
from interop.doors.fhir.refusal import not_there, refusal
from interop.wire.fhir.json import Limits
from interop.wire.fhir.outcomes import Kind

UNKNOWN_SENDER = f"{PivError.OTHER.number}.{Sub.UNKNOWN_SENDER.key}"


class Verbs:
    """One instance a door. Every method takes a request whose client the gate knows, and raises Refusal, StoreUnavailable or Busy."""

    def __init__(self, orders: Orders, limits: DoorLimits) -> None:
        self._orders, self._limits = orders, limits
        self._reading = CapacityLimiter(limits.reading)

    @needs(Right.PLACE_ORDER)
    async def create(self, request: Request) -> Response:
        """POST [base]/MedicationRequest: the server chooses the id, whatever the body says of itself."""
        wanted = wanted_return(request)
        if "if-none-exist" in request.headers:
            raise refusal(
                400, Kind.NOT_SUPPORTED, "a conditional create is not done here; an order number that is in use is refused anyway"
            )
        read, body = await self._order(request)
        stored = await self._orders.create(self._incoming(request, read, body))
        location = f"{base_of(request)}/MedicationRequest/{stored.id}/_history/{stored.version}"
        return written(stored, wanted, read.told, pretty=is_pretty(request), status=201, location=location)

    @needs(Right.PLACE_ORDER)
    async def update(self, request: Request) -> Response:
        """PUT [base]/MedicationRequest/[id], based on the version in If-Match."""
        wanted = wanted_return(request)
        id = id_of(request)
        based_on = expected_version(request.headers.getlist("if-match"))
        read, body = await self._order(request)
        if read.id != id:
            raise refusal(400, Kind.INVALID, "the id in the body is not the one in the address")
        stored = await self._orders.update(id, based_on, self._incoming(request, read, body))
        return written(stored, wanted, read.told, pretty=is_pretty(request), status=200)

    @needs(Right.READ_ORDER)
    async def read(self, request: Request) -> Response:
        """GET [base]/MedicationRequest/[id]: an order that another sender sent is not there for this client (SEC-16)."""
        check_answerable(request)
        stored = await self._orders.read(id_of(request))
        if stored is None or not actor_of(request).may_see_orders_of(stored.sender):
            raise not_there()
        if stored.deleted:
            raise refusal(410, Kind.DELETED, "this order was entered in error and is gone", headers=version_headers(stored))
        if is_unchanged(request.headers.getlist("if-none-match"), stored.version):
            return Response(b"", 304, {**QUIET, **version_headers(stored)})
        return of_stored(stored, pretty=is_pretty(request))

    async def _order(self, request: Request) -> tuple[Read, bytes]:
        version = check_content(request.headers.get("content-type", ""), request.headers.get("content-encoding", ""))
        sending = self._sending(request)
        body = await body_of(request, self._limits.body_bytes, self._limits.body_s, "a body")
        limits = Limits(size_bytes=self._limits.body_bytes, values=self._limits.values)
        judge = partial(read_order, body, sending, version, base_of(request), limits)
        return await to_thread.run_sync(judge, limiter=self._reading), body

    def _sending(self, request: Request) -> Sending:
        """By the client's profile, which is the release's to say and the one that its token was made for: both, or nothing is taken."""
        actor = actor_of(request)
        sending = self._orders.sending(actor.id)
        if sending is None or sending.profile.name != actor.sender:
            sentence = "no FHIR profile of the release in force names this client, or another one than its token was made for"
            raise refusal(403, Kind.FORBIDDEN, sentence, code=UNKNOWN_SENDER)
        return sending

    def _incoming(self, request: Request, read: Read, body: bytes) -> Incoming:
        return Incoming(read.request, body, actor_of(request).key, asking_of(request).request_id)
