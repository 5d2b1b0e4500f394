"""The ward run, and the proof that it sees: three controls are broken on purpose, and each time the run says so.

What is checked stands in ``run``; a longer run is ``python benchmarks/ward.py --lives 200000``.
"""

from typing import Any

import pytest

from interop.conduct.offers import Offers
from interop.conduct.pumps import Pumps
from interop.domain import pump as said
from pump_sim import bedside
from tests.ward.run import Broken, Faults, Verdict, ward_run

ONLY_LINES = Faults(line=8, ehr=0, crash_s=0, power_s=0, network_s=0)
SIMPLE = Faults(line=0, ehr=0, crash_s=0, power_s=0, network_s=0)


def test_sr_01_sr_12_sr_47_forty_orders_on_a_ward_of_six_pumps_with_faults_on_every_edge() -> None:
    verdict = ward_run(seed=11, lives=40, pumps=6)
    assert verdict.starts > 5
    assert verdict.acknowledged >= 38
    assert verdict.compared >= verdict.starts


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.requirement("SR-01", "SR-12", "SR-13", "SR-14", "SR-15", "SR-46", "SR-47", "SR-51", "SR-63", "SR-69")
def test_two_and_a_half_thousand_order_lives(seed: int) -> None:
    """Eight times; together 20,000."""
    verdict = ward_run(seed=seed, lives=2500)
    assert_it_was_a_ward(verdict)


def assert_it_was_a_ward(verdict: Verdict) -> None:
    """Everything that the run is there to see has happened."""
    assert verdict.crashes > 3
    assert verdict.power_losses > 1
    assert verdict.line_breaks > 50
    assert verdict.starts > 300
    assert verdict.titrations > 10
    for outcome in ("programme.rejected", "programme.expired", "programme.refused-by-checks"):
        assert verdict.outcomes[outcome], outcome
    assert verdict.outcomes["programme.never-seen"] + verdict.outcomes["programme.answer-lost"]


def test_sr_13_an_offer_that_is_sent_again_when_no_answer_came_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, said.OfferToShow] = {}
    asks_back = Offers.ask_back

    async def again(self: Offers, pump_id: str, channel_id: str, programme_id: str) -> None:
        link = self._link_to(pump_id)
        if link is not None and programme_id in sent:
            await link.send(sent[programme_id])
        await asks_back(self, pump_id, channel_id, programme_id)

    from interop.conduct import offers

    shows = offers.to_show

    def kept(*words: Any) -> said.OfferToShow:
        frame = shows(*words)
        sent[frame.offer_id] = frame
        return frame

    monkeypatch.setattr(offers, "to_show", kept)
    monkeypatch.setattr(Offers, "ask_back", again)
    with pytest.raises(Broken, match="sent twice"):
        ward_run(seed=3, lives=150, pumps=6, faults=ONLY_LINES)


def test_sr_46_a_word_that_is_acknowledged_before_it_is_durable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = Pumps._count

    async def sloppy(self: Pumps, live: Any, word: Any) -> None:
        if isinstance(word, said.Event) and word.kind is said.Kind.ENDED:
            live.up_to = word.number  # the pump may forget it, and nothing holds it
            return
        await counts(self, live, word)

    monkeypatch.setattr(Pumps, "_count", sloppy)
    with pytest.raises(Broken):
        ward_run(seed=4, lives=30, pumps=4, faults=SIMPLE)


def test_sr_63_a_pump_that_starts_by_confirmation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    confirms = bedside._confirm

    def and_starts(machine: Any, channel: Any, badge: str) -> str:
        refused = confirms(machine, channel, badge)
        return refused or bedside.start(machine, channel, badge) or ""

    monkeypatch.setattr(bedside, "_confirm", and_starts)
    with pytest.raises(Broken, match="not by its start key"):
        ward_run(seed=5, lives=30, pumps=4, faults=SIMPLE)


def test_an_acknowledgement_without_its_commit_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from interop.conduct.intake import Intake
    from interop.domain.envelope import Accept

    receives = Intake.receive
    seen = 0

    async def forgetful(self: Intake, incoming: Any) -> None:
        nonlocal seen
        seen += 1
        if seen != 7:
            await receives(self, incoming)
            return
        for each in incoming:
            each.answer(self._renderer.accept(each.message, Accept.COMMITTED, "LOST1", each.received_at))

    monkeypatch.setattr(Intake, "receive", forgetful)
    with pytest.raises(Broken, match="planned 0 times"):
        ward_run(seed=6, lives=20, pumps=4, faults=SIMPLE)
