"""The character sets of MSH-18 (HL7 table 0211) that ER7 can carry safely.

ER7 is split at single characters. That is safe only where a byte below 0x80 is always that ASCII character: in ASCII, the parts of
ISO 8859 and UTF-8. In the others of the table a delimiter's byte can be half of another character (BIG-5, GB 18030-2000, UTF-16) or
change its meaning after a shift (ISO IR87); they are refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from interop.wire.hl7v2.er7_errors import Reason, Unreadable


@dataclass(frozen=True, slots=True)
class Charset:
    """A character set: its name in table 0211, and the codec that reads it."""

    name: str
    codec: str


ASCII: Final = Charset("ASCII", "ascii")
UTF_8: Final = Charset("UNICODE UTF-8", "utf-8")

# ISO 8859 has no part 12. Table 0211 lists 1 to 9 and 15; 10, 11, 13 and 14 are spelled alike and can mean nothing else.
_PARTS = (*range(1, 12), 13, 14, 15)

CARRIED: Final[Mapping[str, Charset]] = MappingProxyType(
    {
        "": ASCII,  # the default of MSH-18
        "ASCII": ASCII,
        "ISO IR6": ASCII,
        "UNICODE UTF-8": UTF_8,
        "UTF-8": UTF_8,  # not in the table; seen often, and can mean nothing else
        **{f"8859/{part}": Charset(f"8859/{part}", f"iso8859_{part}") for part in _PARTS},
    }
)

NOT_CARRIED: Final = frozenset(
    {
        "ISO IR14",
        "ISO IR87",
        "ISO IR159",
        "GB 18030-2000",
        "KS X 1001",
        "CNS 11643-1992",
        "BIG-5",
        "UNICODE",
        "UNICODE UTF-16",
        "UNICODE UTF-32",
        "JAS2020",
        "JIS X 0202",
    }
)


def charset_named(name: str) -> Charset:
    """The character set that the first repetition of MSH-18 names; names are case-sensitive, as the table's are.

    Raises: Unreadable: the name is not in table 0211, or ER7 cannot carry what it names.
    """
    charset = CARRIED.get(name)
    if charset is not None:
        return charset
    if name in NOT_CARRIED:
        raise Unreadable(Reason.CHARSET_NOT_CARRIED, "MSH-18", f"{name} cannot be split safely at single characters; send UNICODE UTF-8")
    raise Unreadable(Reason.CHARSET_NOT_CARRIED, "MSH-18", "names no character set of HL7 table 0211")
