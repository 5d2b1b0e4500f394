"""What conduct must know of the world besides the record, as ports: ids, the releases in force, what the pumps report, where answers go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from interop.domain import pump as said
from interop.domain.case import EarlierProgram
from interop.domain.channel import Channel
from interop.domain.errors import PumpError
from interop.domain.finding import Finding, PivError
from interop.domain.order import Order
from interop.domain.patient import PatientFacts
from interop.domain.plan import Offer
from interop.domain.release import Release
from interop.ports import Expect


class Ids(Protocol):
    """New ids, so that a whole hospital can be run again with the same ones."""

    def new(self) -> str:
        """An id that was never given before, of 1 to 20 ASCII letters and digits; later ones sort behind earlier ones of the same node."""


class ReleaseBook(Protocol):
    """The releases that this node holds, as read from the store (D-25: the newest mapping for each library that a pump still reports)."""

    def newest(self) -> Release:
        """The release last made active: its senders are who may speak, and it stands in where a pump's library is unknown (SR-22 then refuses)."""

    def for_library(self, library_hash: str) -> Release | None:
        """The newest mapping on this library."""

    def by_hashes(self, library_hash: str, mapping_hash: str) -> Release | None:
        """The very release, for a replay."""


@dataclass(frozen=True, slots=True)
class Releases:
    """A ``ReleaseBook`` as a value: the wiring makes a new one when a release is made active and hands it to ``Conduct.use``."""

    active: Release
    others: tuple[Release, ...] = ()

    def newest(self) -> Release:
        return self.active

    def for_library(self, library_hash: str) -> Release | None:
        return next((each for each in (self.active, *self.others) if each.library.ref.hash == library_hash), None)

    def by_hashes(self, library_hash: str, mapping_hash: str) -> Release | None:
        wanted = (library_hash, mapping_hash)
        return next((each for each in (self.active, *self.others) if (each.library.ref.hash, each.mapping_hash) == wanted), None)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the bedside looks like to the server at this moment. ``None`` and empty: not known.

    ``expects`` are the streams this was read from (what runs there): the plan's commit is refused when one has moved meanwhile. ``channel_key`` is
    held by the one open offer of the channel, uniquely in the store, so that two offers for it cannot both be committed (D-05).
    """

    channel: Channel | None = None
    patient: PatientFacts | None = None
    open_offer_on_channel: str = ""
    open_programme: str = ""  # whose offer that is
    live_on: str = ""
    in_doubt: str = ""
    earlier: EarlierProgram | None = None
    held_entries: frozenset[str] = frozenset()
    held_codes: frozenset[tuple[str, str]] = frozenset()
    expects: tuple[Expect, ...] = ()
    channel_key: str = ""


class PumpSide(Protocol):
    """The pumps, as far as planning and offering must know them."""

    async def situation(self, order: Order) -> Situation:
        """What is known of the channel that the order names and of its patient. Raises: StoreUnavailable."""

    def cannot_offer(self, offer: Offer, now: datetime) -> Finding | None:
        """Why no offer can leave for that channel now (9007: nobody is connected), or ``None``: it can be tried."""

    async def offer(self, programme_id: str, offer: Offer) -> None:
        """Carry out the intent "offer" for a programme that was planned just now, and record what came of it. Raises: RecordError."""


class HelloRefused(PumpError):
    """This pump is not let in (closing code 4001). The text is said to the pump: words of ours, at most 100 ASCII characters, never its own."""


class NotConnected(PumpError):
    """The link is not there, or takes nothing more: no byte of the frame left, so the pump has not seen it."""


class OutcomeUnknown(PumpError):
    """The frame may have left, and the pump may have it: nobody can tell from here."""


class PumpsHear(Protocol):
    """What the pump link tells conduct. Calls for one pump are made one after another, in the order of its frames.

    ``arrived_at`` is when the frame came in at the socket, on our clock, however long it waited since: by it the pump's clock is judged (D-24).
    """

    async def hello(self, hello: said.Hello, link: "Link", arrived_at: datetime) -> None:
        """A pump is connected and has told its whole state (SR-46). Sends the first ack by itself. Raises: HelloRefused(why); RecordError."""

    async def heard(self, pump_id: str, word: said.Word, arrived_at: datetime) -> None:
        """Any later word, durable when this returns where it must be. Raises: RecordError: the link is closed (1013), the pump says it again later.

        A ``NotConnected`` or ``OutcomeUnknown`` of its own ack may pass: the link is over, and that is seen next.
        """

    def gone(self, pump_id: str, link: "Link") -> None:
        """The connection ended. Called once for each ``hello``, also one that raised, after the last ``heard`` of that link."""


class Link(Protocol):
    """One connected pump, as conduct speaks to it."""

    pump_id: str

    async def send(self, frame: said.ToPump) -> None:
        """Raises: NotConnected: no byte of it left. OutcomeUnknown: it may have left."""

    def close(self, code: int, why: str) -> None: ...


NO_LINK = "this server has no connection to any pump"


class NoPumps:
    """A server without pumps: no channel is known, and nothing can be offered."""

    async def situation(self, order: Order) -> Situation:
        return Situation()

    def cannot_offer(self, offer: Offer, now: datetime) -> Finding | None:
        return Finding.against(PivError.OFFLINE, "channel", NO_LINK)

    async def offer(self, programme_id: str, offer: Offer) -> None:
        raise RuntimeError("nothing can be offered without pumps, and cannot_offer said so")


class Purpose(Enum):
    """What a destination is told."""

    RRG = "rrg"  # the application answers to a sender's orders
    DOCUMENTS = "documents"  # what became of them at the pump: PCD-10 and PCD-01


@dataclass(frozen=True, slots=True)
class Destination:
    """A partner's listener by the name under which its lanes are kept, shared out to so many lanes.

    ``worth_s``: how long an RRG, or a status, is worth sending; an event is for ever.
    """

    name: str
    lanes: int = 8
    worth_s: int = 120


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where what is for a sender goes, by the name of its profile and for one purpose. A sender without one has no listener for it (ihe-pcd.md 2.2)."""

    by_sender: Mapping[str, Destination] = field(default_factory=dict)

    def of(self, sender: str) -> Destination | None:
        return self.by_sender.get(sender)
