"""A FHIR door for scenarios: orders kept in a dictionary as the conduct keeps them in the record, two clients with tokens, and a clock that stands."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from interop.conduct.resources import Deleted, Incoming, Moved, NotThere, Sending, Stored, Taken
from interop.domain.actor import Actor, Asking, Denial, Kind, Proof, Right, Role
from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.rest import ORDERS, FhirSettings, fhir_app
from interop.wire.fhir.json import Json, Resource, read, write
from tests.wards.resources import EHR, a_dopamine_request

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FHIR_JSON = "application/fhir+json"
OTHER = replace(EHR, name="other-ehr", names=(("other", ""),))


def a_system(id: str, sender: str, role: Role = Role.EHR_SYSTEM) -> Actor:
    return Actor(id, Kind.SYSTEM if role is Role.EHR_SYSTEM else Kind.PUMP, frozenset({role}), Proof.TOKEN, sender=sender)


CLIENTS = {
    "ours": a_system("ehr-fhir", EHR.name),
    "theirs": a_system("other", "other-ehr"),
    "unplaced": a_system("stray", EHR.name),
    "mixed": a_system("ehr-fhir", "other-ehr"),
    "pump": a_system("pump-1", "", Role.PUMP),
}


@dataclass
class Dictionary:
    """The contract of ``orders.Orders``, without a record."""

    now: datetime = NOON
    stored: dict[str, Stored] = field(default_factory=dict)
    heard: list[Incoming] = field(default_factory=list)
    fails: Exception | None = None

    def sending(self, client: str) -> Sending | None:
        return next((Sending(each) for each in (EHR, OTHER) if (client, "") in each.names), None)

    async def create(self, order: Incoming) -> Stored:
        self._hear(order)
        for each in self.stored.values():
            if each.sender == order.request.sender and _number(each.body) == _number(order.body):
                if each.body == order.body:
                    return each
                raise Taken(each.id)
        return self._keep(f"order-{len(self.stored) + 1}", 1, order)

    async def update(self, id: str, based_on: int, order: Incoming) -> Stored:
        self._hear(order)
        old = self.stored.get(id)
        if old is None or old.sender != order.request.sender:
            raise NotThere(id)
        if old.deleted:
            raise Deleted(id)
        if old.version != based_on:
            raise Moved(id)
        return self._keep(id, old.version + 1, order)

    async def read(self, id: str) -> Stored | None:
        if self.fails:
            raise self.fails
        return self.stored.get(id)

    def _hear(self, order: Incoming) -> None:
        if self.fails:
            raise self.fails
        self.heard.append(order)

    def _keep(self, id: str, version: int, order: Incoming) -> Stored:
        self.stored[id] = Stored(id, version, self.now + timedelta(minutes=version - 1), order.request.sender, order.body)
        return self.stored[id]


def _number(body: bytes) -> Json:
    return read(body).get("identifier")


class Tokens:
    """The contract of ``access.Identity`` as far as systems need it: a token is a client."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str, Denial]] = []

    async def of_token(self, token: str, asking: Asking) -> Actor | None:
        return CLIENTS.get(token)

    async def refused(self, actor: Actor | None, right: Right | None, why: Denial, asking: Asking) -> None:
        self.refusals.append((asking.route, why))


def a_door(orders: Any, identity: Any = None, **limits: int) -> FastAPI:
    return fhir_app(orders, identity or Tokens(), FhirSettings(DoorLimits(**limits)), now_ns=lambda: 0)


def an_ehr(app: FastAPI, token: str = "ours") -> httpx.AsyncClient:
    """A client that speaks to the application without a network."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=True), base_url="https://interop.example", headers=headers
    )


async def posted(client: httpx.AsyncClient, order: Resource | bytes | None = None, **headers: str) -> httpx.Response:
    body = order if isinstance(order, bytes) else write(order or a_dopamine_request())
    return await client.post(
        ORDERS, content=body, headers={"Content-Type": FHIR_JSON, **{name.replace("_", "-"): text for name, text in headers.items()}}
    )


async def put(client: httpx.AsyncClient, id: str, order: Resource | bytes, if_match: str = 'W/"1"', **headers: str) -> httpx.Response:
    body = order if isinstance(order, bytes) else write({**order, "id": id})
    sent = {"Content-Type": FHIR_JSON, **({"If-Match": if_match} if if_match else {}), **headers}
    return await client.put(f"{ORDERS}/{id}", content=body, headers=sent)


def issues(answer: httpx.Response) -> list[dict[str, Any]]:
    """The issues of an answer that must be an OperationOutcome."""
    assert answer.headers["content-type"] == FHIR_JSON
    said = answer.json()
    assert said["resourceType"] == "OperationOutcome"
    assert said["issue"]
    return list(said["issue"])
