"""The tables as Markdown, drawn from themselves. ``docs/lifecycle.md`` is what ``page`` returns:

python -c "from interop.domain.lifecycle.drawing import page; print(page(), end='')" > docs/lifecycle.md
"""

from enum import Enum

from interop.domain.events.event import meaning
from interop.domain.lifecycle import infusion, order, programme
from interop.domain.lifecycle.table import E, S, Table

HEAD = """# The three streams

Drawn from the tables in `interop/domain/lifecycle/`; a test fails when this page and the tables differ. An event that has no row here is never
dropped and never guessed at: it reaches a person. A bold **tells a person** row is told to a person at once, in the words given.
"""


def page() -> str:
    """The whole of ``docs/lifecycle.md``."""
    return "\n".join((HEAD, draw(order.TABLE), draw(programme.TABLE), draw(infusion.TABLE)))


def draw(table: Table[S, E]) -> str:
    """One stream as Markdown: its rows by state, with what each event means."""
    lines = [f"## {table.name}", "", "States: " + ", ".join(state.value for state in table.states) + "."]
    for state in (None, *table.states):
        lines += ["", f"### {state.value.capitalize()}" if state else "### No stream yet", ""]
        lines += _rows(table, state)
    if table.further_alerts:
        lines += ["", "### Told to a person at once as well", "", "| when | words |", "| --- | --- |"]
        lines += [f"| {_cell(alert.when)} | {_cell(alert.words)} |" for alert in table.further_alerts]
    lines += ["", f"### What the events of {_article(table.name)} tell", "", "| event | version | tells |", "| --- | --- | --- |"]
    lines += [f"| `{event.type}` | {event.version} | {_cell(meaning(event))} |" for event in table.events]
    return "\n".join(lines) + "\n"


def _rows(table: Table[S, E], state: S | None) -> list[str]:
    rows = [event for event in table.events if (state, event) in table.rows]
    return ["| event | then | |", "| --- | --- | --- |", *(_row(table, state, event) for event in rows)]


def _row(table: Table[S, E], state: S | None, event: type[E]) -> str:
    alert = table.alerts.get((state, event), "")
    return f"| `{event.type}` | {_then(state, table.rows[state, event])} | {'**tells a person** ' + _cell(alert) if alert else ''} |"


def _then(before: Enum | None, after: Enum) -> str:
    return "stays" if before is after else str(after.value)


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
