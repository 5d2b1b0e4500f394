"""Alerts: what a person must look at, kept until a named person says that they have. They are told on the pages and block nothing by themselves.

What is said again of the same thing takes the place of what was said before, and counts on from it: one row for each thing, so that a pump that says
much hides no other (SEC-42). Each time is in the audit.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from interop.conduct.decision import Decision
from interop.conduct.kept import shape_of
from interop.domain.events.shapes import Misfit
from interop.domain.finding import Owner
from interop.ports import AuditRow, Projected, Record

ALERTS: Final = "alert"
"""What it is about → what must be looked at; the row goes when somebody has."""

PAGE: Final = 200
OF: Final = "_"
NUMBERS: Final = re.compile("[0-9]+")


@dataclass(frozen=True, slots=True)
class Alert:
    """``words`` are for the person whose move it is; they name no patient. Empty: does not apply. ``at``: when it was last said.

    ``times``: how often it was said since nobody has looked; ``first_at``: when it was said first, ``None`` where that is ``at``.
    """

    id: str
    at: datetime
    words: str
    owner: Owner
    pump_id: str = ""
    channel_id: str = ""
    order_id: str = ""
    programme_id: str = ""
    infusion_id: str = ""
    times: int = 1
    first_at: datetime | None = None

    def after(self, before: "Alert | None") -> "Alert":
        """This one, counted on from what was said of the same thing before; the very same (a step that is done again) counts once."""
        if before is None:
            return self
        again = 0 if before.id == self.id else 1
        return replace(self, times=before.times + again, first_at=before.first_at or before.at)


_SHAPE = shape_of(Alert)


def key_of(alert: Alert) -> str:
    """What it is about: where, of which order and attempt, and which words; a number in them, as of a word in a log, makes no other thing of it.

    A programme or infusion without an order on file is one that a pump names as it likes: it does not count.
    """
    of_order = (alert.order_id, alert.programme_id, alert.infusion_id) if alert.order_id else ()
    about = (alert.pump_id, alert.channel_id, *of_order, NUMBERS.sub("#", alert.words))
    return sha256(json.dumps(about).encode()).hexdigest()[:32]


async def raised(record: Record, alert: Alert) -> Decision:
    """To be committed with what it is about; two of one thing in the very same moment may count as one. Raises: StoreUnavailable."""
    key = key_of(alert)
    row = AuditRow(alert.at, "system", "alert.raise", alert.words, pump=alert.pump_id, subject=alert.programme_id or alert.infusion_id)
    counted = alert.after(_before(await record.projection(ALERTS, key)))
    return Decision(kept=(Projected(ALERTS, key, json.dumps(_SHAPE.write(counted))),), audit=(row,))


def seen(id: str, by: str, words: str, now: datetime) -> Decision:
    """A person has looked; ``id`` as ``open_alerts`` gives it."""
    return Decision(kept=(Projected(ALERTS, _key(id), None),), audit=(AuditRow(now, by, "alert.seen", words, subject=id),))


async def open_alerts(record: Record, limit: int | None = None) -> tuple[Alert, ...]:
    """Those that nobody has looked at, the oldest first; all, or the first ``limit``. Raises: StoreUnavailable.

    Their ids say of each time anew what it is about, so that what is said again is not taken for seen.
    """
    found: list[Alert] = []
    after = ""
    while page := await record.projections(ALERTS, after, PAGE):
        found += [_read(key, document) for key, document in page]
        after = page[-1][0]
    return tuple(sorted(found, key=lambda alert: (alert.at, alert.id))[:limit])


async def said_now(record: Record, id: str) -> Alert | None:
    """What is open of what this alert was about: it itself, or what was said of it since. Raises: StoreUnavailable."""
    document = await record.projection(ALERTS, _key(id))
    return None if document is None else _read(_key(id), document)


def _before(document: str | None) -> Alert | None:
    """What was said before; ``None`` also where another version wrote it: its count is lost, and the alert is raised all the same."""
    try:
        before: Alert | None = None if document is None else _SHAPE.read(json.loads(document))
    except (Misfit, ValueError, LookupError, TypeError):
        return None
    return before


def _key(id: str) -> str:
    return id.partition(OF)[0]


def _read(key: str, document: str) -> Alert:
    alert: Alert = _SHAPE.read(json.loads(document))
    return alert if alert.id == key else replace(alert, id=f"{key}{OF}{alert.id}")
