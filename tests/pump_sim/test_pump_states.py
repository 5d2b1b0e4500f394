"""The table, row by row and where it has none (SR-61), and the page that is drawn from it."""

from pathlib import Path

import pytest

from pump_sim.states import DELIVERING, SHADOW_TRANSITIONS, TRANSITIONS, Event, Shadow, State, page
from tests.pump_sim.ward import Ward

PAGE = Path(__file__).parents[2] / "docs" / "pump-sim-states.md"


@pytest.mark.parametrize("state", State, ids=lambda each: each.name)
def test_sr_61_an_event_moves_a_channel_by_its_row_or_is_ignored_and_logged(state):
    ward = Ward(connected=False)
    machine, channel = ward.pump._m, ward.channel("A")
    for event in Event:
        channel.state = state
        before = len(ward.pump.ignored)
        moved = machine.step(channel, event)
        assert moved == ((state, event) in TRANSITIONS)
        assert channel.state is TRANSITIONS.get((state, event), state)
        assert len(ward.pump.ignored) == before + (not moved)
        if not moved:
            assert event.name in ward.pump.ignored[-1]
            assert state.name in ward.pump.ignored[-1]


@pytest.mark.parametrize("shadow", Shadow, ids=lambda each: each.name)
def test_sr_61_a_change_beside_the_run_has_its_own_rows(shadow):
    for event in Event:
        ward = Ward(connected=False)
        channel = ward.channel("A")
        channel.shadow = shadow
        ward.pump._m.shadow(channel, event)
        assert channel.shadow is SHADOW_TRANSITIONS.get((shadow, event), shadow)


def test_sr_01_sr_63_only_the_start_key_leads_into_delivery_and_only_from_what_a_person_confirmed():
    into = {(state, event) for (state, event), after in TRANSITIONS.items() if after in DELIVERING and state not in DELIVERING}
    start = {(State.READY, Event.START)}
    resume = {(state, event) for state in (State.PAUSED, State.ALARM_STOPPED) for event in (Event.RESUME, Event.RESUME_KVO)}
    assert into == start | resume
    assert {state for (state, _), after in TRANSITIONS.items() if after is State.READY and state is not State.READY} == {State.REVIEW}


def test_sr_63_a_received_program_goes_to_pending_remote_only():
    assert {after for (_, event), after in TRANSITIONS.items() if event is Event.OFFER} == {State.PENDING_REMOTE}


def test_sr_93_a_fault_is_left_by_a_power_cycle_only():
    assert {(event, after) for (state, event), after in TRANSITIONS.items() if state is State.FAULT and after is not State.FAULT} == {
        (Event.POWER_OFF, State.OFF)
    }


def test_every_state_can_be_reached_and_left():
    assert set(TRANSITIONS.values()) == set(State)
    assert {state for state, _ in TRANSITIONS} == set(State)


def test_the_page_is_drawn_from_the_tables():
    assert PAGE.read_text(encoding="utf-8") == page()
