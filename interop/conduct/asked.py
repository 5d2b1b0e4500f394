"""A request that was accepted and waits to be planned: what the intent "plan" holds, and what this node still has of it in memory."""

import json
from dataclasses import dataclass
from datetime import datetime
from json.encoder import encode_basestring_ascii as _text

from interop.conduct.kept import shape_of
from interop.domain.case import BedsideScan
from interop.domain.envelope import Opened, Wanted
from interop.domain.errors import OurError
from interop.ports import Record

PLAN = "plan"
"""The kind of intent; its id is that of the journal entry, and becomes the programme's."""


class BadIntent(OurError):
    """An intent's body is not what this version writes, or its message is no longer in the journal."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One accepted message that asks for a programme. ``effect_hash`` is in hexadecimal; ``application`` is MSH-16.

    With a ``scan`` it is a stored order, as sent, that was asked for at the bedside page: ``id`` is the scan's, and nobody waits for an RRG (D-11).
    """

    id: str
    message: bytes
    sender: str
    control_id: str
    effect_hash: str
    application: Wanted
    received_at: datetime
    about: frozenset[str]
    scan: BedsideScan | None = None

    @classmethod
    def of(cls, id: str, message: bytes, opened: Opened, received_at: datetime) -> "Asked":
        return cls(
            id, message, opened.profile.name, opened.control_id, opened.effect_hash.hex(), opened.application, received_at, opened.about
        )

    def body(self) -> str:
        """The intent's body: all but the message, which is in the journal under the same id."""
        scan = "" if self.scan is None else f', "scan": {json.dumps(_SCAN.write(self.scan))}'
        # one for every message that is accepted: put together from its texts, as JSON has them
        return (
            f'{{"sender": {_text(self.sender)}, "control_id": {_text(self.control_id)}, "effect": {_text(self.effect_hash)}, '
            f'"application": {_text(self.application.value)}, "received_at": {_text(self.received_at.isoformat())}, '
            f'"about": [{", ".join(map(_text, sorted(self.about)))}]{scan}}}'
        )


_SCAN = shape_of(BedsideScan)


async def asked_of(id: str, body: str, record: Record) -> Asked:
    """The request that another process, or this one before a crash, accepted; ``body`` is its intent's. Raises: BadIntent, StoreUnavailable."""
    message = await record.journal_body(id)
    if message is None:
        raise BadIntent("its message is not in the journal")
    try:
        said = json.loads(body)
        at, application = datetime.fromisoformat(said["received_at"]), Wanted(said["application"])
        scan = _SCAN.read(said["scan"]) if "scan" in said else None
        return Asked(id, message, said["sender"], said["control_id"], said["effect"], application, at, frozenset(said["about"]), scan)
    except (ValueError, LookupError, TypeError) as fault:
        raise BadIntent("its body is not of this version") from fault
