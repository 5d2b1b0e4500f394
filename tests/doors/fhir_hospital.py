"""The FHIR door on the real conduct and the real identity, in memory: orders are committed to a record, clients have tokens that can be revoked."""

import asyncio
import itertools
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

import uvicorn
from fastapi import FastAPI

from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.store.memory import MemoryRecord
from interop.conduct.decision import Decision, Told
from interop.conduct.naming import programme_stream
from interop.conduct.resources import Resources
from interop.conduct.tasks import Tasks
from interop.conduct.world import Releases
from interop.domain.actor import Actor, Kind, Proof, Role
from interop.domain.release import Release
from interop.doors.fhir.limits import DoorLimits
from interop.doors.fhir.rest import FhirSettings, fhir_app
from interop.doors.fhir.serving import uvicorn_options
from tests.doors.fhir_ward import NOON
from tests.wards.tasked import ON_SCREEN
from tests.wards.ward import demo_release

ADMINISTRATOR = Actor("admin", Kind.PERSON, frozenset({Role.ADMINISTRATOR}), Proof.PASSWORD)


@cache
def the_release() -> Release:
    return demo_release()


@dataclass
class Clock:
    at: datetime = NOON

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


class Ids:
    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self) -> str:
        return f"R{next(self._numbers):06d}"


@dataclass
class Hospital:
    """To be made inside a running loop."""

    limits: DoorLimits = field(default_factory=DoorLimits)

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.record = MemoryRecord("node-1", self.clock)
        self.resources = Resources(self.record, self.clock, Ids(), lambda: Releases(the_release()), lambda intent: None)
        self.identity = LocalIdentity(self.record, self.clock, Keys.of_secret("of no value, " * 4))

    async def token(self, client: str = "ehr-fhir", sender: str = "fhir-demo") -> str:
        """A new client's."""
        return (await self.identity.clients.add(ADMINISTRATOR, client, sender)).token

    def app(self) -> FastAPI:
        """A server in front of the record; a second one is the first after a restart."""
        return fhir_app(
            self.resources, self.identity, FhirSettings(self.limits, version="1.2.3"), now_ns=lambda: 0, tasks=Tasks(self.record)
        )

    async def attempted(self) -> str:
        """An order that came by HL7 v2 was offered on a pump; the id of its Task."""
        told = Told(programme_stream("PRG-5"), 0, tuple(ON_SCREEN))
        await self.record.commit(Decision(told=(told,)).commit(self.clock.now()))
        return "PRG-5"


@asynccontextmanager
async def served(app: FastAPI, limits: DoorLimits, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Real sockets on loopback; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(limits, context)))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
            assert not serving.done()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await serving
