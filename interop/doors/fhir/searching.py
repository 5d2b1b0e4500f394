"""Read and search of what the server alone writes (R4, 3.1.0.2 and 3.1.1): one way for every resource of the chart.

A client sees what is of its own system group, whatever way the order came (SEC-16); another's is answered as one that is not there. A search by POST
keeps a patient's number out of addresses. Found is what a value leads to: the whole chart is never searched.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from interop.conduct.chart_index import Found, HasId, TooMany, Wanted
from interop.conduct.resources import Stored
from interop.domain.actor import Right
from interop.domain.finding import PivError, Sub
from interop.doors.access import actor_of, needs
from interop.doors.fhir.answers import QUIET, laid_out, of_json, version_headers
from interop.doors.fhir.asking import BASE, base_of, body_of, check_answerable, id_of, is_pretty
from interop.doors.fhir.headers import FHIR_JSON, is_unchanged
from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.orders import Orders
from interop.doors.fhir.refusal import refusal
from interop.wire.fhir.json import Json, Resource, write
from interop.wire.fhir.outcomes import Kind
from interop.wire.fhir.search import AFTER, By, Criterion, Grammar, NotASearch, Search, read_search

FORM: Final = "application/x-www-form-urlencoded"
MOST_FORM_BYTES: Final = 16_384
UNKNOWN_SENDER: Final = f"{PivError.OTHER.number}.{Sub.UNKNOWN_SENDER.key}"

T = TypeVar("T", bound=HasId)


class Source(Protocol[T]):
    """What the door asks of the conduct. Both may raise StoreUnavailable and Busy."""

    async def read(self, id: str, group: str) -> T | None:
        """None: there is none, or it is another group's."""

    async def search(self, wanted: Wanted[T], group: str, after: str, count: int) -> Found[T]:
        """One page. Raises: TooMany."""


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """How one kind of resource is searched and shown.

    Attributes:
        missing: the sentence where there is none.
        version: its version, and when that was made.
        period: from when to when it was in effect, for ``effective-time``.
        values: all that it has of what a criterion asks, each with its system or authority.
    """

    grammar: Grammar
    missing: str
    version: Callable[[T], tuple[int, datetime]]
    period: Callable[[T], tuple[datetime, datetime | None]]
    values: Callable[[T, By], Sequence[tuple[str, str]]]
    resource: Callable[[T], Resource]


def capability(grammar: Grammar, read: str, search: str) -> Resource:
    """``CapabilityStatement.rest.resource``: what is done with this resource, and all of it; ``read`` and ``search`` say how, in words."""
    asked: list[Json] = [{"name": name, "type": kind} for name, kind in grammar.parameters.items()]
    return {
        "type": grammar.resource,
        "interaction": [{"code": "read", "documentation": read}, {"code": "search-type", "documentation": search}],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalRead": "not-match",
        "searchParam": asked,
    }


class SearchVerbs(Generic[T]):
    """One instance a resource. Every method takes a request whose client the gate knows, and raises Refusal, StoreUnavailable or Busy."""

    def __init__(self, source: Source[T], shown: Shown[T], orders: Orders, limits: DoorLimits) -> None:
        self._source, self._shown, self._orders, self._limits = source, shown, orders, limits

    def routes(self) -> list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]:
        """Method, path and verb of each."""
        base = f"{BASE}/{self._shown.grammar.resource}"
        return [("GET", base, self.search), ("POST", f"{base}/_search", self.search_by_form), ("GET", f"{base}/{{id}}", self.read)]

    @needs(Right.READ_ORDER)
    async def read(self, request: Request) -> Response:
        """GET [base]/[type]/[id]."""
        check_answerable(request)
        one = await self._source.read(id_of(request), self._group(request))
        if one is None:
            raise refusal(404, Kind.NOT_FOUND, self._shown.missing)
        version, at = self._shown.version(one)
        headers = {**QUIET, **version_headers(Stored(one.id, version, at, "", b""))}
        if is_unchanged(request.headers.getlist("if-none-match"), version):
            return Response(b"", 304, headers)
        resource = self._shown.resource(one)
        return Response(laid_out(resource) if is_pretty(request) else write(resource), 200, headers, FHIR_JSON)

    @needs(Right.READ_ORDER)
    async def search(self, request: Request) -> Response:
        """GET [base]/[type]?…"""
        check_answerable(request)
        return await self._search(request, list(request.query_params.multi_items()))

    @needs(Right.READ_ORDER)
    async def search_by_form(self, request: Request) -> Response:
        """POST [base]/[type]/_search, with the parameters in the body."""
        check_answerable(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise refusal(415, Kind.NOT_SUPPORTED, f"a search is posted as {FORM}")
        body = await body_of(request, MOST_FORM_BYTES, self._limits.body_s, "a search")
        try:
            parameters = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict")
        except ValueError:
            raise refusal(400, Kind.INVALID, "the body is no form") from None
        return await self._search(request, [*request.query_params.multi_items(), *parameters])

    async def _search(self, request: Request, parameters: list[tuple[str, str]]) -> Response:
        grammar = self._shown.grammar
        try:
            search = read_search(parameters, grammar)
        except NotASearch as fault:
            raise refusal(400, Kind.INVALID, f"{_named(fault.parameter, grammar)}: {fault.sentence}") from None
        strict = any("handling=strict" in value.replace(" ", "").lower() for value in request.headers.getlist("prefer"))
        if search.unknown and strict:
            raise refusal(400, Kind.NOT_SUPPORTED, "a parameter of this search is not known here; `metadata` tells those that are")
        finds = next((each for each in search.criteria if each.can_find), None)
        if finds is None:
            raise refusal(400, Kind.TOO_COSTLY, f"a search names {grammar.finds}: the whole chart is not searched")
        wanted: Wanted[T] = Wanted(*_looked_up(finds), lambda one: self._fits(one, search))
        try:
            found = await self._source.search(wanted, self._group(request), search.after, search.count)
        except TooMany:
            sentence = f"this finds more than can be looked through: ask for less, by {grammar.narrows}"
            raise refusal(400, Kind.TOO_COSTLY, sentence) from None
        return of_json(200, self._bundle(base_of(request), search, found), pretty=is_pretty(request))

    def _group(self, request: Request) -> str:
        """The system group of the client's profile. Raises: Refusal: 403, the release in force names no such client."""
        actor = actor_of(request)
        sending = self._orders.sending(actor.id)
        if sending is None or not actor.may_see_orders_of(sending.profile.name):
            sentence = "no FHIR profile of the release in force names this client, or another one than its token was made for"
            raise refusal(403, Kind.FORBIDDEN, sentence, code=UNKNOWN_SENDER)
        return sending.profile.system_group

    def _fits(self, one: T, search: Search) -> bool:
        _, updated = self._shown.version(one)
        return (
            all(self._meets(one, each) for each in search.criteria)
            and all(span.fits(*self._shown.period(one)) for span in search.effective)
            and all(span.fits(updated, updated) for span in search.updated)
        )

    def _meets(self, one: T, criterion: Criterion) -> bool:
        has = self._shown.values(one, criterion.by)
        return any(token.fits(value, authority) for token in criterion.any_of for value, authority in has)

    def _bundle(self, base: str, search: Search, found: Found[T]) -> Resource:
        """A searchset; numbers keep their digits."""
        address = f"{base}/{self._shown.grammar.resource}"
        asked = [*search.used] if any(name == "_count" for name, _ in search.used) else [*search.used, ("_count", str(search.count))]
        links: list[Json] = [{"relation": "self", "url": f"{address}?{urlencode(asked)}"}]
        if found.more:
            links.append({"relation": "next", "url": f"{address}?{urlencode([*asked, (AFTER, found.found[-1].id)])}"})
        entries: list[Json] = [
            {"fullUrl": f"{address}/{one.id}", "resource": self._shown.resource(one), "search": {"mode": "match"}} for one in found.found
        ]
        bundle: Resource = {"resourceType": "Bundle", "type": "searchset", "link": links}
        return {**bundle, "entry": entries} if entries else bundle


def _named(parameter: str, grammar: Grammar) -> str:
    """A parameter of ours by its name; another's name is not told back."""
    return parameter if (grammar.knows(parameter) or parameter == AFTER) and len(parameter) < 40 else "a parameter"


def _looked_up(criterion: Criterion) -> tuple[str, str]:
    """By which rows of the index, and by which value."""
    value = criterion.any_of[0].value
    match criterion.by:
        case By.IDENTIFIER:
            return By.ID.value, value
        case By.REQUEST:
            return criterion.by.value, value.removeprefix("MedicationRequest/")
        case _:
            return criterion.by.value, value
