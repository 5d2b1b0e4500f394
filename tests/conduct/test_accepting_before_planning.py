"""Accepting goes before planning, and never for long: a sender's CA does not wait for plans, and no order waits for ever for CAs (SR-14, SR-53)."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, cast

from interop.conduct.asked import Asked
from interop.conduct.desk import BEGUN, FEW, LONGEST_REST_S, LONGEST_S, QUIET_S, REST, Desk
from interop.conduct.gate import Gate
from interop.conduct.planning import Outcome, Planning
from interop.domain.envelope import Wanted
from tests.conduct.virtual import run

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
PLAN_S = 0.002


def asked(number: int, about: str = "") -> Asked:
    return Asked(f"A{number:05d}", b"", "ehr", str(number), "", Wanted.ALWAYS, AT, frozenset({about} if about else ()))


class Plans:
    """Stands in for planning: takes ``PLAN_S`` for each, and remembers when each was begun."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.ended: list[str] = []
        self.takes_s = PLAN_S
        self.holds_s = 0.0

    async def plan(self, each: Asked, now: Callable[[], datetime]) -> Outcome | None:
        self.began[each.id] = asyncio.get_running_loop().time()
        cast(Any, asyncio.get_running_loop())._no_waiting.passed += self.holds_s  # the loop can do nothing else meanwhile
        await asyncio.sleep(self.takes_s)
        self.ended.append(each.id)
        return None


class OpenGate:
    async def is_open(self) -> None: ...


def a_desk(bound: int = 1024) -> tuple[Desk, Plans]:
    plans = Plans()
    return Desk(cast(Planning, plans), cast(Gate, OpenGate()), lambda: AT, lambda _: None, bound=bound), plans


async def accept(desk: Desk, each: Asked, commit_s: float = 0.001) -> None:
    await desk.reserve()
    await asyncio.sleep(commit_s)
    desk.put(each)


def told(story: Callable[[], Any]) -> None:
    run(story())


def test_an_order_that_comes_alone_is_planned_at_once():
    async def story() -> None:
        desk, plans = a_desk()
        for number in range(3):
            await accept(desk, asked(number))
            put_at = asyncio.get_running_loop().time()
            await desk.idle()
            assert plans.began[asked(number).id] == put_at
            await asyncio.sleep(1)

    told(story)


def test_while_messages_are_accepted_a_few_orders_are_planned_and_the_rest_when_it_is_quiet():
    async def story() -> None:
        desk, plans = a_desk()
        for number in range(400):  # 0.4 s
            await accept(desk, asked(number))
        paces = 0.4 / (PLAN_S + max(QUIET_S, REST * PLAN_S))
        assert FEW * (paces / 2) <= len(plans.began) <= FEW * (paces + 2)
        quiet_at = asyncio.get_running_loop().time()
        await desk.idle()
        assert len(plans.ended) == 400
        assert asyncio.get_running_loop().time() - quiet_at < 3 * QUIET_S + 400 * PLAN_S, "and then nothing holds them back"

    told(story)


def test_plans_that_take_long_have_no_greater_share_and_are_not_put_off_for_long():
    async def story() -> None:
        desk, plans = a_desk()
        plans.takes_s = 0.020
        for number in range(400):
            await accept(desk, asked(number))
        assert FEW <= len(plans.began) <= FEW * (0.4 / (8 * 0.020) + 2)
        plans.takes_s = 1.0
        for number in range(400, 900):
            await accept(desk, asked(number), commit_s=0.004)
        began = sorted(plans.began.values())
        assert max(later - at for at, later in pairwise(began)) < 1.0 + LONGEST_REST_S + 3 * QUIET_S
        await desk.stop()

    told(story)


def test_a_plan_that_holds_the_loop_is_not_taken_for_silence():
    async def story() -> None:
        desk, plans = a_desk()
        plans.holds_s, plans.takes_s = 2 * QUIET_S, 0.0
        for number in range(400):
            await accept(desk, asked(number))
            await asyncio.sleep(QUIET_S / 8)  # until the sender has read CA and sends the next
        passed_s = asyncio.get_running_loop().time()
        assert 0.05 < len(plans.began) * plans.holds_s / passed_s < 0.25
        await desk.idle()

    told(story)


def test_accepting_without_end_keeps_no_order_waiting_for_longer_than_it_may():
    async def story() -> None:
        desk, plans = a_desk(bound=1_000_000)
        loop = asyncio.get_running_loop()
        put_at: dict[str, float] = {}
        while loop.time() < 3 * LONGEST_S:
            each = asked(len(put_at))
            await accept(desk, each)
            put_at[each.id] = loop.time()
        waited = [at - put_at.get(id, at) for id, at in plans.began.items()]
        assert len(waited) > BEGUN
        assert LONGEST_S / 2 < max(waited) < LONGEST_S + 2 * QUIET_S, "it was held back, and not beyond that"
        await desk.stop()

    told(story)


def test_where_half_of_the_room_is_taken_planning_is_not_held_back():
    async def story() -> None:
        desk, plans = a_desk(bound=40)
        for number in range(120):
            await accept(desk, asked(number))
        assert len(plans.began) >= 120 - 40 // 2 - 1
        await desk.idle()

    told(story)


def test_sr_14_what_is_about_one_pump_is_planned_in_the_order_in_which_it_came():
    async def story() -> None:
        desk, plans = a_desk()
        for number in range(300):
            await accept(desk, asked(number, about="pump_id LVP-0001" if number % 3 else ""))
        await desk.idle()
        about_it = [id for id in plans.ended if int(id[1:]) % 3]
        assert about_it == sorted(about_it)
        assert len(plans.ended) == 300

    told(story)


def test_what_waits_is_dropped_when_the_server_stops_and_its_room_is_given_back():
    async def story() -> None:
        desk, plans = a_desk()
        for number in range(50):
            await accept(desk, asked(number))
        waiting = len(desk.ids)
        assert waiting > 30
        await desk.stop()
        assert (len(desk.ids), desk.view().length) == (0, 0)
        assert len(plans.ended) < 50

    told(story)
