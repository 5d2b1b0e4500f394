"""The values of the pump link as they stand in a frame (docs/pump-link.md, section 1): bounded, and nothing in them can carry a float."""

from datetime import datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from interop.domain.ucum import UCUM

MAX_BYTES: Final = 65_536
"""Of one frame."""

MAX_NUMBER: Final = 2**53 - 1
"""The largest whole number that every reader of JSON reads alike (RFC 8259, 6)."""

YEARS: Final = range(1970, 9999)
"""Of an instant: every one in these years can be told in every time zone."""

_END: Final = r"$(?!\n)"  # `$` alone lets a line end through, where the pattern is read by Python
_CONTROLS: Final = r"\u0000-\u001f\u007f-\u009f"

Id = Annotated[
    str, Meta(min_length=1, max_length=64, pattern=rf"^[!-~]+{_END}", description="1 to 64 printable ASCII characters without spaces.")
]
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=rf"^[^{_CONTROLS}]+{_END}")]
Words = Annotated[
    str, Meta(min_length=1, max_length=200, pattern=rf"^[^{_CONTROLS}]+{_END}", description="1 to 200 characters on one line.")
]
Sentence = Annotated[str, Meta(max_length=1000, pattern=rf"^[^{_CONTROLS}]*{_END}", description="At most 1,000 characters on one line.")]
_INSTANT: Final = (
    r"(?!9999)(19[7-9][0-9]|[2-9][0-9]{3})-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-][0-2][0-9]:[0-5][0-9])"
)
Instant = Annotated[
    datetime,
    Meta(
        tz=True,
        extra_json_schema={"pattern": f"^{_INSTANT}{_END}"},
        description="RFC 3339 with an offset; the years 1970 to 9998, no leap second.",
    ),
]
Count = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Number = Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Priority = Literal["PH", "PM", "PL", "PN"]
State = Literal["idle", "programming", "pending", "infusing", "paused", "kvo", "ended", "delayed_start", "fault"]

# Whether it is a number is asked once, where it becomes a Quantity; the pattern says the same to readers of the schema.
_PLAIN: Final = rf"(?=\.?[0-9])[0-9]{{0,9}}(\.[0-9]{{0,9}})?{_END}"
Decimal = Annotated[
    str,
    Meta(
        max_length=19,
        extra_json_schema={"pattern": f"^{_PLAIN}"},
        description="A plain decimal: at most 9 digits on each side of the point.",
    ),
]
AboveZero = Annotated[str, Meta(max_length=19, extra_json_schema={"pattern": f"^(?=.*[1-9]){_PLAIN}"}, description="The same, above zero.")]
Unit = Annotated[str, Meta(max_length=32, extra_json_schema={"enum": sorted(UCUM)}, description="A UCUM code of interop's closed table.")]
PerVolume = Annotated[
    str,
    Meta(
        max_length=32,
        extra_json_schema={"enum": sorted(code for code, unit in UCUM.items() if unit.is_concentration)},
        description="A UCUM code of an amount in a volume.",
    ),
]


class Amount(Struct, frozen=True, gc=False):
    """An amount of anything."""

    value: Decimal
    unit: Unit


class Rate(Struct, frozen=True, gc=False):
    """Volume per time."""

    value: Decimal
    unit: Literal["mL/h"]


class Volume(Struct, frozen=True, gc=False):
    """A volume."""

    value: Decimal
    unit: Literal["mL"]


class Size(Struct, frozen=True, gc=False):
    """The volume that something holds."""

    value: AboveZero
    unit: Literal["mL"]


class Weight(Struct, frozen=True, gc=False):
    """A body weight."""

    value: AboveZero
    unit: Literal["kg", "g"]


class Concentration(Struct, frozen=True, gc=False):
    """Amount of drug in a volume."""

    value: AboveZero
    unit: PerVolume


class Patient(Struct, frozen=True, gc=False):
    """A patient's identifier and who issued it."""

    id: Words
    authority: Words | None = None


class LibraryRef(Struct, frozen=True, gc=False):
    """Which drug library."""

    id: Words
    version: Words
    hash: Words
