"""What a request asks beside its body: of which resource, and in which form it wants its answer."""

import asyncio
import re
from typing import Final

from starlette.requests import Request

from interop.doors.fhir.headers import Return, check_accept, preferred_return
from interop.doors.fhir.refusal import not_there, refusal
from interop.wire.fhir.outcomes import Kind

BASE: Final = "/fhir/r4"

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}", re.ASCII)
_HOST = re.compile(r"(?:[A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII)


def base_of(request: Request) -> str:
    """URL of the FHIR service as the client asked for it; without authority where ``Host`` is no name of a host."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}{BASE}" if _HOST.fullmatch(host) else BASE


def id_of(request: Request) -> str:
    """The logical id in the address. Raises: Refusal: 404, no resource can have it."""
    id = request.path_params["id"]
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise not_there()
    return id


def is_pretty(request: Request) -> bool:
    """``_pretty=true``."""
    return request.query_params.get("_pretty") == "true"


def check_answerable(request: Request) -> None:
    """Raises: Refusal: 406, the client does not take what can be answered."""
    check_accept(", ".join(request.headers.getlist("accept")), request.query_params.get("_format"))


async def body_of(request: Request, most_bytes: int, within_s: float, what: str) -> bytes:
    """All of the body; ``what`` it is, for the refusal. Raises: Refusal: 413 too large, which is told before it has come in; 408 too slow.

    ClientDisconnect: the client gave up.
    """
    too_large = refusal(413, Kind.TOO_LONG, f"{what} has at most {most_bytes} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise too_large
    except TimeoutError:
        raise refusal(408, Kind.TIMEOUT, "the body did not come in within the time it has") from None
    return bytes(body)


def wanted_return(request: Request) -> Return:
    """What the answer to a write carries. Raises: Refusal: 406, before anything is stored."""
    check_answerable(request)
    return preferred_return(request.headers.getlist("prefer"))
