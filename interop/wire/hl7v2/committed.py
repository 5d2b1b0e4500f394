"""``CA`` the short way: put together from the sender's last one, since it is written for every message that comes in (D-08)."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from interop.wire.hl7v2.ack import CONTROL_ID, NOBODY, STAMP, AckCode, ReceivedHeader, Us, write_ack

_LONGEST_HEADER: Final = 1000
_PLAIN_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,199}")  # echoed as it stands, whatever the rest of the header is
_THEIR_PLACE: Final = b"0PLACE0OF0THEIR0ID"
_OUR_PLACE: Final = "0PLACE0OF0OUR0ID"
_PLACE_OF_TIME: Final = datetime(1000, 1, 1, tzinfo=UTC)


def write_committed(received: bytes, *, new_id: str, at: datetime, us: Us = NOBODY) -> bytes:
    """``CA`` to a message: the bytes that ``write_ack`` gives for its salvaged header, put together from those of the sender's last message.

    Messages that differ in MSH-7 and MSH-10 only have answers that differ in MSH-7, MSH-10 and MSA-2 only.

    Raises: ValueError: as ``write_ack``.
    """
    line = received[: max(0, received.find(b"\r", 0, _LONGEST_HEADER))]
    fields = line.split(line[3:4] or None)
    offset = at.utcoffset()
    if len(fields) > 11 and b"\n" not in line and offset is not None and CONTROL_ID.fullmatch(new_id):
        control_id, fields[6], fields[9] = fields[9], b"", _THEIR_PLACE
        if _PLAIN_ID.fullmatch(control_id):
            around = _around(line[3:4].join(fields), us)
            if around is not None:
                before, between, after, end = around
                return b"".join((before, _stamp(at.replace(microsecond=0), offset), between, new_id.encode(), after, control_id, end))
    return write_ack(ReceivedHeader.salvaged(received), AckCode.CA, new_id=lambda: new_id, at=at, us=us)


@lru_cache(maxsize=64)  # bounded, so that a peer which varies its header costs no memory
def _around(header: bytes, us: Us) -> tuple[bytes, bytes, bytes, bytes] | None:
    """What stands around MSH-7, MSH-10 and MSA-2 of the answer to a header without MSH-7; None: it cannot be told from what stands in them."""
    salvaged = ReceivedHeader.salvaged(header + b"\r")
    whole = write_ack(salvaged, AckCode.CA, new_id=lambda: _OUR_PLACE, at=_PLACE_OF_TIME, us=us)
    places = (_stamp(_PLACE_OF_TIME, timedelta(0)), _OUR_PLACE.encode(), _THEIR_PLACE)
    if any(whole.count(place) != 1 for place in places):
        return None
    before, _, rest = whole.partition(places[0])
    between, _, rest = rest.partition(places[1])
    after, _, end = rest.partition(places[2])
    return before, between, after, end


@lru_cache(maxsize=64)
def _stamp(second: datetime, offset: timedelta) -> bytes:
    """``second`` as MSH-7 has it. Times of two offsets can be equal, so ``offset`` tells them apart."""
    return second.strftime(STAMP).encode("ascii")
