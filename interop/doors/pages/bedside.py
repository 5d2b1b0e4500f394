"""The bedside page: scan, look, start. My patients, their orders, what the pumps show now; and what a clinician says of it.

Nothing here touches delivery (SR-01). Each command is a form: with the page's script it answers with the scan box or a word, without it with the page.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from interop.conduct.bedside import Bedside, NotSo, ToAssociate
from interop.conduct.hospital import Conduct
from interop.conduct.my_patients import MyPatients
from interop.conduct.reading import ResourceReader
from interop.conduct.resources import NotThere, Stored
from interop.conduct.scanning import Scanned
from interop.conduct.ward_index import PatientHead, heads
from interop.conduct.ward_view import ChannelNow, WardView
from interop.domain.actor import Actor, Right, View, may
from interop.domain.errors import SenderError
from interop.domain.patient import PatientId
from interop.doors.access import SESSION_COOKIE, actor_of, asking_of, needs
from interop.doors.pages import bedside_words as words
from interop.doors.pages.bedside_board import Board, patient_field
from interop.doors.pages.bedside_live import Live, Part
from interop.doors.pages.bedside_ready import Readies
from interop.doors.pages.bedside_scan import ScanReader, Scans, in_doubt, next_step
from interop.doors.pages.forms import form_of
from interop.doors.pages.frame import NO_STORE, Frame
from interop.ports import Clock, Record

log = logging.getLogger("interop.pages")

FRAGMENT: Final = "x-fragment"
"""The page's own script asks for a part and not for the page."""

LONGEST_WORDS: Final = 500
MOST_LISTED: Final = 60


class NotAsked(SenderError):
    """The form does not say what it must; the text is for the person, and names no patient."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a scan leads to instead of an offer, to be answered by a person."""

    action: str
    text: str
    button: str


class BedsidePage:
    """START HERE for the bedside. Made on the running loop; ``live.close`` when the server stops."""

    def __init__(self, frame: Frame, conduct: Conduct, record: Record, clock: Clock, reader: ResourceReader) -> None:
        self._frame, self._conduct, self._record, self._clock = frame, conduct, record, clock
        self._view = WardView(record, clock, conduct.book, conduct.pumps, conduct.resources)
        self._mine = MyPatients(record, clock)
        self.live = Live(record, clock, conduct.pumps, self._view)
        self._readies = Readies(clock, conduct.book, reader, self.live.poke)
        self._board = Board(frame, record, clock, self._view, self._mine, self._readies, conduct.book)
        self._scans = ScanReader(record, self._view, conduct.resources)

    def routes(self) -> list[Route]:
        """For ``app.routes``."""
        return [
            Route("/bedside", self.show, methods=["GET"]),
            Route("/bedside/live", self.stream, methods=["GET"]),
            Route("/bedside/here", self.here, methods=["POST"]),
            Route("/bedside/scan", self.scan, methods=["POST"]),
            Route("/bedside/patients", self.patients, methods=["POST"]),
            Route("/bedside/take", self.take, methods=["POST"]),
            Route("/bedside/leave", self.leave, methods=["POST"]),
            Route("/bedside/recall", self.recall, methods=["POST"]),
            Route("/bedside/attest", self.attest, methods=["POST"]),
            Route("/bedside/seen", self.seen, methods=["POST"]),
            Route("/bedside/associate", self.associate, methods=["POST"]),
            Route("/bedside/dissociate", self.dissociate, methods=["POST"]),
            Route("/bedside/confirm-patient", self.confirm_patient, methods=["POST"]),
        ]

    def close(self) -> None:
        """The streams end, nothing more is worked out."""
        self.live.close()
        self._readies.close()

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @needs(Right.READ_WORKLIST, view=View.BEDSIDE)
    async def show(self, request: Request) -> Response:
        """The whole page as it is now."""
        return await self._page(request, Scans())

    @needs(Right.READ_WORKLIST, view=View.BEDSIDE, is_use=False)
    async def stream(self, request: Request) -> Response:
        """What changes from now on. To ask for it is no use of the session (SEC-14)."""
        if self.live.is_full:
            return Response("", 503, {**NO_STORE, "Retry-After": "10"})
        actor, token, asking = actor_of(request), request.cookies.get(SESSION_COOKIE, ""), asking_of(request)

        async def draw() -> list[Part]:
            return await self._board.parts(request, actor)

        async def holds() -> bool:
            return await self._frame.identity.of_session(token, View.BEDSIDE, asking, is_use=False) is not None

        events: AsyncIterator[str] = self.live.stream(draw, holds)
        return StreamingResponse(events, 200, {**NO_STORE, "X-Accel-Buffering": "no"}, media_type="text/event-stream")

    @needs(Right.READ_WORKLIST, view=View.BEDSIDE)
    async def here(self, request: Request) -> Response:
        """Somebody touches the page: that is a use of the session."""
        return Response("", 204, NO_STORE)

    # ── my patients ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @needs(Right.READ_WORKLIST, view=View.BEDSIDE)
    async def patients(self, request: Request) -> Response:
        """Patients with orders, to take up; ``find`` is a part of a name or number, in the body as both are nobody else's business (SEC-30)."""
        find = form_of(request).get("find", "").strip().casefold()
        mine = set(await self._mine.of(actor_of(request).id))
        listed: list[PatientHead] = []
        after = ""
        while len(listed) <= MOST_LISTED and (page := await heads(self._record, after)):
            for head in page:
                if head.id not in mine and (find in head.name.casefold() or find in head.id.value.casefold()):
                    listed.append(head)
            after = page[-1].key
        values: dict[str, Any] = {"listed": listed[:MOST_LISTED], "more": len(listed) > MOST_LISTED, "find": find, "field": patient_field}
        if request.headers.get(FRAGMENT):
            return Response(
                self._frame.fragment(request, "bedside/list.html", words=words, **values), 200, NO_STORE, media_type="text/html"
            )
        return await self._page(request, Scans(), **values)

    @needs(Right.READ_WORKLIST, view=View.BEDSIDE)
    async def take(self, request: Request) -> Response:
        """One more patient of mine."""

        async def work(actor: Actor) -> None:
            await self._mine.add(actor.id, _patient(form_of(request).get("patient", "")), "from the list")

        return await self._done(request, work)

    @needs(Right.READ_WORKLIST, view=View.BEDSIDE)
    async def leave(self, request: Request) -> Response:
        """One fewer; nothing else changes."""

        async def work(actor: Actor) -> None:
            await self._mine.remove(actor.id, _patient(form_of(request).get("patient", "")))

        return await self._done(request, work)

    # ── scanning ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    @needs(Right.ASK_FOR_OFFER, view=View.BEDSIDE)
    async def scan(self, request: Request) -> Response:
        """One label more; with the third the order is asked for, or a question is put that only a person can answer."""
        actor, form, now = actor_of(request), form_of(request), self._clock.now()
        read = await self._scans.read(form.get("scan", ""), Scans.of(form), self._conduct.book(), now)
        scans, said = read.scans, read.said
        if read.is_wristband and scans.patient is not None:
            await self._mine.add(actor.id, scans.patient, "wristband scanned")
        question = await self._question(scans)
        if question is None and not scans.missing:
            refused = await self._ask(actor, scans)
            said, scans = (refused, scans) if refused else ("", Scans())
        self.live.poke()
        return await self._scan_box(request, scans, said, question)

    async def _question(self, scans: Scans) -> Question | None:
        """D-11, D-12: a channel in doubt, with a wristband; a channel that runs what is nobody's, with an order."""
        place = scans.place
        if place is None:
            return None
        channel = await self._view.channel(*place)
        where = words.place(*place)
        if scans.wristband and in_doubt(channel):
            doubts = ", ".join(words.doubts(channel)) if channel is not None else ""
            text = f"{where} is in doubt ({doubts}). Is it still this patient's?"
            return Question("/bedside/confirm-patient", text, "Yes, it is this patient's")
        if not scans.missing and channel is not None and words.is_nobodys(channel):
            text = f"{where} runs {_what_runs(channel)}, and nobody's order is known for it. Is it this order?"
            return Question("/bedside/associate", text, "Yes, it is this order")
        return None

    async def _ask(self, actor: Actor, scans: Scans) -> str:
        """Ask for the offer; a sentence: why it could not be asked for."""
        patient, place = scans.patient, scans.place
        if patient is None or place is None:
            return "Scan wristband and channel again."
        stored = await self._stored(scans, patient)
        if isinstance(stored, str):
            return stored
        try:
            id = await self._conduct.scanning.ask(Scanned(stored.id, actor.id, patient, scans.container, *place), stored)
        except NotThere:
            return "This order is not there any more. Ask the prescriber."
        self._board.asked(actor.id, id)
        return ""

    async def _stored(self, scans: Scans, patient: PatientId) -> Stored | str:
        """The order that the container is for; where several systems use its number, the one that is this patient's."""
        found = await self._scans.orders_named(scans.order_number, self._conduct.book())
        if len(found) > 1:
            mine = {order.stored.id for order in (await self._view.patient(patient)).orders if order.stored is not None}
            found = tuple(each for each in found if each.id in mine)
        if len(found) != 1:
            return f"No single order {scans.order_number} can be told. Ask in the EHR; call the interface analyst."
        return found[0]

    async def _scan_box(self, request: Request, scans: Scans, said: str, question: Question | None) -> Response:
        values = await self._scan_values(scans, said, question)
        if request.headers.get(FRAGMENT):
            return Response(self._frame.fragment(request, "bedside/scan.html", **values), 200, NO_STORE, media_type="text/html")
        return await self._page(request, scans, said=said, question=question)

    async def _scan_values(self, scans: Scans, said: str, question: Question | None) -> dict[str, Any]:
        patient = scans.patient
        name = (await self._view.patient(patient)).head.name if patient is not None else ""
        place = words.place(*scans.place) if scans.place is not None else ""
        return {"scans": scans, "said": said, "question": question, "name": name, "place": place, "step": next_step(scans)}

    # ── what a clinician says ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @needs(Right.RECALL_OFFER, view=View.BEDSIDE)
    async def recall(self, request: Request) -> Response:
        """Take an offer back that waits on a pump."""

        async def work(actor: Actor) -> None:
            await self._bedside().recall(form_of(request).get("programme", ""), actor.id)

        return await self._done(request, work)

    @needs(Right.ATTEST_OUTCOME, view=View.BEDSIDE)
    async def attest(self, request: Request) -> Response:
        """D-10: what a named clinician saw on the channel."""

        async def work(actor: Actor) -> None:
            form = form_of(request)
            if form.get("saw", "") not in words.SAW:
                raise NotAsked("Say what you see on the pump: choose one of the three.")
            saw, _ = words.SAW[form["saw"]]
            await self._bedside().attest(form.get("programme", ""), actor.id, saw, form.get("words", "")[:LONGEST_WORDS])

        return await self._done(request, work)

    @needs(Right.ATTEST_OUTCOME, view=View.BEDSIDE)
    async def seen(self, request: Request) -> Response:
        """A person has looked at what an alert is about."""

        async def work(actor: Actor) -> None:
            form = form_of(request)
            await self._bedside().seen(form.get("alert", ""), actor.id, form.get("words", "")[:LONGEST_WORDS])

        return await self._done(request, work)

    @needs(Right.ASK_FOR_OFFER, view=View.BEDSIDE)
    async def associate(self, request: Request) -> Response:
        """D-11: what runs is this order's, without being programmed."""

        async def work(actor: Actor) -> None:
            scans = self._held(request)
            patient, place = scans.patient, scans.place
            if scans.missing or patient is None or place is None:
                raise NotAsked("Scan wristband, container and channel again.")
            await self._bedside().associate(await self._to_associate(scans, patient, place), actor.id)

        return await self._done(request, work)

    async def _to_associate(self, scans: Scans, patient: PatientId, place: tuple[str, str]) -> ToAssociate:
        """Drug and concentration by the order, and the order by the container; only an order of this very patient."""
        stored = await self._stored(scans, patient)
        if isinstance(stored, str):
            raise NotAsked(stored)
        order = next((each for each in (await self._view.patient(patient)).orders if each.stored == stored), None)
        ready = None if order is None else await self._readies.now(order)
        if order is None or ready is None or patient not in ready.patients:
            raise NotAsked("This order is another patient's. Look at the wristband and at the container.")
        if ready.program is None:
            raise NotAsked(
                "This order leads to no entry of the drug library, so it cannot be compared with what runs. Call the pharmacist."
            )
        entry = ready.program.entry
        return ToAssociate(*place, order.id, order.number, stored.sender, patient, entry.drug, ready.program.concentration)

    @needs(Right.ASK_FOR_OFFER, view=View.BEDSIDE)
    async def dissociate(self, request: Request) -> Response:
        """What runs there is nobody's from now on; it goes on running."""

        async def work(actor: Actor) -> None:
            form = form_of(request)
            await self._bedside().dissociate(form.get("pump", ""), form.get("channel", ""), actor.id)

        return await self._done(request, work)

    @needs(Right.ASK_FOR_OFFER, view=View.BEDSIDE)
    async def confirm_patient(self, request: Request) -> Response:
        """D-12: by the wristband and the channel that were just scanned, whose it is."""

        async def work(actor: Actor) -> None:
            scans = self._held(request)
            patient, place = scans.patient, scans.place
            if patient is None or place is None:
                raise NotAsked("Scan the wristband and the channel again.")
            await self._bedside().confirm_patient(*place, patient, actor.id)

        return await self._done(request, work)

    # ── small things ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _held(self, request: Request) -> Scans:
        return Scans.of(form_of(request)).held(self._clock.now())

    def _bedside(self) -> Bedside:
        if self._conduct.bedside is None:
            raise NotAsked("This server has no connection to any pump.")
        return self._conduct.bedside

    async def _done(self, request: Request, work: Callable[[Actor], Awaitable[None]]) -> Response:
        """Do it; what does not fit is told in a sentence, and nothing was done."""
        said, status = "", 200
        try:
            await work(actor_of(request))
        except (NotSo, NotAsked) as fault:
            said, status = _sentence(str(fault)), 409
        self.live.poke()
        if request.headers.get(FRAGMENT):
            return Response(self._frame.fragment(request, "bedside/said.html", said=said), status, NO_STORE, media_type="text/html")
        if said:
            return await self._page(request, Scans(), status=status, said=said)
        return RedirectResponse("/bedside", 303, NO_STORE)

    async def _page(
        self, request: Request, scans: Scans, *, status: int = 200, said: str = "", question: Question | None = None, **values: Any
    ) -> Response:
        await self._view.refresh()
        parts = {part.id: part for part in await self._board.parts(request, actor_of(request))}
        box = await self._scan_values(scans, said, question)
        listing = {"listed": None, "more": False, "find": "", "field": patient_field, **values}
        return self._frame.page(
            request,
            "bedside.html",
            status,
            view=View.BEDSIDE,
            leaves_by_itself=False,
            parts=parts,
            patients=[part for part in parts.values() if part.of_list],
            now=self._clock.now().isoformat(),
            idle_s=self._frame.settings.bedside_idle_s,
            may_ask=may(actor_of(request), Right.ASK_FOR_OFFER),
            words=words,
            **box,
            **listing,
        )


def _patient(field: str) -> PatientId:
    value, _, authority = field.partition("^")
    if not value:
        raise NotAsked("Choose a patient.")
    return PatientId(value, authority)


def _what_runs(channel: ChannelNow) -> str:
    run = channel.report.run
    if run is None:
        return "something that it does not name"
    return f"{run.tallman or run.drug or 'something without a name'} at {words.amount(run.rate)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
