"""A ward with the bedside page: a hospital with pumps, people who may log in, and the page over HTTP, all on one event loop and a clock that can be moved."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import httpx
from fastapi import FastAPI

from interop.adapters.identity.keys import Keys
from interop.adapters.identity.local import LocalIdentity
from interop.adapters.identity.passwords import Cost, Passwords
from interop.adapters.identity.sessions import SessionTimes
from interop.adapters.store.memory import MemoryRecord
from interop.conduct.hospital import Bounds
from interop.conduct.lanes import LaneLimits
from interop.conduct.resources import Incoming, Stored
from interop.domain.actor import Actor, Kind, Proof, Role
from interop.doors.pages import pages_app
from interop.doors.pages.bedside import BedsidePage
from interop.doors.pages.frame import Frame, PagesSettings
from interop.wire.fhir.json import read, write
from interop.wire.fhir.medication_request import read_medication_request
from interop.wire.fhir.reader import MedicationRequestReader
from tests.conduct.pump import APump
from tests.conduct.virtual import MORNING
from tests.conduct.ward import Counter, Ehr, Hospital
from tests.wards.resources import PATIENTS, a_dopamine_request
from tests.wards.ward import demo_release

PASSWORD = "four words in a row"
BADGE = "0047110815"
CONSOLE = Actor("console-ops", Kind.SYSTEM, frozenset({Role.ADMINISTRATOR}), Proof.CONSOLE)
LONG_NAME = "Maria Wilhelmine Anneliese Freifrau von Hohenstein-Oberbergheim zu Trautmannsdorf"
WRISTBAND, CONTAINER, CHANNEL = "4711001^DEMO", "ORD-1|LOC-00501", "LVP-0001/A"


class MovableClock:
    """MORNING and what the loop has passed since; ``goes_on`` moves it on at once."""

    def __init__(self) -> None:
        self._began, self._moved = asyncio.get_running_loop().time(), timedelta(0)

    def now(self) -> datetime:
        passed_us = round((asyncio.get_running_loop().time() - self._began) * 1_000_000)
        return MORNING + timedelta(microseconds=passed_us) + self._moved

    def goes_on(self, **by: float) -> None:
        self._moved += timedelta(**by)


def an_order(number: int = 1, *, name: str = LONG_NAME, patient: str = "4711001", **words: Any) -> dict[str, Any]:
    """A dopamine order whose patient has a name."""
    resource = a_dopamine_request(order_number=f"ORD-{number}", patient=patient, **words)
    identifier = {"system": PATIENTS, "value": patient}
    person = {"resourceType": "Patient", "id": "who", "identifier": [identifier], "name": [{"text": name}], "birthDate": "1961-04-03"}
    contained = resource["contained"]
    assert isinstance(contained, list)
    return {**resource, "contained": [*contained, person], "subject": {"reference": "#who", "identifier": identifier}}


@dataclass
class Ward:
    """See the module."""

    hospital: Hospital
    pump: APump
    identity: LocalIdentity
    page: BedsidePage
    app: FastAPI
    clock: MovableClock
    stored: dict[int, Stored] = field(default_factory=dict)

    @classmethod
    async def open(cls, *, is_demo: bool = True, times: SessionTimes | None = None) -> "Ward":
        clock = MovableClock()
        record = MemoryRecord("node-a", clock)
        hospital = Hospital(record, clock, Counter(), Ehr(), "real", LaneLimits(), lambda number, moment: None, Bounds())  # type: ignore[arg-type]
        await hospital.begin()
        keys, passwords = Keys.of_secret("a secret of these tests, and long enough"), Passwords(Cost(1, 8, 1))
        identity = LocalIdentity(record, clock, keys, times=times or SessionTimes(), passwords=passwords)
        await identity.users.add(CONSOLE, "nurse7", "Anna Lindqvist", {Role.NURSE}, password=PASSWORD, badge=BADGE)
        await identity.users.add(CONSOLE, "boris", "Boris Ahlgren", {Role.PHARMACIST}, password=PASSWORD)
        frame = Frame(identity, PagesSettings(is_demo=is_demo))
        page = BedsidePage(frame, hospital.conduct, record, clock, MedicationRequestReader())
        app = pages_app(frame, page.routes())
        pump = APump(hospital)
        await pump.connect()
        return cls(hospital, pump, identity, page, app, clock)

    async def close(self) -> None:
        self.page.close()
        await self.hospital.close()

    async def has_order(self, number: int = 1, **words: Any) -> Stored:
        """A pharmacy order that came by FHIR; again for the same number: a new version."""
        body = write(an_order(number, **words))
        incoming = Incoming(read_medication_request(read(body), demo_release().senders["fhir-demo"]), body, "ehr-fhir", "R1")
        resources = self.hospital.conduct.resources
        before = self.stored.get(number)
        self.stored[number] = await (resources.update(before.id, before.version, incoming) if before else resources.create(incoming))
        return self.stored[number]

    async def settled(self) -> None:
        """Until nothing is left to be planned, offered or sent."""
        for _ in range(2):
            await self.hospital.conduct.planned()
            async with asyncio.timeout(10):
                while self.hospital.in_hand() or await self.hospital.undone() or await self.hospital.open_messages():
                    await asyncio.sleep(0.002)
            await self.pump.settled()

    @property
    def offer_id(self) -> str:
        return self.pump.offers[-1].offer_id

    @asynccontextmanager
    async def browser(self, user: str = "nurse7") -> AsyncIterator["Browser"]:
        transport = httpx.ASGITransport(self.app, client=("10.20.0.3", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="https://interop.test") as client:
            browser = Browser(client)
            await browser.logs_in(user)
            yield browser


@dataclass
class Browser:
    """A browser without scripts: it submits the forms that it was shown."""

    client: httpx.AsyncClient
    shown: str = ""
    status: int = 0

    async def logs_in(self, user: str) -> None:
        page = await self.client.get("/login")
        (token, *_) = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)
        await self.client.post("/login", data={"csrf": token, "user": user, "password": PASSWORD})

    async def looks(self) -> str:
        answer = await self.client.get("/bedside")
        self.shown, self.status = answer.text, answer.status_code
        return self.shown

    async def scans(self, *labels: str) -> str:
        for label in labels:
            await self.submits("/bedside/scan", scan=label)
        return self.shown

    async def submits(self, action: str, nth: int = 0, **typed: str) -> str:
        """The nth form of that action, with its hidden fields as they stand."""
        if not self.shown:
            await self.looks()
        forms = re.findall(rf'<form method="post" action="{re.escape(action)}".*?</form>', self.shown, re.DOTALL)
        assert forms, f"no form for {action}"
        fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', forms[nth]))
        said = {name: unescape(value) for name, value in fields.items()}
        answer = await self.client.post(action, data={**said, **typed}, follow_redirects=True)
        self.shown, self.status = answer.text, answer.status_code
        return self.shown

    def part(self, id: str) -> str:
        """What one part of the page says, without marks."""
        match = re.search(
            rf'<div id="{id}".*?(?=<div id="(?:banner|scan-box|said|now|alerts|nobodys|patients|list)"|</main>)', self.shown, re.DOTALL
        )
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", match[0] if match else "")).split())
