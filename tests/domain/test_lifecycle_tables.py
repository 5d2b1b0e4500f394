"""The three tables row by row: what is written out here passes, and every other pair of state and event reaches a person."""

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from interop.domain.errors import InteropError
from interop.domain.events.codec import EVENTS, decode
from interop.domain.events.event import Event
from interop.domain.lifecycle import infusion, order, programme
from interop.domain.lifecycle.drawing import draw, page
from interop.domain.lifecycle.table import NoRow, Table

ROOT = Path(__file__).parent.parent.parent
GOLDEN = ROOT / "tests" / "golden" / "events"
EXAMPLES: dict[str, Any] = {event.type: decode((GOLDEN / f"{event.type}.v1.json").read_text(encoding="ascii")) for event in EVENTS}

# Written out a second time, by hand, so that a slip in a table is seen: state, event, state after; "-" is no stream yet.
ORDER_ROWS = """
    -        received  waiting
    waiting  verified  active
    waiting  changed   waiting
    waiting  held      held
    waiting  ended     ended
    active   verified  active
    active   changed   waiting
    active   held      held
    active   ended     ended
    held     verified  held
    held     changed   held
    held     held      held
    held     released  waiting
    held     ended     ended
    ended    ended     ended
"""
PROGRAMME_ROWS = """
    -          planned            planned
    planned    refused-by-checks  refused
    planned    offer-not-sent     refused
    planned    offer-sent         offered
    planned    recalled           withdrawn
    offered    offer-not-sent     refused
    offered    offer-shown        offered
    offered    offer-opened       offered
    offered    recalled           offered
    offered    refused-by-pump    refused
    offered    confirmed          confirmed
    offered    rejected           rejected
    offered    expired            expired
    offered    withdrawn          withdrawn
    offered    never-seen         withdrawn
    offered    answer-lost        uncertain
    uncertain  offer-shown        uncertain
    uncertain  offer-opened       uncertain
    uncertain  recalled           uncertain
    uncertain  refused-by-pump    refused
    uncertain  confirmed          confirmed
    uncertain  rejected           rejected
    uncertain  expired            expired
    uncertain  withdrawn          withdrawn
    uncertain  never-seen         withdrawn
    uncertain  attested           attested
    confirmed  confirmed          confirmed
    confirmed  rejected           rejected
    confirmed  expired            expired
    confirmed  recalled           confirmed
    confirmed  withdrawn          withdrawn
    confirmed  offer-shown        confirmed
    confirmed  offer-opened       confirmed
    refused    confirmed          confirmed
    refused    offer-shown        refused
    refused    offer-opened       refused
    refused    withdrawn          refused
    refused    never-seen         refused
    rejected   confirmed          confirmed
    rejected   offer-shown        rejected
    rejected   offer-opened       rejected
    rejected   withdrawn          rejected
    rejected   never-seen         rejected
    expired    confirmed          confirmed
    expired    offer-shown        expired
    expired    offer-opened       expired
    expired    withdrawn          expired
    expired    never-seen         expired
    withdrawn  confirmed          confirmed
    withdrawn  offer-shown        withdrawn
    withdrawn  offer-opened       withdrawn
    withdrawn  refused-by-pump    refused
    withdrawn  rejected           rejected
    withdrawn  expired            expired
    withdrawn  withdrawn          withdrawn
    withdrawn  never-seen         withdrawn
    attested   confirmed          confirmed
    attested   offer-shown        attested
    attested   offer-opened       attested
    attested   refused-by-pump    attested
    attested   rejected           attested
    attested   expired            attested
    attested   withdrawn          attested
    attested   never-seen         attested
"""
INFUSION_ROWS = """
    -        started                  running
    -        found                    running
    running  rate-changed             running
    running  segment-closed           running
    running  bolus-started            running
    running  bolus-stopped            running
    running  volume-completed         running
    running  kvo-entered              kvo
    running  paused                   paused
    running  ended                    ended
    running  container-changed        running
    running  edited-at-pump           running
    running  counters-reset           running
    running  alarm-raised             running
    running  alarm-cleared            running
    running  contact-lost             running
    running  contact-regained         running
    running  association-made         running
    running  association-backfilled   running
    running  association-suspended    running
    running  association-restored     running
    running  association-ended        running
    running  association-voided       running
    paused   resumed                  running
    paused   kvo-entered              kvo
    paused   volume-completed         paused
    paused   ended                    ended
    paused   container-changed        paused
    paused   edited-at-pump           paused
    paused   counters-reset           paused
    paused   alarm-raised             paused
    paused   alarm-cleared            paused
    paused   contact-lost             paused
    paused   contact-regained         paused
    paused   association-made         paused
    paused   association-backfilled   paused
    paused   association-suspended    paused
    paused   association-restored     paused
    paused   association-ended        paused
    paused   association-voided       paused
    kvo      resumed                  running
    kvo      segment-closed           kvo
    kvo      volume-completed         kvo
    kvo      paused                   paused
    kvo      ended                    ended
    kvo      container-changed        kvo
    kvo      edited-at-pump           kvo
    kvo      counters-reset           kvo
    kvo      alarm-raised             kvo
    kvo      alarm-cleared            kvo
    kvo      contact-lost             kvo
    kvo      contact-regained         kvo
    kvo      association-made         kvo
    kvo      association-backfilled   kvo
    kvo      association-suspended    kvo
    kvo      association-restored     kvo
    kvo      association-ended        kvo
    kvo      association-voided       kvo
    ended    resumed                  running
    ended    alarm-cleared            ended
    ended    association-backfilled   ended
    ended    association-suspended    ended
    ended    association-restored     ended
    ended    association-ended        ended
    ended    association-voided       ended
"""

Row = tuple[str, str, str]
STREAMS: dict[str, tuple[ModuleType, str]] = {
    "order": (order, ORDER_ROWS),
    "programme": (programme, PROGRAMME_ROWS),
    "infusion": (infusion, INFUSION_ROWS),
}


def written(rows: str) -> dict[tuple[str, str], str]:
    lines = [line.split() for line in rows.splitlines() if line.strip()]
    listed = {(state, event): after for state, event, after in lines}
    assert len(listed) == len(lines)
    return listed


def pairs() -> Iterable[tuple[str, str, str, str]]:
    """(stream, state, event, state after or "" for none) for every pair there is."""
    for stream, (module, rows) in STREAMS.items():
        listed = written(rows)
        for state in ("-", *(each.value for each in module.State)):
            for event in module.TABLE.events:
                name = event.type.partition(".")[2]
                yield stream, state, name, listed.get((state, name), "")


@pytest.mark.parametrize(("stream", "state", "name", "after"), tuple(pairs()))
def test_sr_61_exactly_the_listed_rows_pass_and_every_other_event_reaches_a_person(stream: str, state: str, name: str, after: str) -> None:
    table: Table[Any, Event] = STREAMS[stream][0].TABLE
    now = None if state == "-" else table.states(state)
    event = EXAMPLES[f"{stream}.{name}"]
    if after:
        assert table.step(now, event) is table.states(after)
        return
    with pytest.raises(NoRow) as caught:
        table.step(now, event)
    assert caught.value.state is now
    assert caught.value.event is event
    assert isinstance(caught.value, InteropError)
    assert str(caught.value) == f"{stream}.{name} in state {'none' if now is None else state}: no row"


@pytest.mark.parametrize("stream", STREAMS)
def test_the_written_rows_are_all_of_the_table(stream: str) -> None:
    module, rows = STREAMS[stream]
    assert len(written(rows)) == len(module.TRANSITIONS)


@pytest.mark.parametrize("stream", STREAMS)
def test_every_event_has_a_row_and_every_state_can_be_reached(stream: str) -> None:
    module, _ = STREAMS[stream]
    assert {event for _, event in module.TRANSITIONS} == set(module.TABLE.events)
    assert set(module.TRANSITIONS.values()) == set(module.State)
    assert {event.type.partition(".")[0] for event in module.TABLE.events} == {stream}


def test_the_states_are_those_of_the_design() -> None:
    assert [state.value for state in order.State] == ["waiting", "active", "held", "ended"]
    assert [state.value for state in programme.State] == [
        *("planned", "offered", "confirmed", "refused", "rejected", "expired", "withdrawn", "uncertain", "attested")
    ]
    assert [state.value for state in infusion.State] == ["running", "paused", "kvo", "ended"]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_person_is_told_only_of_rows_that_exist_and_in_a_sentence(stream: str) -> None:
    module, _ = STREAMS[stream]
    assert module.ALERTS.keys() <= module.TRANSITIONS.keys()
    for words in module.ALERTS.values():
        assert words.endswith(".")


@pytest.mark.parametrize("stream", STREAMS)
def test_a_table_cannot_be_changed_while_the_server_runs(stream: str) -> None:
    module, _ = STREAMS[stream]
    with pytest.raises(TypeError):
        module.TRANSITIONS[None, object] = next(iter(module.State))
    with pytest.raises(TypeError):
        module.ALERTS[None, object] = ""


def test_an_event_of_another_stream_has_no_row() -> None:
    with pytest.raises(NoRow):
        programme.TABLE.step(programme.State.OFFERED, EXAMPLES["infusion.started"])


def test_no_events_are_no_stream() -> None:
    assert order.TABLE.fold([]) is None
    assert order.fold([]) is None
    assert programme.fold([]) is None
    assert infusion.fold([]) is None


def test_the_page_in_the_docs_is_what_the_tables_draw() -> None:
    assert (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8") == page(), (
        "draw it anew: python -c \"from interop.domain.lifecycle.drawing import page; print(page(), end='')\" > docs/lifecycle.md"
    )


@pytest.mark.parametrize("stream", STREAMS)
def test_a_drawing_shows_every_row_and_every_alert(stream: str) -> None:
    module, rows = STREAMS[stream]
    drawn = draw(module.TABLE)
    assert drawn.count("\n| `") == len(written(rows)) + len(module.TABLE.events) + sum(
        alert.when.startswith("`") for alert in module.TABLE.further_alerts
    )
    for words in (*module.ALERTS.values(), *(alert.words for alert in module.TABLE.further_alerts)):
        assert words in drawn
