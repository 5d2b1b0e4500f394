"""What a change means, in words: from old to new, by how much, and whether it looks like a slipped decimal point (D-18)."""

from fractions import Fraction
from typing import Final

from pump_sim.amounts import Amount, OtherMeasure

SLIPS: Final = (
    (Fraction(100), "a hundred times"),
    (Fraction(10), "ten times"),
    (Fraction(1, 10), "a tenth of"),
    (Fraction(1, 100), "a hundredth of"),
)
NEAR: Final = Fraction(2, 100)
"""Rounding to the pump's step moves a value by at most so much (D-15): ten times is still ten times."""


def slip(old: Amount, new: Amount) -> str:
    """``ten times`` and the like; empty: it is none of them."""
    times = _times(old, new)
    if times is None:
        return ""
    return next((words for factor, words in SLIPS if abs(times - factor) <= NEAR * factor), "")


def change(old: Amount, new: Amount, than: str) -> str:
    """One sentence without its full stop. ``than``: what the old value is (``what runs now``)."""
    if words := slip(old, new):
        return f"{words[0].upper()}{words[1:]} {than}: possible decimal slip"
    times = _times(old, new)
    if times is None or times == 1:
        return "Unchanged" if times == 1 else f"Not to be compared with {than}"
    if times > 2:
        return f"Up, {_plain(times)} times {than}"
    more = abs(times - 1) * 100
    return f"{'Up' if times > 1 else 'Down'} by {_plain(more)} %"


def _times(old: Amount, new: Amount) -> Fraction | None:
    try:
        return new.to(old.unit).value / old.value if old.value else None
    except OtherMeasure:
        return None


def _plain(value: Fraction) -> str:
    """At most one decimal; ``about`` where that is not all of it, and never 0 for what is not 0."""
    tenths = max(round(value * 10), 1)
    whole, rest = divmod(tenths, 10)
    text = f"{whole}.{rest}" if rest else str(whole)
    return text if Fraction(tenths, 10) == value else f"about {text}"
