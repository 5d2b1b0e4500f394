"""Is what was scanned as the container the one that this order means? (D-11)"""

from collections.abc import Iterator

from interop.domain.finding import Finding, Sub
from interop.domain.library import concentration_of
from interop.stages.checks.facts import Facts


def the_scanned_container(facts: Facts) -> Iterator[Finding]:
    """Its label resolves to this order, to the same library drug, and where its code names a strength, to the strength that was matched."""
    scan = facts.case.scan
    if scan is None or scan.container is None:
        return
    label = scan.container
    if not (label.placer_order_number and label.code):
        yield Finding.against(Sub.CONTAINER, "container", "no container of this order was scanned")
        return
    if label.placer_order_number != facts.order.placer_order_number:
        yield Finding.against(Sub.CONTAINER, "container", f"this container was made for order {label.placer_order_number}")
    row = facts.case.release.formulary.get((label.system, label.code))
    if row is None:
        yield Finding.against(Sub.CONTAINER, "container", f"{label.code} on the container's label is no code of this site's formulary")
        return
    if row.drug != facts.match.drug:
        yield Finding.against(
            Sub.CONTAINER, "container", f"the container holds {row.drug}, the order is for {facts.match.drug or 'something else'}"
        )
        return
    program = facts.program
    if row.amount is None or row.volume is None or program is None or program.concentration is None:
        return
    held = concentration_of(row.amount, row.volume)
    if held != program.concentration:
        yield Finding.against(Sub.CONTAINER, "container", f"the container holds {held}, the order was matched at {program.concentration}")
