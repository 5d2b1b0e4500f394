"""What the record says runs where: infusion streams, and the rows that lead from a channel and from an order to them."""

import json
from dataclasses import dataclass
from functools import reduce
from typing import Final

from interop.conduct import naming
from interop.conduct.kept import shape_of
from interop.conduct.streams import Folds, all_rows
from interop.domain.events.codec import decode
from interop.domain.events.infusion import InfusionEvent
from interop.domain.events.nouns import PatientNumber
from interop.domain.lifecycle import infusion as infusions
from interop.ports import Projected, Record

RUNS: Final = "run-on-channel"
"""Pump and channel → the infusion that is there and not over."""

RUNS_OF_ORDER: Final = "run-of-order"
"""Order, pump and channel → the same, for infusions that are an order's."""

ORDERS_OF_INFUSION: Final = "orders-of-infusion"
"""Infusion and placer order number → the order, for all whose it is or was; never taken away, as what was documented may have to be corrected."""

ASSOCIATED: Final = "associated-infusion"
"""Patient and infusion → where it runs or ran, while it is the patient's: what is over is so for a time (SR-04), and can be in doubt (SR-05, D-12)."""

UNASSOCIATED: Final = "unassociated-infusion"
"""Infusion → where it runs or ran, for those that are nobody's: they wait for review and are documented for nobody (SR-48, SR-50)."""

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class RunAt:
    """One row of these tables: where it is, and whose. Empty or None: nobody's yet."""

    infusion_id: str
    pump_id: str
    channel_id: str
    order_id: str = ""
    placer_order_number: str = ""
    sender: str = ""
    programme_id: str = ""
    patient: PatientNumber | None = None
    order_number: str = ""  # D-20: the order's own, where the placer order number is an administration's

    @property
    def stream(self) -> str:
        return naming.infusion_stream(self.infusion_id)

    def rows(self) -> tuple[Projected, ...]:
        """It is there."""
        document, channel = json.dumps(_SHAPE.write(self)), naming.channel_of(self.pump_id, self.channel_id)
        of_order: tuple[Projected, ...] = ()
        if self.order_id:
            whose = Projected(ORDERS_OF_INFUSION, f"{self.infusion_id} {self.placer_order_number}", json.dumps(self.order_id))
            of_order = (Projected(RUNS_OF_ORDER, f"{self.order_id}/{channel}", document), whose)
        theirs = (Projected(ASSOCIATED, _theirs(self.patient, self.infusion_id), document),) if self.patient is not None else ()
        nobodys = Projected(UNASSOCIATED, self.infusion_id, None if self.order_id else document)
        return (Projected(RUNS, channel, document), *of_order, *theirs, nobodys)

    def over(self) -> tuple[Projected, ...]:
        """It is over; whose it was it still is, and what was never somebody's still waits for review."""
        channel = naming.channel_of(self.pump_id, self.channel_id)
        of_order = (Projected(RUNS_OF_ORDER, f"{self.order_id}/{channel}", None),) if self.order_id else ()
        return (Projected(RUNS, channel, None), *of_order)

    def let_go(self) -> tuple[Projected, ...]:
        """It is there, and nobody's any more."""
        gone = () if self.patient is None else (no_longer_of(self.patient, self.infusion_id),)
        return (*self.over(), *gone, *RunAt(self.infusion_id, self.pump_id, self.channel_id).rows())


def no_longer_of(patient: PatientNumber, infusion_id: str) -> Projected:
    """Its association with this patient has ended."""
    return Projected(ASSOCIATED, _theirs(patient, infusion_id), None)


def _theirs(patient: PatientNumber, infusion_id: str) -> str:
    return f"{naming.patient_key(patient.value, patient.authority)}/{infusion_id}"


_SHAPE = shape_of(RunAt)


@dataclass(frozen=True, slots=True)
class InfusionNow:
    """An Infusion stream and the version that was read; ``today`` None: there is none."""

    stream: str
    version: int
    today: infusions.Stream | None
    events: tuple[InfusionEvent, ...] = ()

    @property
    def weight(self) -> int:
        return len(self.events)


async def infusion_at(record: Record, infusion_id: str) -> InfusionNow:
    """Raises: StoreUnavailable, UnreadableEvent, NoRow."""
    stream = naming.infusion_stream(infusion_id)
    known = _INFUSIONS.get(record, stream) or InfusionNow(stream, 0, None)
    rows = await all_rows(record, stream, known.version)
    if not rows:
        return known
    new = [event for row in rows if isinstance(event := decode(row.body), InfusionEvent)]
    today = reduce(infusions.apply, new, known.today)
    now = InfusionNow(stream, known.version + len(rows), today, (*known.events, *new))
    _INFUSIONS.put(record, stream, now)
    return now


_INFUSIONS: Folds[InfusionNow] = Folds()


async def run_on(record: Record, pump_id: str, channel_id: str) -> RunAt | None:
    """What is there and not over. Raises: StoreUnavailable."""
    document = await record.projection(RUNS, naming.channel_of(pump_id, channel_id))
    return None if document is None else _read(document)


async def runs_on_pump(record: Record, pump_id: str) -> tuple[RunAt, ...]:
    """On all of its channels."""
    return await _under(record, RUNS, f"{naming.channel_of(pump_id, '')}")


async def runs_of_order(record: Record, order_id: str) -> tuple[RunAt, ...]:
    """On whatever channel."""
    return await _under(record, RUNS_OF_ORDER, f"{order_id}/")


async def associated_with(record: Record, patient: PatientNumber) -> tuple[RunAt, ...]:
    """What runs and what is over: every infusion that is this patient's, as it was when it became so. Its stream knows better."""
    return await _under(record, ASSOCIATED, _theirs(patient, ""))


async def unassociated(record: Record) -> tuple[RunAt, ...]:
    """Every infusion that waits for review."""
    return await _under(record, UNASSOCIATED, "")


async def _under(record: Record, table: str, prefix: str) -> tuple[RunAt, ...]:
    found: list[RunAt] = []
    after = prefix
    while page := await record.projections(table, after, PAGE):
        for key, document in page:
            if not key.startswith(prefix):
                return tuple(found)
            found.append(_read(document))
        after = page[-1][0]
    return tuple(found)


def _read(document: str) -> RunAt:
    run: RunAt = _SHAPE.read(json.loads(document))
    return run
