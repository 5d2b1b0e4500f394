"""Before any route of the FHIR door: how many, who, how fast; behind it: every refusal and failure becomes an OperationOutcome, and none a trace.

Deny by default (SEC-01): what is not on the list of open routes is asked for its client first, whether or not there is such a route.
"""

import logging
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interop.conduct.resources import Deleted, Moved, NotThere, Taken
from interop.domain.finding import PivError, Sub
from interop.doors.access import Denied, Doorkeeper
from interop.doors.fhir.answers import outcome
from interop.doors.fhir.asking import is_pretty
from interop.doors.fhir.limits import DoorLimits, Paces
from interop.doors.fhir.refusal import Refusal, refusal
from interop.ports import Busy, StoreUnavailable
from interop.wire.fhir.outcomes import Kind

log = logging.getLogger(__name__)

CONFLICT = f"{PivError.OTHER.number}.{Sub.CONFLICT.key}"
NOT_ACTIVE = f"{PivError.OTHER.number}.{Sub.ORDER_NOT_ACTIVE.key}"


class Gate:
    """ASGI around the routes. ``now_ns`` is a monotonic clock."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper, limits: DoorLimits, now_ns: Callable[[], int]) -> None:
        self._app, self._doorkeeper, self._limits, self._now_ns = app, doorkeeper, limits, now_ns
        self._paces = Paces(limits)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        is_answered, is_read = False, not _has_body(request)

        async def receiving() -> Message:
            nonlocal is_read
            message = await receive()
            is_read = is_read or not message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            nonlocal is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id_of(request)
                if not is_read:
                    headers["Connection"] = "close"  # nobody waits for what was refused
            await send(message)

        self._in_flight += 1
        try:
            if self._in_flight > self._limits.in_flight:
                raise refusal(503, Kind.THROTTLED, "the server is busy: send it again", headers={"Retry-After": "1"})
            actor = await self._doorkeeper.admit(request)
            if actor is not None and (wait_s := self._paces.wait_s(actor.key, self._now_ns())):
                raise refusal(429, Kind.THROTTLED, "this client sends too fast: send it again later", headers={"Retry-After": str(wait_s)})
            await self._app(scope, receiving, sending)
        except ClientDisconnect:
            log.info("a client hung up before its request had come in", extra={"request_id": request_id_of(request)})
        except Exception as fault:
            if is_answered:
                raise
            refused, request_id = refusal_of(fault), request_id_of(request)
            if refused is None:
                log.error("a request failed", exc_info=fault, extra={"listener": "fhir", "request_id": request_id})
                refused = refusal(
                    500, Kind.EXCEPTION, "the server failed; whether the request took effect must be read before it is sent again"
                )
            code = refused.said[0].code or str(refused.said[0].kind)
            log.info("a request was refused", extra={"listener": "fhir", "request_id": request_id, "status": refused.status, "code": code})
            answer = outcome(refused.status, refused.said, pretty=is_pretty(request), headers=refused.headers)
            await answer(scope, receive, sending)
        finally:
            self._in_flight -= 1


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def request_id_of(request: Request) -> str:
    """As the doorkeeper gave it (SEC-34); empty for a request that did not get as far."""
    return str(getattr(request.state, "request_id", ""))


def refusal_of(fault: Exception) -> Refusal | None:
    """What is answered; ``None``: a fault of ours that nobody foresaw."""
    match fault:
        case Refusal():
            return fault
        case Denied():
            kind = Kind.LOGIN if fault.status == 401 else Kind.FORBIDDEN
            return refusal(fault.status, kind, fault.sentence, headers=fault.headers)
        case NotThere():
            # R4, 3.1.0.4: the resource did not exist, and clients choose no ids here; for a stranger's order the same (SEC-16)
            return refusal(405, Kind.NOT_FOUND, "there is no such order to update; a new one is sent by POST", headers={"Allow": ""})
        case Deleted():
            return refusal(409, Kind.CONFLICT, "this order was entered in error and takes no further version", code=NOT_ACTIVE)
        case Moved():
            return refusal(412, Kind.CONFLICT, "the order has another version by now: read it again, then decide")
        case Taken():
            sentence = "the order number is another order's, with other content, or not the one that this order was stored under: it names one order for good"
            return refusal(409, Kind.DUPLICATE, sentence, code=CONFLICT)
        case Busy():
            return refusal(503, Kind.TRANSIENT, "the server is behind with its work: send it again", headers={"Retry-After": "1"})
        case StoreUnavailable(in_doubt=True):
            sentence = (
                "the order may or may not be stored: read it; or send the very same again, which makes no second order of one order number"
            )
            return refusal(503, Kind.TRANSIENT, sentence, headers={"Retry-After": "5"})
        case StoreUnavailable():
            return refusal(
                503, Kind.TRANSIENT, "the record cannot be reached and nothing was stored: send it again", headers={"Retry-After": "5"}
            )
        case _:
            return None
