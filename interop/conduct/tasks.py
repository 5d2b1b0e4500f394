"""Reads programmes as a chart is told of them: one Task each, made from the streams at this moment, for one system group alone (SEC-16, D-22)."""

from asyncio import gather
from dataclasses import replace
from typing import Final

from interop.conduct import naming
from interop.conduct.chart_index import Found, Wanted, page_of
from interop.conduct.documenting import ADMINISTRATIONS
from interop.conduct.infusions import InfusionNow, infusion_at
from interop.conduct.programme_index import FOUND_BY, infusion_of, named_of
from interop.conduct.pump_state import pump_at
from interop.conduct.streams import ProgrammeNow, programme_at
from interop.domain.events.programme import Planned
from interop.domain.task import Task
from interop.ports import Record
from interop.stages.task import Pump, task_of

MOST_READ: Final = 1_000
"""Programmes that one search looks at; each is a story of its own to read."""


class Tasks:
    """Reads only. Every method may raise StoreUnavailable and Busy."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def read(self, id: str, group: str) -> Task | None:
        """None: there is none, or it is another group's; which of the two is not told."""
        programme = await programme_at(self._record, id)
        planned = programme.events[0] if programme.events else None
        if not isinstance(planned, Planned) or not group or naming.group_of(planned.order_id) != group:
            return None
        named, pump = await gather(named_of(self._record, id), pump_at(self._record, planned.pump_id))
        programme, infusion = await self._as_one(programme, id)
        events, today = ((), None) if infusion is None else (infusion.events, infusion.today)
        told = Pump() if pump is None else Pump(pump.model, pump.simulated)
        task = task_of(programme.events, events, today, named, told)
        if task is None or not task.administration_id:
            return task
        charted = await self._record.projection(ADMINISTRATIONS, task.administration_id)
        return task if charted is not None else replace(task, administration_id="")

    async def search(self, wanted: Wanted[Task], group: str, after: str, count: int) -> Found[Task]:
        """Those of the group that fit, with ids beyond ``after``, at most ``count``. Raises: TooMany."""
        return await page_of(self._record, FOUND_BY, wanted, group, after, count, self.read, MOST_READ)

    async def _as_one(self, programme: ProgrammeNow, id: str) -> tuple[ProgrammeNow, InfusionNow | None]:
        """Both streams as they stood at one moment, so that one version never says two things: the programme did not move while the infusion was read."""
        while infusion_id := await infusion_of(self._record, id):
            infusion = await infusion_at(self._record, infusion_id)
            again = await programme_at(self._record, id)
            if again.version == programme.version:
                return programme, infusion
            programme = again
        return programme, None
