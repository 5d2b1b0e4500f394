"""Is it ten times what it was? A slip of the decimal point is said in words, inside the limits too. (D-18)"""

from collections.abc import Iterator
from fractions import Fraction

from interop.domain.case import EarlierProgram
from interop.domain.finding import Finding
from interop.domain.program import Program
from interop.domain.quantity import Quantity
from interop.stages.checks.facts import Facts

SLIPS = (Fraction(100), Fraction(10))
NEAR = Fraction(1, 100)  # within 1 % of the multiple


def not_ten_times(facts: Facts) -> Iterator[Finding]:
    """Against what runs and is to be changed, and against the last program of the same order, by whatever both say."""
    program, earlier = facts.program, facts.case.earlier
    if program is None:
        return
    slipped: list[Finding] = []
    if program.changes is not None:
        near = NEAR + facts.rules.rounding  # what runs was rounded to the pump's step: a slip of it is not exactly a tenth any more
        slipped += _slipped(program, EarlierProgram(program.changes.dose_rate, program.changes.rate), "the running", near)
    if earlier is not None and not slipped:  # both are usually the same values
        slipped += _slipped(program, earlier, "the earlier", NEAR)
    yield from slipped


def _slipped(program: Program, earlier: EarlierProgram, which: str, near: Fraction) -> Iterator[Finding]:
    pairs: list[tuple[Quantity | None, Quantity | None]] = [
        (earlier.dose_rate, program.dose_rate.asked if program.dose_rate is not None else None),
        (earlier.dose, program.dose.asked if program.dose is not None else None),
        (earlier.rate, program.rate.asked),
    ]
    for before, after in pairs:
        if before is None or after is None or before.base()[0] != after.base()[0] or not before.value:
            continue
        times = slip(before, after, near)
        if times:
            text = f"{after} is {times} {which} {before}: possible decimal slip"
            yield Finding.caution("dose", text, action="Check the decimal point.", must_confirm=True)
        return


def slip(before: Quantity, after: Quantity, near: Fraction = NEAR) -> str:
    """``10 times``, ``100 times``, ``a tenth of``, ``a hundredth of``, or "" for anything else."""
    ratio = after.base()[1] / before.base()[1]
    for times in SLIPS:
        if abs(ratio - times) <= times * near:
            return f"{times} times"
        if abs(ratio * times - 1) <= near:
            return "a tenth of" if times == 10 else "a hundredth of"
    return ""
