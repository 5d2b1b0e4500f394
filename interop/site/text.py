"""The bytes of one file as text: UTF-8 only, line ends made one kind, and nothing in it that a reviewer could not see."""

import re
from typing import NamedTuple

from interop.site.fault import Faults, Place

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00a0\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffd]"
)
"""Control, zero-width, direction and no-break characters: two cells that look alike must be alike (D-01, SR-19)."""

MOST_TOLD = 20
"""Of one file; one that is no text at all has a fault in every line (SEC-24)."""

BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class LineColumn(NamedTuple):
    """Both count from 1; a column is a character, not a byte."""

    line: int
    column: int


def line_column(text: str, offset: int) -> LineColumn:
    """Where character ``offset`` (from 0) of ``text`` stands."""
    start = text.rfind("\n", 0, offset) + 1
    return LineColumn(text.count("\n", 0, offset) + 1, offset - start + 1)


def read_text(file: str, data: bytes, faults: Faults) -> str | None:
    """The text of a file without its byte order mark and with ``\\n`` line ends; None, with its fault, where it cannot be read.

    Characters that cannot be seen are faults too, but the text is still given so that the rest of it is checked.
    """
    if data.startswith(UTF_16):
        faults.error(Place(file, 1, 1), "the file is UTF-16, not UTF-8", "save it as CSV UTF-8")
        return None
    data = data.removeprefix(BOM)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
        place = line_column(before, len(before))
        what = f"byte 0x{data[error.start]:02X} at offset {error.start} is not UTF-8"
        faults.error(Place(file, *place), what, "save the file as UTF-8 (in Excel: CSV UTF-8)")
        return None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    for number, match in enumerate(UNSEEN.finditer(text)):
        place = line_column(text, match.start())
        if number == MOST_TOLD:
            faults.error(Place(file, *place), "more characters that cannot be seen", "look at how the file was written")
            break
        what = f"the character U+{ord(match.group()):04X} cannot be seen"
        faults.error(Place(file, *place), what, "delete it, or type the plain character that is meant")
    return text
