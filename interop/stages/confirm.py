"""Stage 6, looked at afterwards: what a person must be told of a confirmation, and of a run that says it came from an offer (D-13, D-23, SR-44). Pure.

The pump's word is the truth and is recorded whatever it is; nothing here undoes it. What does not fit what was offered is documented for nobody until
a person has looked.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from interop.domain.delivery import SecondCheck
from interop.domain.events.nouns import Override, PatientNumber, Setting
from interop.domain.events.programme import Planned
from interop.domain.library import LibraryEntry, Verdict
from interop.domain.pump import Run
from interop.domain.quantity import Quantity, UnitMismatch

NINE_DECIMALS: Final = 10**9
"""The pump link says what is not exact to nine decimals."""


def same_on_the_link(exact: Quantity | None, told: Quantity | None) -> bool:
    """Whether the pump says back what it was told. Both absent are the same."""
    if exact is None or told is None:
        return exact is told
    return exact.unit == told.unit and abs(exact.value - told.value) * NINE_DECIMALS <= 1


def not_as_offered(planned: Planned, run: Run, on_the_pump: Iterable[PatientNumber]) -> Iterator[str]:
    """Why a run is not what its offer meant, in words; none: it is (D-23, SR-02, SR-03, SR-50).

    ``on_the_pump``: the patient that the pump reports, and those whose infusions it runs.
    """
    if run.drug != planned.drug or (run.entry_key and run.entry_key != planned.entry_key):
        yield f"The channel runs {run.drug or 'something without a name'}, and its offer was for {planned.drug}."
    concentration = next((each.set for each in planned.settings if each.name == "concentration"), None)
    if not same_on_the_link(concentration, run.concentration):
        yield "The channel runs another concentration than its offer."
    if planned.patient is None:
        yield "The offer that it names was for nobody."
    elif any(number != planned.patient for number in on_the_pump):
        yield "The pump is another patient's than the offer that it runs."


def to_be_told(
    planned: Planned,
    settings: tuple[Setting, ...],
    overrides: tuple[Override, ...],
    by: str,
    second_check_by: str,
    entry: LibraryEntry | None,
) -> Iterator[str]:
    """What is wrong with a confirmation, in words for a person at the pump. ``entry`` None: the library it was checked against is not at hand."""
    if entry is None:
        yield "A program was confirmed whose library entry is not at hand here: its limits cannot be judged again."
        return
    if entry.second_check is SecondCheck.AT_PUMP and (not second_check_by or second_check_by == by):
        yield f"{entry.tallman} was confirmed without an independent second check. Check the pump now."
    name = "rate" if entry.is_plain_fluid else "dose rate"
    value = next((each.set for each in settings if each.name == name), None)
    offered = next((each.set for each in planned.settings if each.name == name), None)
    if value is None or entry.limits.is_empty or (offered is not None and same_on_the_link(offered, value)):
        return
    try:
        verdict, limit = entry.limits.judge(value)
    except UnitMismatch:
        yield f"The {name} that was confirmed is in another unit than the drug library's. Look at the pump."
        return
    if verdict.is_hard:
        yield f"The {name} was changed at the pump to {_shown(value)}, {verdict.value} of {_shown(limit)}. Look at the pump."
    elif verdict is not Verdict.WITHIN and not any(each.name == name for each in overrides):
        yield f"The {name} was changed at the pump to {_shown(value)}, {verdict.value} of {_shown(limit)}, and no reason was given. Look at the pump."


def _shown(amount: Quantity | None) -> str:
    if amount is None:
        return ""
    rounded = Quantity(Fraction(round(amount.value * 1000), 1000), amount.unit)
    return str(rounded)
