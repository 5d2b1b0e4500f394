"""Answers of the FHIR door: resources as stored, outcomes, and their headers (R4, 3.1.0.1.5 to 3.1.0.1.9)."""

import json
from collections.abc import Iterable, Iterator, Mapping
from email.utils import format_datetime

from starlette.responses import Response

from interop.conduct.resources import Stored
from interop.doors.fhir.headers import FHIR_JSON, Return, etag
from interop.doors.fhir.stamping import stamped
from interop.ports import StoreUnavailable
from interop.wire.fhir.json import Json, Limits, Number, Resource, read, write
from interop.wire.fhir.outcomes import Kind, Level, Said, operation_outcome

QUIET = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Orders are kept by no cache, and taken for nothing but what they are."""

_STAMPED = Limits(size_bytes=2**25, values=2**20)
"""For what was within limits when it was received, and has grown by its id and meta."""


def of_json(status: int, value: Resource, *, pretty: bool = False, headers: Mapping[str, str] | None = None) -> Response:
    """A resource of ours."""
    return Response(laid_out(value) if pretty else write(value), status, {**QUIET, **(headers or {})}, FHIR_JSON)


def outcome(status: int, said: Iterable[Said], *, pretty: bool = False, headers: Mapping[str, str] | None = None) -> Response:
    """An OperationOutcome."""
    return of_json(status, operation_outcome(said), pretty=pretty, headers=headers)


def of_stored(stored: Stored, *, pretty: bool = False, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The resource as it came, with the server's id and meta. Raises: StoreUnavailable: the store gives back what was never accepted."""
    try:
        body = stamped(stored.body, stored.id, stored.version, stored.at)
        body = laid_out(read(body, _STAMPED)) if pretty else body
    except ValueError as fault:
        raise StoreUnavailable("a stored order cannot be read back") from fault
    return Response(body, status, {**QUIET, **version_headers(stored), **(headers or {})}, FHIR_JSON)


def written(stored: Stored, wanted: Return, told: Iterable[Said], *, pretty: bool, status: int, location: str = "") -> Response:
    """The answer to a create or update, after the commit. ``told`` is what the reader has to say about the order."""
    headers = {"Preference-Applied": f"return={wanted.value}"} | ({"Location": location} if location else {})
    match wanted:
        case Return.MINIMAL:
            return Response(b"", status, {**QUIET, **version_headers(stored), **headers})
        case Return.OUTCOME:
            stands = Said(Kind.INFORMATIONAL, "The order is stored; a pump is programmed from it at the bedside only.", Level.INFORMATION)
            return outcome(status, [stands, *told], pretty=pretty, headers={**version_headers(stored), **headers})
        case Return.REPRESENTATION:
            return of_stored(stored, pretty=pretty, status=status, headers=headers)


def version_headers(stored: Stored) -> dict[str, str]:
    """ETag and Last-Modified."""
    return {"ETag": etag(stored.version), "Last-Modified": format_datetime(stored.at, usegmt=True)}


def laid_out(value: Json) -> bytes:
    """Indented JSON for people (``_pretty``); numbers keep their text."""
    return ("".join(_lines(value, "\n")) + "\n").encode()


def _lines(value: Json, line: str) -> Iterator[str]:
    inner = line + "  "
    match value:
        case dict() if value:
            for index, (name, member) in enumerate(value.items()):
                yield f"{',' if index else '{'}{inner}{json.dumps(name)}: "
                yield from _lines(member, inner)
            yield f"{line}}}"
        case list() if value:
            for index, item in enumerate(value):
                yield f"{',' if index else '['}{inner}"
                yield from _lines(item, inner)
            yield f"{line}]"
        case Number():
            yield value.text
        case _:
            yield json.dumps(value, ensure_ascii=False)
