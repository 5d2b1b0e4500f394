"""What the bedside must see of the entry: high alert, second check, advisory. Messages, never controls (D-13; drug_library.md section 1)."""

from collections.abc import Iterator

from interop.domain.delivery import SecondCheck
from interop.domain.finding import Finding
from interop.stages.checks.facts import Facts


def what_the_entry_says(facts: Facts) -> Iterator[Finding]:
    entry = facts.entry
    if entry is None:
        return
    if entry.second_check is not SecondCheck.NONE:
        locked = "takes effect" if facts.is_titration else "can be started"
        text = f"a second clinician must check this at the pump before it {locked}"
        yield Finding.caution(f"{entry.key} second_check", text, action="Call a second clinician.", must_confirm=True)
    elif entry.high_alert:
        yield Finding.note(f"{entry.key} high_alert", f"{entry.tallman} is a high-alert medication")
    if entry.advisory:
        yield Finding.note(f"{entry.key} advisory", entry.advisory)
