"""An infusion's events → what goes to the chart of whose it is, in the same commit (stage 7, documenting).

about the order: its own row      about the pump: its newest report      about programmes: their own streams
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from interop.conduct import naming
from interop.conduct.about import about_order
from interop.conduct.answers import POSITIVE
from interop.conduct.decision import Decision
from interop.conduct.documenting import Documenting, ordered_by
from interop.conduct.effects import ANSWERS, read_answer
from interop.conduct.infusions import ORDERS_OF_INFUSION, InfusionNow, RunAt
from interop.conduct.pump_state import PumpNow
from interop.conduct.streams import Folds, ProgrammeNow, programme_at
from interop.domain.document import About, Ordered, Reported
from interop.domain.events.infusion import InfusionEvent
from interop.domain.events.programme import Planned, ProgrammeEvent
from interop.ports import Record
from interop.stages.told import Step, steps_of

PAGE: Final = 200


MOST_STEPS: Final = 10_000_000
"""What the kept steps of all infusions together weigh at most: each holds the segments of all before it, so that n steps weigh n × n."""


@dataclass(frozen=True, slots=True)
class _Steps:
    steps: tuple[Step, ...]

    @property
    def version(self) -> int:
        return len(self.steps)

    @property
    def weight(self) -> int:
        return len(self.steps) ** 2


class Charting:
    """The shell around ``Documenting``: reads what it must be told, and gives back what belongs into the same commit."""

    def __init__(self, record: Record, documenting: Documenting) -> None:
        self._record, self._documenting = record, documenting
        self._steps: Folds[_Steps] = Folds(MOST_STEPS)

    async def after(
        self, infusion: InfusionNow, events: Sequence[InfusionEvent], pump: PumpNow | None, run: RunAt | None, now: datetime
    ) -> Decision:
        """What follows for the chart from ``events``, which come after all of ``infusion``; ``run`` is the row that the same commit writes.

        Raises: StoreUnavailable; NoRow, ValueError: a message that cannot be written.
        """
        decision = Decision()
        id = _id_of(infusion)
        orders = dict(await self._orders(id))
        if run is not None and run.order_id:
            orders[run.placer_order_number] = run.order_id
        if not orders:
            return decision
        known = steps_of(events, self._known(infusion))  # once for all orders
        for order_id in dict.fromkeys(orders.values()):
            about = await self._about(order_id, (*infusion.events, *events), pump)
            if about is not None:
                decision = decision.and_(self._documenting.of(infusion.events, events, about, now, known))
        return decision

    async def periodic(self, infusion: InfusionNow, report: Reported, pump: PumpNow, run: RunAt, now: datetime) -> Decision:
        """PCD-01 of a channel as it is. Raises: StoreUnavailable, NoRow, ValueError."""
        about = await self._about(run.order_id, infusion.events, pump) if run.order_id else None
        return Decision() if about is None else self._documenting.periodic(infusion.events, report, about, now, self._known(infusion))

    async def programme_ended(
        self, programme: ProgrammeNow, event: ProgrammeEvent, order_id: str, pump: PumpNow | None, now: datetime
    ) -> Decision:
        """D-07: what became of a programme after AA was said of it. Raises: StoreUnavailable, NoRow, ValueError."""
        planned = next((each for each in programme.events if isinstance(each, Planned)), None)
        answer = await self._record.projection(ANSWERS, planned.programme_id) if planned is not None else None
        if planned is None or answer is None or read_answer(answer).code != POSITIVE:
            return Decision()
        about = await self._about(order_id, (), pump)
        return Decision() if about is None else self._documenting.programme_ended(planned, event, about, now)

    def _known(self, infusion: InfusionNow) -> tuple[Step, ...]:
        """The steps of what is committed of it, kept for the next time. Raises: NoRow."""
        before = self._steps.get(self._record, infusion.stream)
        steps = () if before is None else before.steps[: len(infusion.events)]
        if len(steps) == len(infusion.events):
            return steps
        steps = steps_of(infusion.events[len(steps) :], steps)
        self._steps.put(self._record, infusion.stream, _Steps(steps))
        return steps

    async def _about(self, order_id: str, events: Sequence[InfusionEvent], pump: PumpNow | None) -> About | None:
        about = await about_order(self._record, order_id)
        if about is None:
            return None
        programmes = [ordered for id in _programmes(events) if (ordered := await self._ordered(id)) is not None]
        about = replace(about, programmes=tuple(programmes))
        if pump is None:
            return about
        return replace(about, pump_model=pump.model, pump_maker=pump.maker, is_simulated=pump.simulated)

    async def _ordered(self, programme_id: str) -> Ordered | None:
        programme = await programme_at(self._record, programme_id)
        planned = next((each for each in programme.events if isinstance(each, Planned)), None)
        return None if planned is None or programme.today is None else ordered_by(planned, programme.today)

    async def _orders(self, infusion_id: str) -> tuple[tuple[str, str], ...]:
        """(Placer order number, order) of all whose this infusion is or was."""
        prefix = f"{infusion_id} "
        rows = await self._record.projections(ORDERS_OF_INFUSION, prefix, PAGE)
        return tuple((key.removeprefix(prefix), json.loads(document)) for key, document in rows if key.startswith(prefix))


def _programmes(events: Sequence[InfusionEvent]) -> tuple[str, ...]:
    """The programmes of an infusion, in their order: the one that opened it, and those that changed it."""
    named = [str(getattr(event, "programme_id", "")) for event in events]
    return tuple(dict.fromkeys(id for id in named if id))


def _id_of(infusion: InfusionNow) -> str:
    return infusion.stream.removeprefix(naming.infusion_stream(""))
