"""The scan box: what was scanned so far, which label this one is, what is still missing. It holds no state: the form brings back what it was given."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from interop.conduct import naming
from interop.conduct.about import BY_ORDER
from interop.conduct.labels import Kind, Label, read_label
from interop.conduct.resources import Resources, Stored
from interop.conduct.ward_index import authorities, head_of
from interop.conduct.ward_view import ChannelNow, WardView
from interop.conduct.world import ReleaseBook
from interop.domain.patient import PatientId
from interop.ports import Record

TOGETHER: Final = timedelta(seconds=120)
"""The three labels belong to one visit to one bed: what was scanned longer ago is let go."""


@dataclass(frozen=True, slots=True)
class Scans:
    """Labels as scanned, empty where they are missing; ``began`` is when the first of them was."""

    wristband: str = ""
    container: str = ""
    channel: str = ""
    began: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> "Scans":
        return cls(*(form.get(name, "") for name in ("wristband", "container", "channel", "began")))

    @property
    def is_empty(self) -> bool:
        return not (self.wristband or self.container or self.channel)

    @property
    def missing(self) -> tuple[str, ...]:
        """In the order in which they lie at hand."""
        named = (("wristband", self.wristband), ("container", self.container), ("channel", self.channel))
        return tuple(name for name, text in named if not text)

    @property
    def patient(self) -> PatientId | None:
        label = read_label(self.wristband)
        return PatientId(label.first, label.second) if label.kind is Kind.WRISTBAND else None

    @property
    def place(self) -> tuple[str, str] | None:
        label = read_label(self.channel)
        return (label.first, label.second) if label.kind is Kind.CHANNEL else None

    @property
    def order_number(self) -> str:
        return self.container.partition("|")[0].strip()

    def held(self, now: datetime) -> "Scans":
        """What of it still belongs to this visit."""
        try:
            began = datetime.fromisoformat(self.began)
            is_old = not timedelta(0) <= now - began < TOGETHER
        except (ValueError, TypeError):
            is_old = True
        return Scans() if is_old else self


@dataclass(frozen=True, slots=True)
class Read:
    """After one scan. ``said``: what was wrong with it, in a sentence; ``is_wristband``: whose patient is now at hand."""

    scans: Scans
    said: str = ""
    is_wristband: bool = False


class ScanReader:
    """Tells labels apart by their marks and, for those without, by what is on file. May raise StoreUnavailable."""

    def __init__(self, record: Record, view: WardView, resources: Resources) -> None:
        self._record, self._view, self._resources = record, view, resources

    async def read(self, text: str, before: Scans, book: ReleaseBook, now: datetime) -> Read:
        """One label more."""
        held = before.held(now)
        let_go = "" if held == before or before.is_empty else "The earlier scans were over 2 minutes old: scan all three again. "
        label = read_label(text)
        match label.kind:
            case Kind.WRISTBAND:
                return await self._wristband(label, held, let_go, now)
            case Kind.CONTAINER:
                return await self._container(label, held, let_go, book, now)
            case Kind.CHANNEL:
                return await self._channel(label, held, let_go, now)
            case Kind.BARE:
                return await self._bare(label, held, let_go, now)
            case Kind.UNREADABLE:
                return Read(held, f"{let_go}This label cannot be read. Scan it again.")

    async def _wristband(self, label: Label, held: Scans, let_go: str, now: datetime) -> Read:
        wristband = f"{label.first}^{label.second}"
        if held.wristband and held.wristband != wristband:
            held, let_go = Scans(), "Another patient's wristband: container and channel start anew. "
        return Read(_with(held, now, wristband=wristband), let_go.strip(), is_wristband=True)

    async def _container(self, label: Label, held: Scans, let_go: str, book: ReleaseBook, now: datetime) -> Read:
        number = label.first if label.first else label.text.partition("|")[0].strip()
        found = await self.orders_named(number, book)
        if not found:
            said = f"No stored order {number} is here. Compare the label; if it is right, the order has not arrived: call the interface analyst."
            return Read(held, let_go + said)
        return Read(_with(held, now, container=label.text), let_go.strip())

    async def _channel(self, label: Label, held: Scans, let_go: str, now: datetime) -> Read:
        if await self._view.channel(label.first, label.second) is None:
            said = f"No channel {label.first}/{label.second} has ever reported here. Scan the channel's own label; if it is right, call biomed."
            return Read(held, let_go + said)
        return Read(_with(held, now, channel=f"{label.first}/{label.second}"), let_go.strip())

    async def _bare(self, label: Label, held: Scans, let_go: str, now: datetime) -> Read:
        """A number without a mark: a patient's if the site has one authority only, or a pump's that has one channel."""
        issuers = await authorities(self._record)
        is_patient = len(issuers) == 1 and await head_of(self._record, PatientId(label.first, issuers[0])) is not None
        is_pump = await self._view.knows_pump(label.first)
        if is_patient and is_pump:
            return Read(held, f"{let_go}This is a patient's number and a pump's. Scan a label that says which.")
        if is_patient:
            return await self._wristband(Label(Kind.WRISTBAND, label.text, label.first, issuers[0]), held, let_go, now)
        if is_pump:
            channel = await self._view.channel(label.first, "")
            if channel is None:
                return Read(held, f"{let_go}{label.first} has several channels. Scan the channel's own label.")
            return Read(_with(held, now, channel=f"{label.first}/{channel.report.channel_id}"), let_go.strip())
        if len(issuers) > 1:
            return Read(held, f"{let_go}This label does not say whose number it is. Scan the wristband, or a channel's own label.")
        return Read(held, f"{let_go}No patient, container or pump with this label is known here. Look at the label, and scan it again.")

    async def orders_named(self, number: str, book: ReleaseBook) -> tuple[Stored, ...]:
        """The stored orders with that number, of whatever group of systems (D-04)."""
        groups = sorted({profile.system_group for profile in book.newest().senders.values()})
        found: list[Stored] = []
        for group in groups:
            id = await self._record.projection(BY_ORDER, naming.order_id(group, number))
            stored = None if id is None else await self._resources.read(id)
            if stored is not None:
                found.append(stored)
        return tuple(found)


def _with(held: Scans, now: datetime, **scanned: str) -> Scans:
    return replace(held, began=held.began or now.isoformat(), **scanned)


def next_step(scans: Scans) -> str:
    """What to scan next, in a sentence."""
    if scans.is_empty:
        return "Scan wristband, container and channel, in any order."
    match scans.missing:
        case (last,):
            return f"Now scan the {last}."
        case (one, other):
            return f"Now scan the {one} and the {other}."
        case _:
            return ""


def in_doubt(channel: ChannelNow | None) -> bool:
    """D-12: one bedside confirmation is wanted there."""
    association = channel.running.today.association if channel is not None and channel.running is not None else None
    return association is not None and bool(association.suspensions)
