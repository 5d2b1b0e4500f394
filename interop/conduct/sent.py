"""What left for a pump: a row for each programme whose offer went out, for whatever the pump says of it later."""

import json
from dataclasses import dataclass
from typing import Final

from interop.conduct import naming
from interop.conduct.kept import shape_of
from interop.ports import Projected, Record

SENT: Final = "sent-offer"
"""Programme → what is needed to understand the pump's words about it; kept, as a pump may speak late (D-09)."""

ON_PUMP: Final = "offer-on-pump"
"""Pump and programme → nothing more: the pump has the offer, or may have it (D-05, D-10)."""

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """``sender`` is the profile of who asked; ``asked`` the body of the request's intent, from which it can be answered."""

    programme_id: str
    order_id: str
    sender: str
    pump_id: str
    channel_id: str
    asked: str

    def rows(self) -> tuple[Projected, ...]:
        """It leaves now."""
        return (Projected(SENT, self.programme_id, json.dumps(_SHAPE.write(self))), Projected(ON_PUMP, self._on_pump, "{}"))

    def settled(self) -> tuple[Projected, ...]:
        """The pump has it no longer, as an offer."""
        return (Projected(ON_PUMP, self._on_pump, None),)

    @property
    def _on_pump(self) -> str:
        return f"{naming.channel_of(self.pump_id, '')}{self.programme_id}"


_SHAPE = shape_of(Sent)


async def sent_at(record: Record, programme_id: str) -> Sent | None:
    """``None``: no offer of that name ever left here. Raises: StoreUnavailable."""
    document = await record.projection(SENT, programme_id)
    if document is None:
        return None
    sent: Sent = _SHAPE.read(json.loads(document))
    return sent


async def on_pump(record: Record, pump_id: str) -> tuple[str, ...]:
    """The programmes whose offers this pump has, or may have. Raises: StoreUnavailable."""
    prefix = naming.channel_of(pump_id, "")
    found: list[str] = []
    after = prefix
    while page := await record.projections(ON_PUMP, after, PAGE):
        for key, _ in page:
            if not key.startswith(prefix):
                return tuple(found)
            found.append(key.removeprefix(prefix))
        after = page[-1][0]
    return tuple(found)
