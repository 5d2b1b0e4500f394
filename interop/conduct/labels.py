"""What a hand scanner typed: a wristband, a container's label, or a channel's, told apart by their marks (docs/bedside.md). Pure."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

LONGEST: Final = 256


class Kind(Enum):
    """What a label is. ``BARE`` has no mark: a patient's number, or a pump that has one channel."""

    WRISTBAND = "wristband"
    CONTAINER = "container"
    CHANNEL = "channel"
    BARE = "bare"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Label:
    """``first`` and ``second``: value and authority of a wristband, pump and channel of a channel's label. ``text``: the whole, as scanned."""

    kind: Kind
    text: str
    first: str = ""
    second: str = ""


def read_label(text: str) -> Label:
    """By the first mark that is there: a bar is a container's, a caret a wristband's, a slash a channel's. Raises nothing."""
    said = text.strip()
    if not said or len(said) > LONGEST or not said.isprintable():
        return Label(Kind.UNREADABLE, "")
    if "|" in said:
        order, _, code = said.partition("|")
        return Label(Kind.CONTAINER if order.strip() and code.strip() else Kind.UNREADABLE, said)
    if "^" in said:
        return _pair(Kind.WRISTBAND, said, "^")
    if "/" in said:
        return _pair(Kind.CHANNEL, said, "/")
    return Label(Kind.BARE, said, said)


def _pair(kind: Kind, said: str, mark: str) -> Label:
    first, _, second = (part.strip() for part in said.partition(mark))
    is_whole = first and mark not in second and (second or kind is Kind.WRISTBAND)  # an authority may have no name, a channel has one
    return Label(kind if is_whole else Kind.UNREADABLE, said, first, second)
