"""A change of rate as the pump gets it: the very frame can be written, with the old values beside the new (SR-37, D-17)."""

from types import SimpleNamespace

import pytest

from interop.conduct.to_show import to_show
from interop.domain.events.programme import Attempt, Planned
from interop.wire.link import writer
from tests.wards.ward import NOW, a_case, a_change, a_running_case, an_order, planned


@pytest.mark.parametrize(
    ("asked", "case", "attempt", "source"),
    [(a_change(), a_running_case(), Attempt.TITRATION, ""), (an_order(), a_case(), Attempt.START, "order")],
)
def test_sr_37_d_17_a_change_dosed_by_weight_can_be_sent_and_names_no_new_source_of_it(asked, case, attempt, source):
    offer = planned(asked, case).offer
    event = object.__new__(Planned)  # of which the frame takes the id and the attempt
    object.__setattr__(event, "attempt", attempt)
    object.__setattr__(event, "programme_id", "P1")
    frame = to_show(SimpleNamespace(events=(event,)), offer, "", 25, NOW)
    assert frame.weight_source == source
    assert writer.write(frame)
    assert (frame.container_amount is None) == (frame.container_volume is None) == (attempt is Attempt.TITRATION)
    if attempt is Attempt.TITRATION:
        assert frame.changes.infusion_id == "INF-1"
        assert {setting.name: str(setting.set) for setting in frame.changes.settings} == {"rate": "30 mL/h", "dose rate": "10 ug/kg/min"}
        assert {setting.name for setting in frame.settings} >= {"rate", "dose rate", "weight"}
