"""The story's kill when the server was quicker than it: another order is tried, on a channel that is free again."""

from types import SimpleNamespace
from typing import Any

import pytest

from interop.demo.chapters import trouble
from interop.demo.ehr.hl7 import Message
from interop.demo.pump_desk import Place


class QuickServer:
    """Offers the first order before it is killed. What the pump tells of the rejection reaches the EHR after some looks at it."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.looks = 0
        self.frames: list[dict[str, Any]] = []
        self.orders: dict[str, Any] = {}
        self.marks: dict[str, int] = {}
        self.ehr = SimpleNamespace(order=self._order, answers=lambda order: [], received=self._received)
        self.pumps = SimpleNamespace(log=lambda pump: self.frames, press=self._press)

    def _order(self, how: str, *, order: str, pump: str, **words: str) -> Any:
        self.done.append(order)
        if order == "ORD-3001":
            place: Place = trouble.HERE
            self.frames.append({"frame": "offer_shown", "channel_id": place.channel})
        return SimpleNamespace(verdict="CA", control_id="M1", sent=SimpleNamespace(about={"order": order}))

    def kill_server(self) -> None:
        self.done.append("kill")

    def start_server(self) -> None:
        self.done.append("start")

    def _press(self, pump: str, key: str, **words: str) -> None:
        self.done.append(key)

    def _received(self, kind: str, matching: Any) -> list[Message]:
        assert kind == "ORU^R42"
        self.looks += 1
        told = [
            Message.read(f"MSH|^~\\&|INTEROP||EHR1||20260302080000+0000||ORU^R42|1|T|2.6\rOBR|1|{order}^EHR1\r".encode())
            for order in self.done
        ]
        found = [message for message in told if matching(message)] if self.looks > 2 else []
        if found:
            self.done.append("told")
        return found


def test_an_order_after_a_kill_that_came_too_late_waits_until_the_rejection_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trouble, "ON_ITS_WAY_S", 0)
    monkeypatch.setattr(trouble, "LOOK_EVERY_S", 0)
    hospital, said = QuickServer(), list[str]()
    trouble.kill_with_an_order_in_hand(hospital, said.append)  # type: ignore[arg-type]
    assert hospital.done == ["ORD-3001", "kill", "start", "reject", "told", "ORD-3002", "kill", "start"]
    assert any("came too late" in words for words in said)
    assert hospital.orders["killed"].sent.about["order"] == "ORD-3002"
    assert hospital.marks["killed"] == 1
