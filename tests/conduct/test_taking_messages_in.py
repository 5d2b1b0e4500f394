"""What the EHR is told at once, and what is behind it: CA after the commit, CE when nothing was stored, CR when sending it again will not help."""

import asyncio

import pytest

from interop.conduct.world import Situation
from interop.domain.order import Order
from interop.ports import StoreState
from tests.conduct.virtual import run
from tests.conduct.ward import SENDER, Bedside, Hospital, an_order, changed
from tests.wards.messages import message_of
from tests.wards.ward import demo_release


def test_d_08_what_cannot_be_read_is_not_an_order_or_comes_from_nobody_we_know_is_rejected():
    async def story() -> None:
        hospital = await Hospital.open()
        header = "MSH|^~\\&|EHR1|DEMO|INTEROP|DEMO|20260302015952-0600||{}|A1|P|2.6"
        for message in (
            b"hello",
            b"",
            an_order(1).replace(b"|G0001|", b"||"),
            an_order(1).replace(b"EHR1^2.16", b"NOBODY^2.16"),
            message_of([header.format("ADT^A01")]),
            message_of([header.format("RDE^O11")]),
            message_of([header.format("ACK^O15")]),
            an_order(1).replace(b"PID|", b"PID|\xff"),
        ):
            said = await hospital.send(message)
            assert said is not None
            assert said.code == "CR", message
        assert not await hospital.planned()
        assert await hospital.undone() == 0
        assert hospital.conduct.intake.tally.rejected == 8
        assert all(head.direction.value == "in" for head in await hospital.journal()), "each is kept for the analyst"
        await hospital.close()

    run(story())


def test_d_08_a_peer_that_speaks_under_another_name_than_its_own_is_rejected():
    async def story() -> None:
        hospital = await Hospital.open()
        hospital.speaks = lambda peer, opened: peer == "ehr-1" and opened.profile.name == SENDER
        assert (await hospital.send(an_order(1), peer="mallory")).code == "CR"  # type: ignore[union-attr]
        assert (await hospital.send(an_order(1))).code == "CA"  # type: ignore[union-attr]
        await hospital.close()

    run(story())


def test_d_08_several_orders_in_one_message_are_committed_and_refused_as_a_whole():
    async def story() -> None:
        hospital = await Hospital.open()
        two = an_order(1) + b"ORC" + an_order(2).split(b"\rORC", 1)[1]
        said = await hospital.send(two)
        assert said is not None
        assert said.code == "CA"
        await hospital.settled()
        (answer,) = hospital.ehr.answers
        assert answer.code == "AR"
        assert answer.order == "", "it answers the message and not one of its orders"
        assert len(await hospital.planned()) == 1
        await hospital.close()

    run(story())


@pytest.mark.parametrize("again", [1, 5])
def test_d_04_the_same_message_again_is_acknowledged_alike_and_planned_once(again: int):
    async def story() -> None:
        hospital = await Hospital.open()
        resent = an_order(1, sent_at="20260302080500+0000")
        for message in (an_order(1), *[resent] * again):
            said = await hospital.send(message)
            assert said is not None
            assert (said.code, said.answers) == ("CA", "G0001")
            await asyncio.sleep(1)
        await hospital.settled()
        assert len(await hospital.planned()) == len(hospital.ehr.answers) == 1
        await hospital.close()

    run(story())


def test_sr_12_two_connections_that_send_the_same_message_at_once_make_one_plan():
    async def story() -> None:
        hospital = await Hospital.open()
        answers = await asyncio.gather(*(hospital.send(an_order(1), peer) for peer in ("ehr-1", "ehr-2") * 4))
        assert [said.code for said in answers if said is not None] == ["CA"] * 8
        await hospital.settled()
        assert len(await hospital.planned()) == len(hospital.ehr.answers) == 1
        assert hospital.conduct.intake.tally.resent == 7
        await hospital.close()

    run(story())


def test_d_08_while_nothing_can_be_stored_the_answer_is_ce_nothing_is_programmed_and_it_heals_by_itself():
    async def story() -> None:
        hospital = await Hospital.open()
        assert (await hospital.send(an_order(1))).code == "CA"  # type: ignore[union-attr]
        await hospital.settled()
        hospital.break_store()
        for number in (2, 3):
            assert (await hospital.send(an_order(number))).code == "CE"  # type: ignore[union-attr]
        health = await hospital.conduct.health()
        assert health.store.state is StoreState.FAILING
        assert health.store_failing_since is not None
        await asyncio.sleep(60)
        assert len(await hospital.planned()) == 1
        hospital.mend_store()
        await asyncio.sleep(10)
        assert (await hospital.send(an_order(2))).code == "CA"  # type: ignore[union-attr]
        await hospital.settled()
        assert [event.placer_order_number for event in await hospital.planned()] == ["ORD-1", "ORD-2"]
        alerts = [row for row in await hospital.record.audit_rows("node-a") if row.action == "store.failed"]
        assert len(alerts) == 1, "a person learns of it, once"
        await hospital.close()

    run(story())


def test_d_08_an_order_accepted_before_the_store_failed_is_planned_when_it_works_again():
    async def story() -> None:
        def breaks(number: int, moment: str) -> None:
            if (number, moment) == (1, "after"):
                hospital.break_store()

        bedside = Bedside(connected=False)
        hospital = await Hospital.open(fails=breaks, pumps=bedside)
        assert (await hospital.send(an_order(1))).code == "CA"  # type: ignore[union-attr]
        await asyncio.sleep(30)
        assert bedside.looks <= 1, "the one that found out; while commits fail nothing is planned at all"
        assert not await hospital.planned()
        hospital.mend_store()
        await hospital.settled()
        assert len(await hospital.planned()) == len(hospital.ehr.answers) == 1
        await hospital.close()

    run(story())


@pytest.mark.parametrize(("wants", "told"), [("", True), ("AL", True), ("NE", False), ("ER", False), ("SU", True)])
def test_d_08_a_sender_that_wants_no_accept_answer_gets_none_and_its_order_is_taken_all_the_same(wants: str, told: bool):
    async def story() -> None:
        hospital = await Hospital.open()
        message = an_order(1).replace(b"|AL|AL|", b"|%b|AL|" % wants.encode(), 1)
        assert (await hospital.send(message) is not None) is told
        await hospital.settled()
        assert len(await hospital.planned()) == 1
        await hospital.close()

    run(story())


@pytest.mark.parametrize(("wants", "told"), [("", 1), ("AL", 1), ("NE", 0), ("ER", 1), ("SU", 0)])
def test_d_07_a_refusal_is_sent_to_who_wants_to_know_of_refusals(wants: str, told: int):
    async def story() -> None:
        hospital = await Hospital.open()
        await hospital.send(an_order(1).replace(b"|AL|AL|", b"|AL|%b|" % wants.encode(), 1))
        await hospital.settled()
        assert len(hospital.ehr.answers) == told
        await hospital.close()

    run(story())


def test_sr_14_a_request_waits_for_an_earlier_one_about_its_pump_or_its_order_and_for_no_other():
    class Slow(Bedside):
        async def situation(self, order: Order) -> Situation:
            if order.placer_order_number == "ORD-1" and order.pump_id == "LVP-0001":
                await asyncio.sleep(5)
            return await super().situation(order)

    async def story() -> None:
        hospital = await Hospital.open(pumps=Slow(connected=False))
        await hospital.send(an_order(1))
        await hospital.send(an_order(2))  # on the same pump
        await hospital.send(an_order(1, message_id="G9", pump="LVP-0009"))  # of the same order
        await hospital.send(an_order(3, pump="LVP-0003"))
        await hospital.settled()
        told = [(event.placer_order_number, event.pump_id) for event in await hospital.planned()]
        assert told[:2] == [("ORD-3", "LVP-0003"), ("ORD-1", "LVP-0001")]
        assert set(told[2:]) == {("ORD-2", "LVP-0001"), ("ORD-1", "LVP-0009")}
        await hospital.close()

    run(story())


@pytest.mark.requirement("SR-14")
def test_sr_14_requests_about_one_pump_are_planned_in_the_order_in_which_they_came():
    async def story() -> None:
        hospital = await Hospital.open()
        await asyncio.gather(*(hospital.send(an_order(number)) for number in range(1, 31)))
        await hospital.settled()
        assert [event.placer_order_number for event in await hospital.planned()] == [f"ORD-{number}" for number in range(1, 31)]
        await hospital.close()

    run(story())


def test_d_27_a_sender_that_falls_silent_is_marked_once_and_the_mark_goes_when_it_speaks():
    async def story() -> None:
        hospital = await Hospital.open(release=changed(demo_release(), silent_after_s=600))
        await hospital.send(an_order(1))
        await asyncio.sleep(500)
        assert await hospital.record.projection("feed-silent", SENDER) is None
        await asyncio.sleep(5000)
        assert await hospital.record.projection("feed-silent", SENDER) is not None
        rows = [row for row in await hospital.record.audit_rows("node-a") if row.action == "feed.silent"]
        assert len(rows) == 1
        await hospital.send(an_order(2))
        assert await hospital.record.projection("feed-silent", SENDER) is None
        await hospital.close()

    run(story())
