"""The chart at the FHIR door: read and search of MedicationAdministration (R4, 3.1.0.2 and 3.1.1). Nothing is written here: a pump's words alone write it.

A client sees what documents the orders of its own system group, whatever way they came (SEC-16); another's is answered as one that is not there. A
search by POST keeps a patient's number out of addresses.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from interop.conduct.administrations import Administered, Found, TooMany, Wanted
from interop.conduct.resources import Stored
from interop.domain.actor import Right
from interop.domain.finding import PivError, Sub
from interop.doors.access import actor_of, needs
from interop.doors.fhir.answers import QUIET, laid_out, of_json, version_headers
from interop.doors.fhir.asking import BASE, base_of, check_answerable, id_of, is_pretty
from interop.doors.fhir.headers import FHIR_JSON, is_unchanged
from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.orders import Orders
from interop.doors.fhir.refusal import refusal
from interop.wire.fhir.json import Json, Limits, Resource, read
from interop.wire.fhir.outcomes import Kind
from interop.wire.fhir.search import AFTER, PARAMETERS, By, Criterion, NotASearch, Search, read_search

ADMINISTRATIONS: Final = f"{BASE}/MedicationAdministration"
SEARCH: Final = f"{ADMINISTRATIONS}/_search"
ADMINISTRATION: Final = f"{ADMINISTRATIONS}/{{id}}"

FORM: Final = "application/x-www-form-urlencoded"
MOST_FORM_BYTES: Final = 16_384
UNKNOWN_SENDER: Final = f"{PivError.OTHER.number}.{Sub.UNKNOWN_SENDER.key}"

_OWN: Final = Limits(size_bytes=2**20, values=20_000)

_TYPES: Final[Mapping[str, str]] = {
    "_id": "token",
    "identifier": "token",
    "patient": "reference",
    "subject": "reference",
    "request": "reference",
    "status": "token",
    "effective-time": "date",
    "device": "reference",
    "_lastUpdated": "date",
}


class Chart(Protocol):
    """What the door asks of the conduct (``conduct.administrations``). Both may raise StoreUnavailable and Busy."""

    async def read(self, id: str, group: str) -> Administered | None:
        """None: there is none, or it is another group's."""

    async def search(self, wanted: Wanted, group: str, after: str, count: int) -> Found:
        """One page. Raises: TooMany."""


def capability() -> Resource:
    """``CapabilityStatement.rest.resource``: what is done with MedicationAdministration, and all of it."""
    asked: list[Json] = [{"name": name, "type": _TYPES[name]} for name in PARAMETERS if name in _TYPES]
    search = (
        "By GET or by POST to _search; one of _id, identifier, patient, subject and request is required. Patients and orders that came by HL7 v2 are "
        "asked by patient:identifier and request:identifier. Parents and children are both found; a child's partOf names its parent."
    )
    return {
        "type": "MedicationAdministration",
        "interaction": [
            {"code": "read", "documentation": "What a pump told, unverified (meta.tag); a lost pump's says so (extension stale-since)."},
            {"code": "search-type", "documentation": search},
        ],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalRead": "not-match",
        "searchParam": asked,
    }


class ChartVerbs:
    """One instance a door. Every method takes a request whose client the gate knows, and raises Refusal, StoreUnavailable or Busy."""

    def __init__(self, chart: Chart, orders: Orders, limits: DoorLimits) -> None:
        self._chart, self._orders, self._limits = chart, orders, limits

    @needs(Right.READ_ORDER)
    async def read(self, request: Request) -> Response:
        """GET [base]/MedicationAdministration/[id]."""
        check_answerable(request)
        one = await self._chart.read(id_of(request), self._group(request))
        if one is None:
            raise refusal(404, Kind.NOT_FOUND, "there is no such administration")
        headers = version_headers(Stored(one.id, one.version, one.at, "", b""))
        if is_unchanged(request.headers.getlist("if-none-match"), one.version):
            return Response(b"", 304, {**QUIET, **headers})
        body = laid_out(read(one.body, _OWN)) if is_pretty(request) else one.body
        return Response(body, 200, {**QUIET, **headers}, FHIR_JSON)

    @needs(Right.READ_ORDER)
    async def search(self, request: Request) -> Response:
        """GET [base]/MedicationAdministration?…"""
        check_answerable(request)
        return await self._search(request, list(request.query_params.multi_items()))

    @needs(Right.READ_ORDER)
    async def search_by_form(self, request: Request) -> Response:
        """POST [base]/MedicationAdministration/_search, with the parameters in the body."""
        check_answerable(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise refusal(415, Kind.NOT_SUPPORTED, f"a search is posted as {FORM}")
        body = await self._form(request)
        try:
            parameters = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict")
        except ValueError:
            raise refusal(400, Kind.INVALID, "the body is no form") from None
        return await self._search(request, [*request.query_params.multi_items(), *parameters])

    async def _search(self, request: Request, parameters: list[tuple[str, str]]) -> Response:
        try:
            search = read_search(parameters)
        except NotASearch as fault:
            raise refusal(400, Kind.INVALID, f"{_named(fault.parameter)}: {fault.sentence}") from None
        strict = any("handling=strict" in value.replace(" ", "").lower() for value in request.headers.getlist("prefer"))
        if search.unknown and strict:
            raise refusal(400, Kind.NOT_SUPPORTED, "a parameter of this search is not known here; `metadata` tells those that are")
        finds = next((each for each in search.criteria if each.can_find), None)
        if finds is None:
            sentence = "a search names one patient, request, identifier or id: the whole chart is not searched"
            raise refusal(400, Kind.TOO_COSTLY, sentence)
        wanted = Wanted(finds.by.value, _looked_up(finds), lambda one: _fits(one, search))
        try:
            found = await self._chart.search(wanted, self._group(request), search.after, search.count)
        except TooMany:
            raise refusal(400, Kind.TOO_COSTLY, "this finds more than can be looked through: ask for less, by effective-time") from None
        return of_json(200, _bundle(base_of(request), search, found), pretty=is_pretty(request))

    async def _form(self, request: Request) -> bytes:
        """Raises: Refusal: 413 too large, 408 too slow."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_s):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > MOST_FORM_BYTES:
                        raise refusal(413, Kind.TOO_LONG, f"a search has at most {MOST_FORM_BYTES} bytes")
        except TimeoutError:
            raise refusal(408, Kind.TIMEOUT, "the body did not come in within the time it has") from None
        return bytes(body)

    def _group(self, request: Request) -> str:
        """The system group of the client's profile. Raises: Refusal: 403, the release in force names no such client."""
        actor = actor_of(request)
        sending = self._orders.sending(actor.id)
        if sending is None or not actor.may_see_orders_of(sending.profile.name):
            sentence = "no FHIR profile of the release in force names this client, or another one than its token was made for"
            raise refusal(403, Kind.FORBIDDEN, sentence, code=UNKNOWN_SENDER)
        return sending.profile.system_group


def _named(parameter: str) -> str:
    """A parameter of ours by its name; another's name is not told back."""
    return parameter if parameter.partition(":")[0] in (*PARAMETERS, AFTER) and len(parameter) < 40 else "a parameter"


def _looked_up(criterion: Criterion) -> str:
    value = criterion.any_of[0].value
    return value.removeprefix("MedicationRequest/") if criterion.by is By.REQUEST else value


def _fits(one: Administered, search: Search) -> bool:
    return (
        all(_meets(one, each) for each in search.criteria)
        and all(span.fits(one.start, one.end) for span in search.effective)
        and all(span.fits(one.at, one.at) for span in search.updated)
    )


def _meets(one: Administered, criterion: Criterion) -> bool:
    match criterion.by:
        case By.ID:
            has = [(one.id, "")]
        case By.PATIENT:
            has = list(one.patients)
        case By.SUBJECT:
            has = [(one.subject, "")]
        case By.ORDER:
            has = [one.order]
        case By.REQUEST:
            has = [(f"MedicationRequest/{one.request}", "")] if one.request else []
        case By.STATUS:
            has = [(one.status, "")]
        case By.DEVICE:
            has = [(one.pump, "urn:interop:fhir:pump")]
    return any(token.fits(value, authority) for token in criterion.any_of for value, authority in has)


def _bundle(base: str, search: Search, found: Found) -> Resource:
    """A searchset; its resources are the bytes that were stored, number by number."""
    address = f"{base}/MedicationAdministration"
    asked = [*search.used] if any(name == "_count" for name, _ in search.used) else [*search.used, ("_count", str(search.count))]
    links: list[Json] = [{"relation": "self", "url": f"{address}?{urlencode(asked)}"}]
    if found.more:
        links.append({"relation": "next", "url": f"{address}?{urlencode([*asked, (AFTER, found.found[-1].id)])}"})
    entries: list[Json] = [
        {"fullUrl": f"{address}/{one.id}", "resource": read(one.body, _OWN), "search": {"mode": "match"}} for one in found.found
    ]
    bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return {**bundle, "entry": entries} if entries else bundle
