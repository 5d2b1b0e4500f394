"""Alerts: what a person must look at, kept until a named person says that they have. They are told on the pages and block nothing by themselves."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from interop.conduct.decision import Decision
from interop.conduct.kept import shape_of
from interop.domain.finding import Owner
from interop.ports import AuditRow, Projected, Record

ALERTS: Final = "alert"
"""Alert id → what must be looked at; the row goes when somebody has."""

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Alert:
    """``words`` are for the person whose move it is; they name no patient. Empty: does not apply."""

    id: str
    at: datetime
    words: str
    owner: Owner
    pump_id: str = ""
    channel_id: str = ""
    order_id: str = ""
    programme_id: str = ""
    infusion_id: str = ""


_SHAPE = shape_of(Alert)


def raised(alert: Alert) -> Decision:
    """To be committed with what it is about."""
    row = AuditRow(alert.at, "system", "alert.raise", alert.words, pump=alert.pump_id, subject=alert.programme_id or alert.infusion_id)
    return Decision(kept=(Projected(ALERTS, alert.id, json.dumps(_SHAPE.write(alert))),), audit=(row,))


def seen(id: str, by: str, words: str, now: datetime) -> Decision:
    """A person has looked."""
    return Decision(kept=(Projected(ALERTS, id, None),), audit=(AuditRow(now, by, "alert.seen", words, subject=id),))


async def open_alerts(record: Record, limit: int = 500) -> tuple[Alert, ...]:
    """Those that nobody has looked at, the oldest first. Raises: StoreUnavailable."""
    return tuple(_SHAPE.read(json.loads(document)) for _, document in await record.projections(ALERTS, limit=limit))
